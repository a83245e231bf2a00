"""`qiaoban guard` on long inputs: memory, progress, and every way to end it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
GUARD = [sys.executable, "-m", "qiaoban_agent", "guard"]
HARMLESS = "今天吃了西瓜"


def write(path: Path, lines: int) -> Path:
    texts = (f"{HARMLESS}{number}" for number in range(lines))
    path.write_text(
        "".join(f'{{"id": {number}, "text": "{text}"}}\n' for number, text in enumerate(texts)),
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.jsonl"
    return write(path, 20_000)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_closed_pipe_and_ctrl_c_end_it_cleanly(long_file: Path, jobs: str) -> None:
    for end, status in (("close", 141), ("interrupt", 130)):
        with subprocess.Popen(
            [*GUARD, str(long_file), "--jobs", jobs],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            assert json.loads(running.stdout.readline())["id"] == 0
            if end == "interrupt":
                os.killpg(running.pid, signal.SIGINT)
                while running.stdout.read(1 << 16):
                    pass
            running.stdout.close()
            told = running.stderr.read().decode()
            assert running.wait(timeout=60) == status, told
        assert "Traceback" not in told
        assert "Exception" not in told
        assert ("stopped after" in told) is (end == "interrupt")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_no_process_outlives_its_parent(long_file: Path) -> None:
    with subprocess.Popen(
        [*GUARD, str(long_file), "--jobs", "2"], stdout=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.kill()
        deadline = time.monotonic() + 30
        while still := [pid for pid in _group(running.pid) if pid != running.pid]:
            assert time.monotonic() < deadline, f"still running: {still}"
            time.sleep(0.1)


def _group(leader: int) -> list[int]:
    """The processes of a group that are not dead."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it ended meanwhile
            continue
        if int(group) == leader and state not in "ZX":
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("piped", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(tmp_path: Path, *, piped: bool) -> None:
    file = write(tmp_path / "asked.jsonl", 300)
    if piped:
        done = subprocess.run([*GUARD, str(file)], capture_output=True, timeout=60, check=True)
        assert done.stderr == b""
        return
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*GUARD, str(file)],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as running:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # the other end is closed
            pass
        assert running.wait(timeout=60) == 0
    os.close(ours)
    assert "300 lines" in shown.decode(errors="replace")


_PEAK = """
import atexit, re, sys
status = lambda: open("/proc/self/status").read()
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", status())[1], file=sys.stderr))
from qiaoban_agent.cli import app
if __name__ == "__main__":
    app()
"""


def _peak(file: Path, tmp_path: Path, jobs: str) -> int:
    """The most memory, in KiB, that judging a file took in the process that reads and writes."""
    out = tmp_path / "out.jsonl"
    command = [
        sys.executable,
        "-c",
        _PEAK,
        "guard",
        str(file),
        "--jobs",
        jobs,
        "--output",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, timeout=300, check=True)
    return int(done.stderr)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ten_times_the_lines_take_no_more_memory(
    long_file: Path, tmp_path: Path, jobs: str
) -> None:
    short = write(tmp_path / "short.jsonl", 2000)
    few, many = _peak(short, tmp_path, jobs), _peak(long_file, tmp_path, jobs)
    assert many < few * 1.1
