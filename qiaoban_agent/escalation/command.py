"""A route that runs a program: the case as JSON on its standard input, 0 for its receipt."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from qiaoban_agent.escalation.message import Letter, payload
from qiaoban_guards.policy.escalation import CommandRoute


def run(route: CommandRoute, letter: Letter) -> str:
    """Why the program did not take the case; empty if it did.

    A program that is late is killed with its whole process group. No shell reads the command.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the program is the policy's own
            route.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return f"the program does not start: {type(error).__name__}"
    with process:
        try:
            process.communicate(payload(letter), timeout=route.seconds)
        except subprocess.TimeoutExpired:
            return f"no exit within {route.seconds:g} s"
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return f"exit status {process.returncode}" if process.returncode else ""
