"""The configurations that come with the package: `finetune/configs` of the repository."""

from __future__ import annotations

from pathlib import Path

from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import nearest


def configs_folder() -> Path:
    """Where the shipped configurations stand: in the package, else in the repository."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "configs"


def shipped_configs() -> dict[str, Path]:
    """The shipped configurations by name."""
    return {path.stem: path for path in sorted(configs_folder().glob("*.yaml"))}


def find_config(name_or_path: str | Path) -> Path:
    """The file of a shipped configuration or of one's own; ConfigError where there is none."""
    shipped = shipped_configs()
    if isinstance(name_or_path, str) and name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if path.is_file():
        return path
    near = nearest(str(name_or_path), shipped)
    raise ConfigError(
        f"{name_or_path}: no such configuration; give a path or one of {', '.join(shipped)}{near}"
    )
