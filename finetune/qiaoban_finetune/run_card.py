"""What a run was: its configuration, data, licences, versions, code and result, for whoever asks.

`run_card.json` is for programs, `run_card.md` for people; both are written when a run begins and
again when it ends, so one that was cut off tells that too.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from qiaoban_finetune.config import SourceConfig, TrainingConfig
from qiaoban_finetune.data_report import hashes
from qiaoban_finetune.errors import TrainingError

FILE, TEXT = "run_card.json", "run_card.md"
_PACKAGES = (
    "qiaoban-agent",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "datasets",
    "deepspeed",
    "bitsandbytes",
    "trl",
)


def data_facts(config: TrainingConfig) -> list[dict[str, Any]]:
    """Of every file of data: path, use, bytes, SHA-256, format, share and licence."""
    validation = config.data.validation
    kept = validation if isinstance(validation, tuple) else ()
    facts = [_use(source, "train") for source in config.data.train]
    facts += [_use(source, "validation") for source in kept]
    if config.preference is not None:
        pairs, licence = config.preference.pairs, config.preference.licence
        facts += [_use(SourceConfig(path=path, licence=licence), "preference") for path in pairs]
    return facts


def source_facts(source: SourceConfig) -> dict[str, Any]:
    """Path, format, share, licence, bytes and SHA-256 of a file or folder; DataError without it."""
    size, sha256 = _fingerprint(source.path)
    return {
        "path": str(source.path),
        "format": source.format,
        "share": source.share,
        "licence": source.licence,
        "bytes": size,
        "sha256": sha256,
    }


def begun(
    config: TrainingConfig, facts: Mapping[str, Any], numbers: Mapping[str, Any]
) -> dict[str, Any]:
    """A card as it is when the run begins; `numbers` are what was counted before the first step."""
    return {
        "state": "running",
        "begun": _now(),
        "ended": None,
        "config": config.model_dump(mode="json"),
        "facts": dict(facts),
        "numbers": dict(numbers),
        "versions": versions(),
        "code": code(),
        "machine": machine(),
    }


def ended(card: Mapping[str, Any], state: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The card with how the run ended ("finished", or why it stopped) and what came of it."""
    return {
        **card,
        "state": state,
        "ended": _now(),
        "numbers": {**card["numbers"], **numbers},
    }


def write_card(run: Path, card: Mapping[str, Any]) -> None:
    """Write both files, each whole or not at all; TrainingError where they cannot be written."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        _replace(run / FILE, json.dumps(card, ensure_ascii=False, indent=2) + "\n")
        _replace(run / TEXT, as_text(card))
    except OSError as error:
        raise TrainingError(
            f"{run / FILE} cannot be written: {error.strerror or error}; make room, or choose "
            "another output"
        ) from error


def read_card(run: Path) -> dict[str, Any] | None:
    """The card of a run, None where there is none; TrainingError where it cannot be read."""
    file = run / FILE
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{file} cannot be read: {error}; choose another output") from error
    return cast("dict[str, Any]", card)


def as_text(card: Mapping[str, Any]) -> str:
    """The card in Markdown."""
    config = card["config"]
    lines = [
        f"# {config['method']['kind']} training of {config['model']['base']}",
        "",
        f"State: {card['state']}. Begun {card['begun']}, ended {card['ended'] or 'not yet'}.",
        "",
        "## Data",
        "",
        "| file | use | format | share | licence | bytes | SHA-256 |",
        "|---|---|---|---|---|---|---|",
        *(_row(source) for source in card["facts"]["files"]),
        "",
    ]
    for title, told in (
        ("Numbers", card["numbers"]),
        ("Versions", card["versions"]),
        ("Code", card["code"]),
        ("Machine", card["machine"]),
    ):
        lines += [f"## {title}", "", *(f"- {key}: {value}" for key, value in told.items()), ""]
    lines += ["## Configuration", "", "```json"]
    lines += [json.dumps(config, ensure_ascii=False, indent=2), "```", ""]
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Python and the packages that decide what is learnt, those that are installed."""
    return {"python": platform.python_version(), **dict(_installed(_PACKAGES))}


def code() -> dict[str, Any]:
    """The git commit of this package, and whether it was changed since; empty outside of git."""
    folder = Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--", "."))}


def machine() -> dict[str, Any]:
    """What the run computes on."""
    import torch

    cuda: Any = torch.cuda
    names = [cuda.get_device_name(number) for number in range(cuda.device_count())]
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "gpus": names,
        "cuda": cast("Any", torch).version.cuda,
    }


def _use(source: SourceConfig, use: str) -> dict[str, Any]:
    return {"use": use, **source_facts(source)}


def _fingerprint(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file; of a folder that of the list which `sha256sum` prints of it."""
    found = hashes(path)
    size = sum(each.bytes for each in found)
    if not path.is_dir():
        return size, found[0].sha256
    told = "".join(f"{each.sha256}  {Path(each.path).name}\n" for each in found)
    return size, hashlib.sha256(told.encode()).hexdigest()


def _row(source: Mapping[str, Any]) -> str:
    licence = source["licence"] or "not stated"
    cells = (source["path"], source["use"], source["format"], source["share"], licence)
    return f"| {' | '.join(map(str, cells))} | {source['bytes']} | `{source['sha256']}` |"


def _installed(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _git(folder: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(folder), *command],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
