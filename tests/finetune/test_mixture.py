"""Shares of sources: exact, spread, the same under a seed, and resumed where they stopped."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import write
from qiaoban_finetune.mixture import Mixture, Source

SIZES = {"own": 80, "more": 20, "general": 300}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each name with so many dialogues, `NAME-NUMBER`."""
    place = tmp_path_factory.mktemp("sources")
    for name, size in SIZES.items():
        said = (Message("user", "你好"), Message("assistant", "你好呀"))
        write(
            (Dialogue(f"{name}-{n}", said) for n in range(size)), place / f"{name}.jsonl", "openai"
        )
    return place


def _mixture(folder: Path, window: int = 16, seed: int = 1, **shares: float) -> Mixture:
    sources = [Source(folder / f"{name}.jsonl", share=share) for name, share in shares.items()]
    return Mixture(sources, seed, window=window)


def _ids(mixture: Mixture, epoch: int = 0, start: int = 0) -> list[str]:
    return [dialogue.id for dialogue in mixture.epoch(epoch, start=start)]


def _of(name: str, ids: list[str]) -> list[str]:
    return [one for one in ids if one.startswith(f"{name}-")]


@pytest.mark.parametrize("scale", [1.0, 0.8, 3.0])
def test_own_data_comes_once_and_general_data_at_its_ratio(folder: Path, scale: float) -> None:
    mixture = _mixture(folder, own=scale, more=scale, general=scale / 4)
    assert mixture.counts == (80, 20, 25)
    assert len(mixture) == 125
    for epoch in range(3):
        ids = _ids(mixture, epoch)
        assert len(ids) == 125
        assert len(_of("own", ids)) == len(set(_of("own", ids))) == 80
        assert len(_of("more", ids)) == len(set(_of("more", ids))) == 20
        assert len(_of("general", ids)) == 25


def test_equal_shares_are_every_dialogue_once(folder: Path) -> None:
    ids = _ids(_mixture(folder, own=1, more=1, general=1))
    assert len(ids) == len(set(ids)) == sum(SIZES.values())


def test_replay_goes_on_where_the_epoch_before_stopped_and_begins_again(folder: Path) -> None:
    mixture = _mixture(folder, general=0.4, own=1)
    drawn = [one for epoch in range(10) for one in _of("general", _ids(mixture, epoch))]
    assert Counter(drawn) == {f"general-{n}": 1 + (n < 20) for n in range(300)}
    small = _mixture(folder, own=1, more=0.5)
    counts = Counter(_of("more", _ids(small)))
    assert set(counts.values()) == {2}


def test_sources_are_spread_over_an_epoch(folder: Path) -> None:
    ids = _ids(_mixture(folder, own=1, more=1, general=0.5))
    quarters = [ids[start : start + 37] for start in range(0, 148, 37)]
    for name, expected in (("own", 19.7), ("more", 4.9), ("general", 12.3)):
        for quarter in quarters:
            assert expected - 9 < len(_of(name, quarter)) < expected + 9


def test_the_order_is_the_seeds_and_the_epochs(folder: Path) -> None:
    def ids(seed: int, epoch: int) -> list[str]:
        return _ids(_mixture(folder, own=1, general=0.25, seed=seed), epoch)

    assert ids(1, 0) == ids(1, 0)
    assert ids(1, 0) != ids(2, 0)
    assert ids(1, 0) != ids(1, 1)
    assert list(_mixture(folder, own=1)) == list(_mixture(folder, own=1).epoch(0))
    in_order = [f"own-{n}" for n in range(80)]
    assert _ids(_mixture(folder, own=1)) != in_order


@given(start=st.integers(0, 130), epoch=st.integers(0, 3), window=st.sampled_from([1, 16, 4096]))
def test_a_mixture_is_resumed_from_a_position(
    folder: Path, start: int, epoch: int, window: int
) -> None:
    whole = _ids(_mixture(folder, window, own=1, more=1, general=0.25), epoch)
    resumed = _ids(_mixture(folder, window, own=1, more=1, general=0.25), epoch, start)
    assert resumed == whole[start:]


def test_no_more_than_the_window_is_waiting(folder: Path) -> None:
    ids = _ids(_mixture(folder, window=4, general=1))
    numbers = [int(one.removeprefix("general-")) for one in ids]
    assert all(number <= place + 4 for place, number in enumerate(numbers))


def test_an_error_in_the_last_line_stops_it_before_the_first_dialogue(tmp_path: Path) -> None:
    said = (Message("user", "你好"), Message("assistant", "你好呀"))
    file = tmp_path / "a.jsonl"
    write([Dialogue(f"{n}", said) for n in range(9)], file, "openai")
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"messages": []}\n')
    with pytest.raises(DataError, match=r"a.jsonl:10 \(record 10\): messages: is empty"):
        next(islice(Mixture([Source(file)], 1).epoch(0), 1))


def test_what_cannot_be_mixed_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="nothing to learn from; name at least one source"):
        Mixture([], 1)
    for share in (0, -1, float("nan")):
        with pytest.raises(DataError, match=r"own.jsonl: its share is .*; write more than 0"):
            _mixture(folder, own=share)
