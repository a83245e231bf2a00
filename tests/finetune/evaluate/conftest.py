"""What inspect complains of when it asks a model is passed over here, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
_TENACITY = "ignore:The 'initial' parameter is deprecated:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_TENACITY))
