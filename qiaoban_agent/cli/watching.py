"""Putting a policy in force again when one of its files was written anew."""

from __future__ import annotations

from pathlib import Path

from qiaoban_agent.companion import Companion
from qiaoban_agent.errors import DocumentError
from qiaoban_guards.policy import open_policy

Stamps = dict[Path, tuple[int, int]]


class PolicyWatch:
    """Looks after the files of a companion's policy, those that it extends among them."""

    def __init__(self, companion: Companion, policy: str) -> None:
        self._companion, self._policy = companion, policy
        self._files = _files_of(policy)
        self._seen = _stamps(self._files)

    def look(self) -> str:
        """What became of a change: empty for none, else a line that says so.

        A policy that cannot be loaded leaves the one before in force.
        """
        now = _stamps(self._files)
        if now == self._seen:
            return ""
        self._seen = now
        try:
            loaded = self._companion.reload_policy(self._policy)
            self._files = _files_of(self._policy)
        except DocumentError as error:
            return f"{error} (the policy before stays in force)"
        self._seen = _stamps(self._files)
        return f"policy {loaded.id} is in force anew"


def _files_of(policy: str) -> tuple[Path, ...]:
    _, source = open_policy(policy)
    return tuple(path for name, _ in source.origins if (path := Path(name)).is_file())


def _stamps(files: tuple[Path, ...]) -> Stamps:
    """When each file was written, and how long it is; a file that is gone is left out."""
    return {
        path: (stat.st_mtime_ns, stat.st_size)
        for path in files
        if path.is_file() and (stat := path.stat())
    }
