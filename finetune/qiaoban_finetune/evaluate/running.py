"""Running tasks with inspect: where its logs go, and what it may not do beside them.

inspect's telemetry, its servers and its live buffer are off; nothing but the models that were
named is asked over a network.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiaoban_finetune.errors import EvaluationError
from qiaoban_guards.errors import MissingExtraError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog

_TELEMETRY = ("INSPECT_TELEMETRY", "INSPECT_REQUIRED_HOOKS")
_AT_ONCE = 8


def require_inspect() -> None:
    """Raise MissingExtraError unless inspect is installed."""
    try:
        import inspect_ai  # noqa: F401 # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise MissingExtraError("an evaluation", "evaluate") from error


def run_tasks(
    tasks: Sequence[Task], logs: Path, *, at_once: int = _AT_ONCE, epochs: int = 1
) -> list[EvalLog]:
    """Run tasks, `at_once` samples of one at a time; their logs, which also stand in `logs`.

    A sample that fails is kept with its error and the others go on. Raises EvaluationError where
    a task could not be run at all.
    """
    require_inspect()
    evaluate: Any = import_module("inspect_ai").eval

    logs.mkdir(parents=True, exist_ok=True)
    with _alone():
        done = evaluate(
            list(tasks),
            model="none/none",
            log_dir=str(logs),
            log_format="eval",
            log_realtime=False,
            display="none",
            score_display=False,
            ctl_server=False,
            acp_server=False,
            notification=False,
            max_samples=at_once,
            max_tasks=1,
            epochs=epochs,
            fail_on_error=False,
        )
    for log in done:
        if log.status != "success" or log.samples is None:
            told = log.error.message if log.error else log.status
            raise EvaluationError(
                f"{log.eval.task}: did not run: {told}; the log is {log.location}"
            )
    return list(done)


@contextmanager
def _alone() -> Generator[None]:
    """Without the environment's telemetry, which is put back; and nothing is left behind."""
    kept = {name: os.environ.pop(name) for name in _TELEMETRY if name in os.environ}
    with warnings.catch_warnings():
        # inspect leaves its streams open, which would complain in somebody else's code
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            os.environ.update(kept)
            gc.collect()
