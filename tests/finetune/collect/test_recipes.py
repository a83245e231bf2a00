"""What each recipe asks, and what it makes of the answers; no server is needed to see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_finetune.collect.asking import Answer, Malformed, Recipe, Request
from qiaoban_finetune.collect.characters import Persona, characters
from qiaoban_finetune.collect.expand import Expand, ExpandConfig
from qiaoban_finetune.collect.personas import DUPLICATE, Personas, PersonasConfig, read_persona
from qiaoban_finetune.collect.self_chat import SelfChat, SelfChatConfig
from qiaoban_finetune.collect.topics import Topics, TopicsConfig, read_topics
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import ConfigError, DataError

pytest.importorskip("jinja2")
SERVER = {"model": "m"}
Said = Callable[[Request, int], str]


def told(recipe: Recipe[Any], number: int, say: Said) -> tuple[Any, list[Request]]:
    """What comes of a task whose requests are answered by `say`, and the requests."""
    talk, asked = recipe.talk(number), list[Request]()
    request = next(talk)
    while True:
        asked.append(request)
        try:
            request = talk.send(Answer(say(request, len(asked) - 1)))
        except StopIteration as end:
            return end.value, asked


def topics(tmp_path: Path, **more: Any) -> Topics:
    file = tmp_path / "topics.txt"
    file.write_text("考试、搬家\n朋友", encoding="utf-8")
    given = {"server": SERVER, "output": tmp_path, "topics": file, **more}
    return Topics(TopicsConfig.model_validate(given))


DIALOGUE = "孩子：我好烦\n智能助手：怎么了？\n孩子：不想说\n智能助手：好，我陪着你。"

LONGER = f"{DIALOGUE}\n孩子：好吧\n智能助手：嗯。"


def test_every_topic_comes_once_before_one_comes_twice(tmp_path: Path) -> None:
    recipe = topics(tmp_path, count=90)
    found = [told(recipe, number, lambda request, at: DIALOGUE)[0] for number in range(90)]
    for begin in range(0, 90, 3):
        assert {one.topic for one in found[begin : begin + 3]} == {"考试", "搬家", "朋友"}
    assert len({one.id for one in found}) == 90


def test_all_28_emotions_and_all_ages_are_used(tmp_path: Path) -> None:
    recipe = topics(tmp_path, count=600)
    found = [told(recipe, number, lambda request, at: DIALOGUE)[0] for number in range(600)]
    assert {dict(one.extra)["feeling"] for one in found} == set(Emotion) - {Emotion.NONE}
    assert {dict(one.extra)["age"] for one in found} == {"5-8", "9-12", "13-17"}
    assert {one.emotion for one in found} == {
        "happy",
        "sad",
        "fear",
        "angry",
        "surprise",
        "disgust",
    }


def test_the_emotion_and_the_length_drawn_are_asked_for(tmp_path: Path) -> None:
    recipe = topics(tmp_path, emotions=["jealousy"], characters=(300, 300))
    _, (request,) = told(recipe, 0, lambda request, at: DIALOGUE)
    prompt = request.messages[0]["content"]
    assert "300到300字" in prompt
    assert "“羡慕" in prompt or "“嫉妒" in prompt or "“吃醋" in prompt


def test_a_malformed_answer_is_asked_for_anew_and_then_given_up(tmp_path: Path) -> None:
    recipe = topics(tmp_path, tries=3)
    found, asked = told(recipe, 0, lambda request, at: DIALOGUE if at == 2 else "不行")
    assert isinstance(found, Dialogue)
    assert len(asked) == 3
    found, asked = told(recipe, 0, lambda request, at: "不行")
    assert found == Malformed("no speakers", "不行")
    assert len(asked) == 3


def test_a_template_of_ones_own_is_used_and_its_blanks_are_checked(tmp_path: Path) -> None:
    own = tmp_path / "own.j2"
    own.write_text("写一段{{ topic }}的对话", encoding="utf-8")
    _, (request,) = told(topics(tmp_path, template=own), 0, lambda request, at: DIALOGUE)
    assert request.messages[0]["content"].startswith("写一段")
    own.write_text("{{ topics }}", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"nothing fills in \{\{ topics \}\}, did you mean 'topic'"
    ):
        topics(tmp_path, template=own)
    own.write_text("{% if %}", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no template"):
        topics(tmp_path, template=own)


def test_qiaobans_list_of_topics_is_read(shared: Path) -> None:
    found = read_topics(shared / "data" / "qiaoban_topics.txt")
    assert len(found) == len(set(found)) > 300
    assert "诗朗诵比赛" in found


def test_an_empty_list_of_topics_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("# none\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds no topics; write one a line"):
        read_topics(tmp_path / "t")


def chat(tmp_path: Path, **more: Any) -> SelfChat:
    return SelfChat(SelfChatConfig.model_validate({"server": SERVER, "output": tmp_path, **more}))


def alternately(request: Request, at: int) -> str:
    return f"我{at}不想去。" if at % 2 == 0 else f"嗯，我听着{at}。"


def test_each_side_hears_the_other_as_the_user(tmp_path: Path) -> None:
    found, asked = told(chat(tmp_path, rounds=(3, 3)), 0, alternately)
    assert [one.role for one in found.messages] == ["user", "assistant"] * 3
    child, companion = asked[2], asked[3]
    assert [one["role"] for one in child.messages] == ["system", "user", "assistant", "user"]
    assert [one["role"] for one in companion.messages] == ["system", "user", "assistant", "user"]
    assert child.messages[-1]["content"] == companion.messages[-2]["content"] == "嗯，我听着1。"
    assert child.stop == ("\n智能助手：", "\n智能助手:")
    assert found.messages[0].text not in child.messages[0]["content"]


def test_the_child_ends_the_talk_by_taking_its_leave(tmp_path: Path) -> None:
    def say(request: Request, at: int) -> str:
        return "我先走了，再见！" if at == 4 else alternately(request, at)

    found, asked = told(chat(tmp_path, rounds=(3, 10)), 0, say)
    assert len(asked) == len(found.messages) == 6


def test_a_talk_that_goes_in_circles_ends_with_its_last_reply(tmp_path: Path) -> None:
    def say(request: Request, at: int) -> str:
        return alternately(request, 0 if at == 6 else at)

    found, _ = told(chat(tmp_path, rounds=(5, 5)), 0, say)
    assert len(found.messages) == 6
    assert found.messages[-1].role == "assistant"


def test_what_one_side_writes_for_the_other_is_dropped(tmp_path: Path) -> None:
    def say(request: Request, at: int) -> str:
        if at % 2 == 0:
            return f"孩子：我{at}好烦[|AI|] 别烦"
        return f"怎么{at}了？\n孩子：没事\n智能助手：好"

    found, _ = told(chat(tmp_path, rounds=(3, 3)), 0, say)
    assert [one.text for one in found.messages][:2] == ["我0好烦", "怎么1了？"]


def test_one_call_asks_for_a_whole_dialogue(tmp_path: Path) -> None:
    found, (request,) = told(chat(tmp_path, mode="one_call"), 0, lambda request, at: LONGER)
    assert "至少" in request.messages[0]["content"]
    assert isinstance(found, Dialogue)
    assert dict(found.extra)["persona"] in request.messages[0]["content"]


def test_personas_of_ones_own_go_round(tmp_path: Path) -> None:
    file = tmp_path / "personas.jsonl"
    two = [Persona(persona=f"孩子{n}", situation=f"处境{n}", age="5-8") for n in range(2)]
    file.write_text("".join(f"{one.as_json()}\n" for one in two), encoding="utf-8")
    recipe = chat(tmp_path, personas=file, mode="one_call")
    assert {told(recipe, n, lambda r, at: LONGER)[0].topic for n in range(2)} == {
        "处境0",
        "处境1",
    }
    file.write_text('{"persona": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"personas.jsonl:1 .*write persona, situation and age"):
        chat(tmp_path, personas=file)


PSYQA = {
    "questionID": 7,
    "question": "爸妈吵架，我的电话是13812345678",
    "description": "我很害怕",
    "keywords": "家庭",
    "answers": [
        {
            "answer_text": "抱抱你。这不是你的错。可以告诉老师。",
            "has_label": True,
            "labels_sequence": [
                {"start": 0, "end": 4, "type": "Approval and Reassurance"},
                {"start": 4, "end": 11, "type": "Interpretation"},
            ],
        }
    ],
}
EXPANDED = """孩子：爸妈又吵架了
智能助手（Approval and Reassurance）：抱抱你，听起来很吓人。
孩子：我怕是我的错
智能助手（Interpretation）：大人吵架不是孩子造成的。
孩子：嗯
智能助手（Direct Guidance）：想告诉老师吗？"""


def expand(tmp_path: Path) -> Expand:
    file = tmp_path / "psyqa.json"
    file.write_text(json.dumps([PSYQA], ensure_ascii=False), encoding="utf-8")
    given = {"server": SERVER, "output": tmp_path, "source": file}
    return Expand(ExpandConfig.model_validate(given))


def test_an_answers_strategies_come_back_in_the_replies(tmp_path: Path) -> None:
    found, (request,) = told(expand(tmp_path), 0, lambda request, at: EXPANDED)
    assert "Approval and Reassurance、Interpretation" in request.messages[0]["content"]
    assert [one.strategy for one in found.messages if one.role == "assistant"] == [
        "Approval and Reassurance",
        "Interpretation",
        "Direct Guidance",
    ]
    assert found.topic == "家庭"


def test_a_dialogue_that_lost_a_strategy_is_kept_apart(tmp_path: Path) -> None:
    lost = EXPANDED.replace("（Interpretation）", "")
    found, _ = told(expand(tmp_path), 0, lambda request, at: lost)
    assert found == Malformed("strategies lost", "Interpretation")


def test_personal_data_is_hidden_before_it_is_sent(tmp_path: Path) -> None:
    _, (request,) = told(expand(tmp_path), 0, lambda request, at: EXPANDED)
    assert "13812345678" not in request.messages[0]["content"]
    assert "<phone>" in request.messages[0]["content"]


def test_dialogues_are_not_expanded(tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    said = [{"role": role, "content": "嗯"} for role in ("user", "assistant") * 2]
    file.write_text(json.dumps({"messages": said}), encoding="utf-8")
    given = {"server": SERVER, "output": tmp_path, "source": file}
    with pytest.raises(DataError, match="is no single question and answer"):
        Expand(ExpandConfig.model_validate(given))


def test_two_alike_chinese_personas_are_one_and_a_shared_latin_word_is_no_likeness(
    tmp_path: Path,
) -> None:
    recipe = Personas(
        PersonasConfig.model_validate({"server": SERVER, "output": tmp_path, "count": 4})
    )
    first = Persona(persona="爱看ADHD科普的男孩", situation="同桌搬走了，一个人坐。", age="9-12")
    again = first.model_copy(update={"situation": "同桌搬走了，一个人坐着。"})
    other = Persona(persona="ADHD", situation="妈妈带自己去医院检查，很担心结果。", age="9-12")
    assert recipe.take(first) is None
    assert recipe.take(other) is None
    refused = recipe.take(again)
    assert refused is not None
    assert refused.reason == DUPLICATE
    assert recipe.taken == [first, other]


def test_a_wave_is_shown_four_personas_and_one_that_was_made(tmp_path: Path) -> None:
    recipe = Personas(PersonasConfig.model_validate({"server": SERVER, "output": tmp_path}))
    recipe.take(Persona(persona="刚做好的人", situation="刚做好的处境", age="5-8"))
    _, (request, *_) = told(recipe, 3, lambda request, at: "{}")
    shown = [line for line in request.messages[0]["content"].splitlines() if line.startswith("{")]
    assert len(shown) == 5
    assert "刚做好的人" in shown[-1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("__import__('os').system('echo x')", "no JSON object"),
        ("{'persona': 'x'}", "no valid JSON"),
        ('{"persona": "一个孩子"}', "not the keys that were asked for"),
    ],
)
def test_a_persona_is_parsed_and_never_evaluated(text: str, reason: str) -> None:
    found = read_persona(Answer(text))
    assert isinstance(found, Malformed)
    assert found.reason == reason


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_shipped_children_differ_from_each_other(language: Any, tmp_path: Path) -> None:
    given = {"server": SERVER, "output": tmp_path, "language": language}
    recipe = Personas(PersonasConfig.model_validate(given))
    shipped = characters(None, language).children
    assert len(shipped) >= 12
    assert all(recipe.take(one) is not None for one in shipped), "each is known already"
