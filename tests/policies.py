"""Shipped policies for tests that are not about notices: nothing but the answer is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiaoban_agent import Policy, load_policy

UNANNOUNCED: Mapping[str, Any] = {
    "presence": {
        "disclose_at_start": False,
        "disclose_every": None,
        "break_every": None,
        "daily": [],
    }
}


def unannounced(overrides: Mapping[str, Any] | None = None, shipped: str = "default") -> Policy:
    """A shipped policy without notices and limits of time; `overrides` are laid over it."""
    return load_policy(shipped, {**UNANNOUNCED, **(overrides or {})})
