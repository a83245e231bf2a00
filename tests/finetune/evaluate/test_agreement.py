"""Agreement of judges with people, and what else moves a judge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from qiaoban_finetune.errors import DataError
from qiaoban_finetune.evaluate.judges.agreement import agreement, among_people, kappa
from qiaoban_finetune.evaluate.judges.human import HumanScored, load_human
from qiaoban_finetune.evaluate.judges.judge import judge_from
from qiaoban_finetune.evaluate.judges.probes import padded
from qiaoban_finetune.evaluate.judges.protocols import Asking
from qiaoban_finetune.evaluate.judges.trial import Trial, load_trial, trial_of, with_agreement
from qiaoban_finetune.evaluate.results import JudgeCard, Run
from qiaoban_finetune.evaluate.subjects import SubjectCard
from tests.finetune.evaluate.files import human_row, lines
from tests.finetune.evaluate.judge_server import JudgeWire, judging

REPLIES = 10


def _human(rows: list[tuple[int | None, ...]]) -> list[HumanScored]:
    return [HumanScored.model_validate(human_row(n, list(row))) for n, row in enumerate(rows)]


def test_kappa_is_weighted_by_the_square_of_the_distance() -> None:
    assert kappa([(1, 1), (3, 3), (5, 5)]) == 1.0
    assert kappa([(1, 5), (5, 1)]) == -1.0
    # seen: (0 + 1 + 0 + 1) / 4; by chance: the mean of all 16 squared distances
    pairs = [(1, 1), (2, 3), (4, 4), (5, 4)]
    by_chance = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / 16
    assert kappa(pairs) == pytest.approx(1 - 0.5 / by_chance)
    assert kappa([(3, 3), (3, 3)]) == 1.0


def test_a_judge_is_held_against_every_rater_with_an_interval() -> None:
    people = _human([(1 + n % 5, 1 + (n + n // 7) % 5) for n in range(30)])
    close = {f"h{n}": 1.0 + n % 5 for n in range(30)}
    shuffled = {f"h{n}": 1.0 + (n * 7 + 3) % 5 for n in range(30)}
    good = agreement(people, {"empathy": close})["empathy"]
    bad = agreement(people, {"empathy": shuffled})["empathy"]
    assert good.low < good.value < good.high <= 1.0
    assert bad.high < good.low
    assert (good.replies, good.raters) == (30, 2)
    assert good.among_people is not None


def test_a_rater_who_skipped_a_reply_counts_where_it_did_not() -> None:
    people = _human([(1, None), (5, 5), (3, None), (2, 2)])
    assert among_people(people, "empathy") == 1.0
    assert among_people(_human([(1,), (2,)]), "empathy") is None
    found = agreement(people, {"empathy": {"h0": 1.0, "h1": 5.0, "h2": 3.0, "h3": 2.0}})
    assert found["empathy"].value == 1.0


def test_one_reply_tells_of_no_agreement() -> None:
    assert agreement(_human([(4, 4)]), {"empathy": {"h0": 4.0}}) == {}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scores": {"empaty": [3]}}, "'empaty' is no criterion, did you mean 'empathy'?"),
        ({"scores": {"empathy": [6]}}, "scores.empathy.0"),
        ({"scores": {}}, "scores"),
        ({"history": [{"role": "assistant", "content": "嗯"}]}, "is the child's"),
        ({"reply": ""}, "reply"),
    ],
)
def test_a_line_of_human_scores_that_is_wrong_is_told(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    file = lines(tmp_path / "human.jsonl", [human_row(1, [3]), human_row(2, [3], **changes)])
    with pytest.raises(DataError) as error:
        load_human(file)
    assert str(error.value).startswith(f"{file}:2: ")
    assert told in str(error.value)


def test_the_same_reply_twice_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stands twice"):
        load_human(lines(tmp_path / "twice.jsonl", [human_row(1, [3]), human_row(1, [3])]))
    with pytest.raises(DataError, match="holds no scored reply"):
        load_human(lines(tmp_path / "empty.jsonl", []))


def _likes_length_and_the_first(wire: JudgeWire) -> None:
    """Scores by length; of two replies it takes the first."""
    if "回复A" in wire.asked:
        wire.answer(json.dumps({"reason": "", "better": "A"}))
        return
    number = re.search(r"第(\d+)句", wire.asked)
    assert number is not None
    extra = int("一句一句来就好" in wire.asked or "我们就这样慢慢聊" in wire.asked)
    wire.answer(json.dumps({"reason": "", "score": min(5, 2 + int(number[1]) % 3 + extra)}))


def test_a_trial_finds_agreement_and_bias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("inspect_ai")
    rows = [human_row(n, [2 + n % 3, 2 + n % 3]) for n in range(REPLIES)]
    file = lines(tmp_path / "human.jsonl", rows)
    with judging(monkeypatch, _likes_length_and_the_first):
        judge = judge_from("openai:judge")
        trial = trial_of(file, [judge], Asking(), probing=True)
    assert trial.agreement["judge"]["empathy"].value == 1.0
    [bias] = trial.biases
    assert bias.first is not None
    assert bias.flipped is not None
    assert bias.longer is not None
    assert bias.padding is not None
    assert (bias.first.value, bias.flipped.value, bias.longer.value) == (1.0, 1.0, 0.5)
    assert bias.padding.value == 1.0
    assert bias.length == pytest.approx(1.0)
    assert bias.unanswered == 0
    kept = tmp_path / "trial.json"
    kept.write_text(trial.model_dump_json(), encoding="utf-8")
    assert load_trial(kept) == trial


def test_padding_says_nothing_and_doubles_the_length() -> None:
    for language, reply in (("zh", "你一定很难过。"), ("en", "That must have hurt.")):
        longer = padded(reply, language)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        assert longer.startswith(reply)
        assert len(longer) >= 1.5 * len(reply)


def test_a_file_that_is_no_trial_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="is not what"):
        load_trial(tmp_path / "x.json")


def test_what_a_trial_found_is_put_beside_the_judge_it_is_of() -> None:
    people = _human([(1, 1), (5, 4), (3, 3)])
    found = agreement(people, {"empathy": {"h0": 1.0, "h1": 5.0, "h2": 3.0}})
    cards = tuple(
        JudgeCard(name=name, protocol="structured", temperature=0.0, samples=1)
        for name in ("judge", "other")
    )
    run = Run(
        subject=SubjectCard(name="s", kind="model", model="m"),
        made="",
        library="",
        results=(),
        judges=cards,
    )
    judged = with_agreement(run, Trial(human="h", agreement={"judge": found}))
    assert judged.judges[0].agreement == found
    assert judged.judges[1].agreement == {}
