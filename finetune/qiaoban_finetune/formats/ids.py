"""Which ids there were: 8 bytes for each at best and 24 at worst, however long they are.

A set of ten million ids takes more than a gibibyte, and a file of 10 GiB is to be read beside a
model. What is kept is a fingerprint of 64 bits: among ten million ids two different ones have the
same with a chance of about 3 in a million.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b

_FIRST = 1024


class Seen:
    """The ids that were added, in an open-addressed table of fingerprints."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * _FIRST))
        self._count = 0

    def add(self, name: str) -> bool:
        """Whether an id is new; it is not, from then on."""
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if not self._put(int.from_bytes(digest, "little") or 1):
            return False
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            self._grow()
        return True

    def _put(self, mark: int) -> bool:
        table, last = self._table, len(self._table) - 1
        at = mark & last
        while table[at]:
            if table[at] == mark:
                return False
            at = (at + 1) & last
        table[at] = mark
        return True

    def _grow(self) -> None:
        marks = self._table
        self._table = array("Q", bytes(16 * len(marks)))
        for mark in marks:
            if mark:
                self._put(mark)
