"""The processes of a run: who is the first, what they agree on, and DeepSpeed's settings.

`torchrun`, `deepspeed` and `accelerate launch` start one process for each GPU and tell each its
number in the environment; without them a run is one process.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_agent.errors import MissingExtraError
from qiaoban_finetune.errors import TrainingError
from qiaoban_finetune.legacy import modern_deepspeed, read_deepspeed

_LOG = logging.getLogger(__name__)
_MARK = ".shared"
_HOLDING = ("torch.distributed.nn.functional", "deepspeed.comm.torch")
"""Modules whose functions have the group of the moment they are imported as a default, for ever."""
_CACHED = type(cache(len))


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
    """What surrounds a run: DeepSpeed is told of a single process, and the group is closed."""
    alone = _alone() if deepspeed and not launched() else {}
    os.environ.update(alone)
    for name in _HOLDING if launched() else ():
        with suppress(ImportError):
            import_module(name)
    try:
        yield
    finally:
        _close_group()
        for key in alone:
            os.environ.pop(key, None)


@contextmanager
def freed(trainer: Any) -> Generator[None]:
    """Take from the model, when the block ends, the hooks by which it would hold the group."""
    try:
        yield
    finally:
        trainer.accelerator.free_memory()
        reference: Any = getattr(trainer, "ref_model", None)
        if hasattr(reference, "destroy"):  # an engine of DeepSpeed, which accelerate knows not of
            reference.destroy()
        _forget_divided_models()


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
    """DeepSpeed's JSON as DeepSpeed takes it today; what an older one had besides is logged.

    Raises ConfigError where the file is none, MissingExtraError without DeepSpeed.
    """
    if path is None:
        return None
    try:
        import_module("deepspeed")
    except ImportError as error:
        raise MissingExtraError("training with DeepSpeed", "deepspeed") from error
    settings, notices = modern_deepspeed(read_deepspeed(path))
    for notice in notices if rank() == 0 else ():
        _LOG.warning("%s: %s", path, notice)
    return settings


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


def _forget_divided_models() -> None:
    """Empty the list and the caches of methods in which ZeRO-3 keeps every model it divided."""
    offload: Any = sys.modules.get("deepspeed.runtime.zero.parameter_offload")
    if offload is None:
        return
    offload.FWD_MODULE_STACK.clear()
    for each in gc.get_objects():
        if type(each) is _CACHED and each.__module__.startswith("deepspeed."):
            each.cache_clear()


def _close_group() -> None:
    """Close the group and see the threads of gloo end, which the last reference to it keeps alive.

    One that lets go of a tensor when Python has begun to leave aborts the whole process.
    """
    distributed: Any = import_module("torch.distributed")
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    deepspeed: Any = sys.modules.get("deepspeed.comm")
    closing = distributed if deepspeed is None or not deepspeed.is_initialized() else deepspeed
    closing.destroy_process_group()
    gc.collect()  # models and engines hold it in circles


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
