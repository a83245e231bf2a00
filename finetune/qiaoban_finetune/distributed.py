"""The processes of a run: who is the first, what they agree on, and DeepSpeed's settings.

`torchrun`, `deepspeed` and `accelerate launch` start one process for each GPU and tell each its
number in the environment; without them a run is one process.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from qiaoban_agent.errors import MissingExtraError
from qiaoban_finetune.errors import ConfigError, TrainingError

_MARK = ".shared"


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def ranks() -> int:
    """How many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def launched() -> bool:
    """Whether a launcher started this process, or `process_group` did as if it were one."""
    return "RANK" in os.environ


@contextmanager
def process_group(*, deepspeed: bool) -> Generator[None]:
    """What surrounds a run: DeepSpeed is told of a single process, and the group is closed.

    Without an end of its own a group aborts at exit now and then.
    """
    alone = _alone() if deepspeed and not launched() else {}
    os.environ.update(alone)
    try:
        yield
    finally:
        distributed: Any = import_module("torch.distributed")
        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()
        for key in alone:
            os.environ.pop(key, None)


def agree(problem: Exception | str | None, what: str) -> None:
    """Raise TrainingError in every process if one of them has a problem, so that none waits."""
    text = None if problem is None else _told(problem)
    problems = [text]
    distributed: Any = import_module("torch.distributed")
    if distributed.is_available() and distributed.is_initialized():
        problems = [None] * distributed.get_world_size()
        distributed.all_gather_object(problems, text)
    told = [f"process {number}: {each}" for number, each in enumerate(problems) if each]
    if told:
        cause = problem if isinstance(problem, Exception) else None
        raise TrainingError(f"{what}: {text if len(problems) == 1 else '; '.join(told)}") from cause


def refuse_unshared(run: Path) -> None:
    """Raises TrainingError where a process does not see what the first one wrote into `run`."""
    if ranks() == 1:
        return
    mark = run / _MARK
    if rank() == 0:
        mark.touch()
    agree(None, "the processes")
    seen = mark.exists()
    agree(
        None
        if seen
        else f"{run} on {socket.gethostname()} is not the folder that the first process writes to",
        "output has to lie on storage that all machines share",
    )
    if rank() == 0:
        mark.unlink(missing_ok=True)


def deepspeed_settings(path: Path | None) -> dict[str, Any] | None:
    """DeepSpeed's JSON; under ZeRO-3 the first process is to get the weights in one piece.

    Raises ConfigError where the file is none, MissingExtraError without DeepSpeed.
    """
    if path is None:
        return None
    try:
        import_module("deepspeed")
    except ImportError as error:
        raise MissingExtraError("training with DeepSpeed", "deepspeed") from error
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"deepspeed: {path} cannot be read as JSON: {error}") from error
    if not isinstance(read, dict):
        raise ConfigError(f"deepspeed: {path} holds no JSON object; see finetune/configs/deepspeed")
    return cast("dict[str, Any]", read)


def join_deepspeed() -> None:
    """Tell DeepSpeed of the processes that torch has found; ZeRO-3 divides weights among them."""
    distributed: Any = import_module("torch.distributed")
    deepspeed: Any = import_module("deepspeed")
    deepspeed.init_distributed(
        dist_backend=distributed.get_backend(), auto_mpi_discovery=False, verbose=False
    )


def zero_stage(settings: Mapping[str, Any] | None) -> int:
    """0 without DeepSpeed, else which of its states the processes divide (1, 2 or 3)."""
    zero: Mapping[str, Any] = (settings or {}).get("zero_optimization") or {}
    return int(zero.get("stage", 0))


def trained_weights(model: Any) -> dict[str, Any]:
    """The weights that are trained, by name, on the CPU of the first process; {} in the others.

    Under ZeRO-3 every process has to call it: they are put together one by one.
    """
    weights: dict[str, Any] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            with _whole(weight):
                if rank() == 0:
                    weights[name] = weight.detach().cpu().clone()
    return weights


@contextmanager
def _whole(weight: Any) -> Generator[None]:
    if not hasattr(weight, "ds_id"):
        yield
        return
    zero: Any = import_module("deepspeed").zero
    with zero.GatheredParameters([weight]):
        yield


def _told(problem: Exception | str) -> str:
    if isinstance(problem, str):
        return problem
    why = problem.strerror if isinstance(problem, OSError) else None
    return f"{why or problem} ({type(problem).__name__})"


def _alone() -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
