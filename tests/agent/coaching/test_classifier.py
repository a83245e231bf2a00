"""The coaching classifier's files: whole, of the right shape, and not trained on its tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

import qiaoban_agent
from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import (
    ACTS,
    BUCKETS,
    CUES,
    EMOTIONS,
    HEADS,
    CoachingClassifier,
)
from qiaoban_agent.coaching.clauses import clauses
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.lexicon import Lexicon
from qiaoban_guards.classification.linear import LinearModel, read_arrays
from qiaoban_guards.policy.schema import Language

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "finetune" / "coaching" / "corpus"
HELD_OUT = ROOT / "tests" / "data" / "coaching"
MODEL = Path(qiaoban_agent.__file__).parent / "coaching" / "model"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
ARRAYS = ("weights", "scale", "bias", "slope", "offset")
languages = st.sampled_from(LANGUAGES)


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray[Any]]:
    with (MODEL / "weights.npz").open("rb") as file:
        return dict(read_arrays(file))


def written(folder: Path, arrays: dict[str, NDArray[Any]], thresholds: str | None = None) -> Path:
    np.savez(folder / "weights.npz", **cast("Any", arrays))
    text = thresholds or (MODEL / "thresholds.json").read_text("utf-8")
    (folder / "thresholds.json").write_text(text, encoding="utf-8")
    return folder


def small(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same arrays, the weights all nought: quick to write."""
    return {
        name: np.broadcast_to(np.int8(0), array.shape) if name.endswith("weights") else array
        for name, array in arrays.items()
    }


