"""How long a policy takes to load with everything it extends, from its file each time."""

from __future__ import annotations

from typing import Any

import pytest

from qiaoban_guards.policy import shipped_policies
from qiaoban_guards.policy.load import open_policy


@pytest.mark.benchmark(group="policy")
@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_loading_a_policy(benchmark: Any, name: str) -> None:
    policy, _ = benchmark(open_policy, name)
    assert policy.id == name
