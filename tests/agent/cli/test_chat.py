"""`qiaoban chat`, as a person and as a pipe use it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

QIAOBAN = [sys.executable, "-m", "qiaoban_agent"]


def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*QIAOBAN, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_piped_input_is_read_line_by_line_and_ends_cleanly() -> None:
    done = run("chat", typed="我今天好难过\n因为小狗生病了\n")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.count("›") == 2
    assert "我今天好难过" in done.stdout


def test_show_tells_risk_stage_and_events() -> None:
    done = run("chat", "--show", typed="爸爸天天用皮带抽我\n")
    assert "risk: high" in done.stdout
    assert "stage: crisis" in done.stdout
    assert "escalated: high abuse" in done.stdout


def test_english_begins_with_the_american_policy() -> None:
    done = run("chat", "--lang", "en", typed="I want to kill myself\n")
    assert "988" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--policy", "defualt"), "did you mean 'default'"),
        (("--model", "nonsense"), "no model is called 'nonsense'"),
        (("--policy", "/nowhere/x.yaml"), "no such policy"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = run("chat", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def _read_until(terminal: int, wanted: str | None, seconds: float = 30.0) -> bytes:
    """What the program shows until `wanted` comes, or until it ends."""
    shown = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (wanted is None or wanted.encode() not in shown):
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
    return shown


def _in_a_terminal(end: str) -> tuple[int, str]:
    """Type one message in a pseudo-terminal, then end the conversation."""
    pid, master = pty.fork()
    if pid == 0:  # the child process becomes the program
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [*QIAOBAN, "chat"])
    shown = _read_until(master, "›")
    os.write(master, "你好\n".encode())
    shown += _read_until(master, "›")
    if end == "eof":
        os.write(master, b"\x04")
    else:
        os.kill(pid, signal.SIGINT)
    shown += _read_until(master, None)
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


@pytest.mark.slow
@pytest.mark.parametrize("end", ["eof", "interrupt"])
def test_a_terminal_conversation_ends_cleanly(end: str) -> None:
    code, shown = _in_a_terminal(end)
    assert code == 0
    assert "Traceback" not in shown
