"""What the files of a run are made of: ids, and text that is written whole."""

from __future__ import annotations

import os
from pathlib import Path


def name_of(recipe: str, number: int) -> str:
    """The id of what a task becomes."""
    return f"{recipe}-{number:06d}"


def write_text(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
