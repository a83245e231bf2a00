"""What importing the companion costs, beside importing the libraries that it cannot do without."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

LIBRARIES = "import asyncio, numpy, opencc, pydantic, yaml"
OURS = "import qiaoban_agent"
TIMED = "import time\nbegan = time.process_time()\n{}\nprint(time.process_time() - began)"


def cpu_seconds(code: str) -> float:
    """CPU seconds of an import in a fresh interpreter, whose own start is not counted."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return float(done.stdout)


def test_import(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    libraries = min(cpu_seconds(LIBRARIES) for _ in range(5))
    ours = [cpu_seconds(OURS) for _ in range(4)]
    ours.append(benchmark.pedantic(cpu_seconds, args=(OURS,), rounds=1))
    with capsys.disabled():
        sys.stdout.write(
            f"\nimporting the companion: {min(ours):.3f} s of CPU, "
            f"{min(ours) / libraries:.2f} times its libraries' {libraries:.3f} s\n"
        )
