"""Runs in processes of their own: one that can be killed, or two that a launcher starts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from qiaoban_finetune.config import TrainingConfig
from qiaoban_finetune.shipped import configs_folder
from tests.conftest import ROOT

RANKS = 2
SCRIPT = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from qiaoban_finetune.config import parse_config
from qiaoban_finetune.train import train
config = parse_config(json.loads(sys.argv[1]), origins=[("the test", "{}")])
train(config, resume=bool(sys.argv[2]))
tasks = Path("/proc/self/task")
left = [each for each in tasks.glob("*/comm") if "gloo" in each.read_text()]
assert not left, "threads of the group are left, which abort the process at its end now and then"
"""


def in_a_process(command: Sequence[str], seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """A command of Python's that finds the packages of this tree; one thread for each process."""
    paths = [str(ROOT), str(ROOT / "guards"), str(ROOT / "finetune")]
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def launched(
    config: TrainingConfig, *, resume: bool = False, before: str = "", accelerate: bool = False
) -> subprocess.CompletedProcess[str]:
    """The run in two processes, as torchrun or `accelerate launch` starts them.

    `before` is executed in both first; they fail where a thread of their group outlives the run.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    folder = config.output.parent
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "run.py"
    script.write_text(before + SCRIPT)
    words = f"torch.distributed.run --nproc_per_node {RANKS} --master_addr 127.0.0.1 --master_port"
    if accelerate:  # without MPI it starts two on a CPU by no other option than --multi_gpu
        words = (
            f"accelerate.commands.launch --multi_gpu --num_processes {RANKS} --num_machines 1 "
            "--mixed_precision no --dynamo_backend no --main_process_port"
        )
    told = json.dumps(config.model_dump(mode="json"))
    return in_a_process(["-m", *words.split(), port, str(script), told, "yes" if resume else ""])


def zero(folder: Path, stage: int) -> Path:
    """DeepSpeed's JSON for a stage, as the shipped ones are, with buckets for a small model."""
    pytest.importorskip("deepspeed")
    if shutil.which("g++") is None:
        pytest.skip("DeepSpeed compiles its collectives for CPUs, which takes g++")
    shipped = configs_folder() / "deepspeed" / f"zero{stage}-4gpus.json"
    told = json.loads(shipped.read_text("utf-8"))
    told["zero_optimization"]["reduce_bucket_size"] = 50_000
    file = folder / f"zero{stage}.json"
    file.write_text(json.dumps(told))
    return file