def rows(folder: Path) -> list[dict[str, Any]]:
    """Every row under a folder's languages, with its kind and language."""
    return [
        {**json.loads(line), "kind": file.stem.split("_")[0], "language": file.parent.name}
        for file in sorted(folder.glob("*/*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", HEADS)
def test_the_shipped_arrays_have_a_column_for_every_head(
    arrays: dict[str, NDArray[Any]], language: Language, name: str
) -> None:
    heads = len(HEADS[name])
    found = {part: arrays[f"{language}.{name}.{part}"] for part in ARRAYS}
    assert found["weights"].shape == (BUCKETS, heads)
    assert found["weights"].dtype == np.int8
    for part in ARRAYS[1:]:
        assert found[part].shape == (heads,)
        assert np.isfinite(found[part]).all()
    assert (found["scale"] > 0).all()
    assert np.abs(found["weights"]).max(axis=0).min() > 0


def test_the_shipped_file_has_no_other_arrays(arrays: dict[str, NDArray[Any]]) -> None:
    expected = {f"{lang}.{name}.{part}" for lang in LANGUAGES for name in HEADS for part in ARRAYS}
    assert set(arrays) == expected


def test_no_head_is_listed_twice() -> None:
    for heads in HEADS.values():
        assert len(set(heads)) == len(heads)
    assert set(EMOTIONS) == set(Emotion)
    assert set(ACTS) == set(CoachingAct)


@pytest.mark.parametrize("name", [f"{lang}.{name}" for lang in LANGUAGES for name in HEADS])
@pytest.mark.parametrize("part", ARRAYS)
def test_a_missing_array_is_refused(arrays: dict[str, NDArray[Any]], name: str, part: str) -> None:
    less = {key: array for key, array in arrays.items() if key != f"{name}.{part}"}
    heads = HEADS[name.split(".")[1]]
    with pytest.raises(KeyError, match=part):
        LinearModel.of(less, name, heads, BUCKETS)


@pytest.mark.parametrize("cut", [np.s_[:-1], np.s_[:, :-1], np.s_[:, :0], np.s_[0]])
def test_weights_of_a_wrong_shape_are_refused(arrays: dict[str, NDArray[Any]], cut: Any) -> None:
    broken = {**arrays, "zh.child.weights": arrays["zh.child.weights"][cut]}
    with pytest.raises(ValueError, match=r"zh\.child\.weights has shape"):
        LinearModel.of(broken, "zh.child", HEADS["child"], BUCKETS)


def test_a_folder_that_lacks_an_array_or_has_a_wrong_one_is_refused(
    arrays: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    ample = small(arrays)
    CoachingClassifier.load(written(tmp_path, ample))
    missing = {key: array for key, array in ample.items() if key != "en.act.bias"}
    with pytest.raises(KeyError, match=r"en\.act\.bias"):
        CoachingClassifier.load(written(tmp_path, missing))
    with pytest.raises(ValueError, match=r"en\.act\.weights"):
        CoachingClassifier.load(
            written(tmp_path, {**ample, "en.act.weights": ample["zh.clause.weights"]})
        )


def test_thresholds_that_are_no_numbers_are_refused(
    arrays: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    broken = (MODEL / "thresholds.json").read_text("utf-8").replace("0.", "high 0.", 1)
    with pytest.raises(ValidationError):
        CoachingClassifier.load(written(tmp_path, small(arrays), broken))


def test_the_shipped_thresholds_cover_every_cue_and_act() -> None:
    stored = json.loads((MODEL / "thresholds.json").read_text("utf-8"))
    assert set(stored) == set(LANGUAGES)
    for language in LANGUAGES:
        thresholds = stored[language]
        assert set(thresholds["cues"]) == {str(cue) for cue in CUES}
        assert set(thresholds["acts"]) == {str(act) for act in CoachingAct}
        assert set(thresholds["sure"]) == {str(act) for act in CoachingAct}
        for least in (thresholds["cues"], thresholds["acts"], thresholds["sure"]):
            assert all(0 < share < 1 for share in least.values())
        assert 0 < thresholds["emotion"] < 1
        for act, share in thresholds["acts"].items():
            assert thresholds["sure"][act] >= share


@given(st.text(max_size=60), languages)
@settings(deadline=None)
def test_whatever_is_sure_is_also_there(sentence: str, language: Language) -> None:
    classifier = CoachingClassifier.shipped()
    assert classifier.acts(sentence, language, sure=True) <= classifier.acts(sentence, language)


@given(st.text(max_size=60), languages)
@settings(deadline=None)
def test_every_clause_gets_one_finite_score(plain: str, language: Language) -> None:
    parts = clauses(plain, language)
    feelings = Lexicon.shipped(language).feelings(plain)
    scores = CoachingClassifier.shipped().causes(plain, parts, feelings, language)
    assert len(scores) == len(parts)
    assert np.isfinite(scores).all()


@given(st.text(max_size=60), languages, st.sets(st.sampled_from(CoachingAct)))
@settings(deadline=None)
def test_the_same_message_is_judged_the_same_again(
    plain: str, language: Language, before: set[CoachingAct]
) -> None:
    clues = Lexicon.shipped(language).read(plain)
    classifier = CoachingClassifier.shipped()
    judged = classifier.child(plain, clues, before, language)
    assert judged == classifier.child(plain, clues, set(before), language)


def test_every_row_says_whether_it_may_be_trained_on() -> None:
    assert {row["split"] for row in rows(CORPUS)} == {"train", "test"}
    assert {row["split"] for row in rows(HELD_OUT)} == {"test"}


def test_no_text_is_in_both_halves_of_the_corpus() -> None:
    halves: dict[tuple[str, str, str, str], set[str]] = {}
    for row in rows(CORPUS):
        key = (row["kind"], row["language"], row.get("before", ""), row["text"])
        halves.setdefault(key, set()).add(row["split"])
    assert [key for key, splits in halves.items() if len(splits) > 1] == []


def test_no_group_of_rows_is_in_both_halves_of_the_corpus() -> None:
    halves: dict[tuple[str, str], set[str]] = {}
    for row in rows(CORPUS):
        halves.setdefault((row["language"], row["group"]), set()).add(row["split"])
    assert [key for key, splits in halves.items() if len(splits) > 1] == []


def test_training_rows_and_held_out_rows_share_no_text() -> None:
    trained = {row["text"].strip() for row in rows(CORPUS)}
    held_out = {row["text"].strip() for row in rows(HELD_OUT)}
    assert sorted(trained & held_out) == []
