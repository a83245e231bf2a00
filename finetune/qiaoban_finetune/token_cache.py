"""Encoded examples on disk: made once for the same data, tokenizer, template and limit.

    tokens = encoded(mixture, encoder, folder=Path("cache"), data=digests(paths))
    tokens.lengths, tokens[7]

They lie in a file of Arrow's stream format, which `datasets.Dataset.from_file` opens too, and are
read through a memory map: what a run holds in memory is what it looks at, however long the file.
Two processes that want the same examples at once make them once.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.checkpoints.errors import CheckpointError
from qiaoban_agent.checkpoints.staged import UNFINISHED, staged
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.encoding import Encoder
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.tokens import EXAMPLES, FACTS, Tokens
from qiaoban_finetune.writing_tokens import write_tokens

VERSION = 2
"""Another number where the same dialogues would be encoded otherwise than before."""


def encoded(
    dialogues: Iterable[Dialogue],
    encoder: Encoder,
    *,
    folder: Path,
    data: Mapping[str, Any],
    processes: int = 1,
) -> Tokens:
    """The examples of the dialogues, out of `folder` if they are there, else made and kept.

    `data` is plain data that is another one whenever the dialogues are: `digests` of their files,
    and whatever else chooses or orders them, as shares and a seed. Raises DataError for a dialogue
    that cannot be learnt from, and where the folder cannot be written.
    """
    target = folder / _key(encoder, data)
    if not (target / FACTS).is_file():
        try:
            _make(target, dialogues, encoder, processes)
        except (OSError, CheckpointError) as error:
            raise DataError(
                f"encoded examples cannot be kept in {folder}: {error}; make room, or name "
                "another folder"
            ) from error
    return Tokens(target)


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of each file, by its name as it was given; about 1.5 GB a second."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            with path.open("rb") as opened:
                found[str(path)] = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    return found


def _make(target: Path, dialogues: Iterable[Dialogue], encoder: Encoder, processes: int) -> None:
    locks: Any = import_module("filelock")
    target.parent.mkdir(parents=True, exist_ok=True)
    with locks.FileLock(target.with_name(f"{target.name}.lock")):
        if (target / FACTS).is_file():  # whoever held the lock before has made it
            return
        _sweep(target)
        with staged(target) as part:
            facts = write_tokens(part / EXAMPLES, dialogues, encoder, processes)
            (part / FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def _sweep(target: Path) -> None:
    """Remove what a process left that was killed."""
    for left in target.parent.glob(f".{target.name}.*{UNFINISHED}"):
        shutil.rmtree(left, ignore_errors=True)


def _key(encoder: Encoder, data: Mapping[str, Any]) -> str:
    known = {
        "version": VERSION,
        "tokenizers": import_module("tokenizers").__version__,
        "tokenizer": _tokenizer(encoder.tokenizer),
        "format": asdict(encoder.format),
        "end": encoder.end_id,
        "max_tokens": encoder.max_tokens,
        "data": dict(data),
    }
    told = json.dumps(known, sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _tokenizer(tokenizer: Any) -> str:
    """All that decides how it encodes; how it pads and cuts, which it remembers, does not."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        told: dict[str, Any] = json.loads(backend.to_str())
        told |= {"truncation": None, "padding": None}
    else:
        file: str | None = getattr(tokenizer, "vocab_file", None)
        told = {
            "kind": type(tokenizer).__qualname__,
            "words": tokenizer.get_vocab(),
            "added": {str(k): str(v) for k, v in tokenizer.added_tokens_decoder.items()},
            "file": digests([Path(file)]) if file else None,
        }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
