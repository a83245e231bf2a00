"""What a store raises."""

from __future__ import annotations

from qiaoban_agent.errors import QiaobanError


class StoreError(QiaobanError):
    """A store that cannot be opened, or something in it that cannot be read.

    The text names what by digest or id; it never holds a child's words.
    """
