"""Going on with a run that was cut off: from where, and only as what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.errors import TrainingError
from qiaoban_finetune.run_card import FILE, read_card
from qiaoban_finetune.saving import CHECKPOINTS, checkpoints

_FREE = ("output", "merge", "checkpoints", "logging")
"""Keys that change nothing of what is learnt."""
_ABSENT = "(absent)"


def starting_point(
    run: Path, resume: bool | Path, facts: Mapping[str, Any], config: TrainingConfig
) -> Path | None:
    """The checkpoint to go on from; None for the beginning.

    `resume` True takes the newest one, or begins if there is none yet; a path is that one.
    `facts` are what must be as it was beside the configuration: the hashes of files, the number of
    processes. Raises TrainingError where a run stands in the way of a new one, or another
    configuration began it: every difference is shown.
    """
    begun = read_card(run)
    if begun is None:
        if resume is not False:
            raise TrainingError(f"{run} holds no run to resume ({FILE}); leave --resume out")
        return None
    if resume is False:
        raise TrainingError(
            f"{run} holds a run already; go on with it (--resume), or choose another output"
        )
    changed = list(differences(_compared(begun["config"], begun["facts"]), _now(config, facts)))
    if changed:
        raise TrainingError(
            f"{run} was begun as something else; go on with the same, or choose another output:\n"
            + "\n".join(f"  {line}" for line in changed)
        )
    if resume is not True:
        if not (resume / "trainer_state.json").is_file():
            raise TrainingError(f"{resume} is no checkpoint; see {run / CHECKPOINTS}")
        return resume
    return next(reversed(checkpoints(run)), None)


def differences(old: object, new: object, key: str = "") -> Iterator[str]:
    """`key: old → new` for each value of two JSON objects that differs."""
    before, after = _parts(old), _parts(new)
    if before is None or after is None:
        if old != new:
            yield f"{key}: {_shown(old)} → {_shown(new)}"
        return
    for name in sorted({*before, *after}):
        inner = f"{key}{name}" if name.startswith("[") or not key else f"{key}.{name}"
        yield from differences(before.get(name, _ABSENT), after.get(name, _ABSENT), inner)


def _parts(value: object) -> dict[str, object] | None:
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    if isinstance(value, list):
        return {f"[{number}]": each for number, each in enumerate(cast("list[object]", value))}
    return None


def _now(config: TrainingConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    # through JSON, as the card went
    return _compared(config.model_dump(mode="json"), json.loads(json.dumps(facts)))


def _compared(config: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in config.items() if key not in _FREE}, **facts}


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
