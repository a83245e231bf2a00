"""Hours of quiet as people write them: a wrong one is refused, never misread."""

from __future__ import annotations

import pytest

from qiaoban_agent.errors import DocumentError
from qiaoban_guards.policy import parse_policy


def _policy(since: str) -> str:
    return (
        "extends: default\nid: own\n"
        f"presence:\n  quiet_hours: [{{since: {since}, until: '06:30'}}]\n"
    )


@pytest.mark.parametrize("since", ["21:00", "'21:00'", "'9:05'", "'00:00'"])
def test_an_hour_of_the_day_is_read(since: str) -> None:
    hours = parse_policy(_policy(since)).presence.quiet_hours[0]
    assert hours.since.tzinfo is None
    assert hours.until.hour == 6


@pytest.mark.parametrize(
    "since", ["21.00", "21", "'21:00+08:00'", "'21:00Z'", "'24:00'", "'9pm'", "1260", "''"]
)
def test_anything_else_is_refused_with_what_to_write(since: str) -> None:
    with pytest.raises(DocumentError, match="write hours and minutes like '21:00'"):
        parse_policy(_policy(since))
