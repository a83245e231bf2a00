"""`qiaoban coach-report`: dialogues of a file measured, told, summed up and drawn."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from qiaoban_agent.cli import app, coach_report

COMMAND = [sys.executable, "-W", "error", "-m", "qiaoban_agent"]
ADVICE, LABEL, EXPLORE = "你可以试试跟老师说。", "听起来你很难过。", "你觉得可以怎么办？"


def run(*arguments: str | Path, typed: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["coach-report", *map(str, arguments)], input=typed)


def messages(identity: str | int, *said: tuple[str, str]) -> dict[str, Any]:
    return {"id": identity, "messages": [{"role": r, "content": c} for r, c in said]}


def talk(identity: str | int, *replies: str) -> dict[str, Any]:
    """A dialogue with these answers."""
    return messages(identity, *(p for r in replies for p in (("user", "嗯嗯"), ("assistant", r))))


def replayed(identity: str | int, turn: int, stage: str = "notice") -> dict[str, Any]:
    return {
        "id": identity,
        "turn": turn,
        "child": "橡皮没了",
        "reply": LABEL,
        "stage": stage,
        "emotion": "sadness",
        "ms": 1.5,
    }


def write(path: Path, *records: dict[str, Any]) -> Path:
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def measured(path: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    done = run(path, "--json", *arguments)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_each_dialogue_has_a_line_and_all_have_a_summary(tmp_path: Path) -> None:
    file = write(
        tmp_path / "f", talk("小明", ADVICE, ADVICE), talk(7, LABEL, EXPLORE, "我在听呢。")
    )
    done = run(file)
    assert (done.exit_code, done.stderr) == (0, "")
    head, first, second, key, *table = done.stdout.splitlines()
    assert re.split(r"\s{2,}", head) == [
        "id",
        "turns",
        "early advice",
        "most questions",
        "repeated",
        "validated first",
        "own words",
        "stages",
    ]
    assert first.split() == ["小明", "2", "2", "0", "1", "no", "0%", "EE"]
    assert second.split() == ["7", "3", "0", "1", "0", "yes", "0%", "NE·"]
    assert "N notice" in key
    rows = {cells[1].strip(): cells[2].strip() for row in table if (cells := row.split("│"))[1:]}
    assert rows == {
        "early advice": "50.0%",
        "validated before exploring": "50.0%",
        "the child's own words": "0.0%",
        "questions a turn": "0.20",
        "repeated sentences": "1",
        "dismissals": "0",
        "relation claims": "0",
        "promises": "0",
    }


def test_json_has_one_object_a_dialogue_and_last_the_summary(tmp_path: Path) -> None:
    file = write(
        tmp_path / "f", talk("小明", ADVICE, ADVICE), talk(7, LABEL, EXPLORE, "我在听呢。")
    )
    code, (first, second, last), errors = measured(file)
    assert (code, errors) == (0, "")
    assert (first["id"], first["advice_early"], first["repeated"]) == ("小明", 2, [ADVICE])
    assert (second["id"], second["stages"]) == ("7", ["notice", "explore", None])
    assert last == {
        "summary": {
            "dialogues": 2,
            "turns": 5,
            "advice_early_rate": 0.5,
            "questions_a_turn": 0.2,
            "repeated": 1,
            "validated_first": 0.5,
            "own_words": 0.0,
            "harmful": {"dismiss": 0, "relation_claim": 0, "promise": 0},
        }
    }


def test_messages_in_a_row_are_one_exchange_and_an_opening_is_none(tmp_path: Path) -> None:
    said = messages(
        "a",
        ("assistant", f"你好呀？{ADVICE}"),
        ("child", "橡皮没了"),
        ("user", "我该怎么办呀"),
        ("assistant", "橡皮的事，我在听呢。"),
        ("assistant", ADVICE),
        ("user", "嗯"),
    )
    _, (one, _), _ = measured(write(tmp_path / "f", said))
    assert (one["turns"], one["most_questions"], one["own_words"]) == (1, 0, 1.0)
    assert one["advice_early"] == 0  # for the second message of the run asks
    assert "advice" in one["acts"][0]


def test_lines_of_a_replay_are_one_dialogue_while_their_turns_go_up(tmp_path: Path) -> None:
    file = write(
        tmp_path / "f",
        replayed("a", 1),
        replayed("a", 2, "accept"),
        replayed("a", 1, "close"),
        replayed("b", 2, "crisis"),
        talk("b", LABEL),
        replayed("b", 3, "savour"),
    )
    code, (*dialogues, _), _ = measured(file)
    assert code == 0
    assert [(one["id"], one["stages"]) for one in dialogues] == [
        ("a", ["notice", "accept"]),
        ("a", ["close"]),
        ("b", ["crisis"]),
        ("b", ["notice"]),
        ("b", ["savour"]),
    ]


@pytest.mark.slow
def test_a_replay_can_be_read_from_a_pipe(tmp_path: Path) -> None:
    file = write(tmp_path / "f", {"id": "a", "child": ["我考砸了", "数学不及格", "嗯"]})
    replay = subprocess.run(
        [*COMMAND, "replay", str(file)], capture_output=True, timeout=120, check=True
    )
    done = subprocess.run(
        [*COMMAND, "coach-report", "-", "--json"],
        input=replay.stdout,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    turns = [json.loads(line) for line in replay.stdout.splitlines()]
    one, last = (json.loads(line) for line in done.stdout.splitlines())
    assert one["stages"] == [turn["stage"] for turn in turns]
    assert last["summary"]["turns"] == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{not json", "not JSON at column 2"),
        (b'["id"]', "not a JSON object"),
        (b'{"id": "a"}', "neither messages nor reply"),
        (b'{"messages": []}', "id"),
        (b'{"id": "a", "messages": 3}', "messages"),
        (b'{"id": "a", "messages": []}', "no child's message with an answer"),
        (b'{"id": "a", "messages": [{"role": "user", "content": "x"}]}', "no child's message"),
        (b'{"id": "a", "messages": [{"role": "system", "content": "x"}]}', "messages.0.role"),
        (b'{"id": "a", "messages": [{"role": "user", "content": 3}]}', "messages.0.content"),
        (b'{"id": "a", "turn": 1, "child": "x", "reply": "y", "emotion": "joy"}', "stage"),
        (
            b'{"id":"a","turn":1,"child":"x","reply":"y","stage":"x","emotion":"joy"}',
            "stage",
        ),
        (b'{"id": "\xff"}', "not UTF-8"),
        (b'{"id": "\\ud800", "messages": []}', "Invalid JSON"),
        (b'{"id": %s, "messages": []}' % (b"1" * 5000), "too many digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"id": "%s"}' % (b"a" * (1 << 20)), "longer than 1048576 bytes"),
    ],
    ids=range(16),
)
def test_a_malformed_line_is_told_skipped_and_makes_the_status_1(
    tmp_path: Path, line: bytes, told: str
) -> None:
    file = tmp_path / "f"
    good = json.dumps(talk("good", LABEL)).encode()
    file.write_bytes(b"\xef\xbb\xbf" + good + b"\n\n" + line + b"\n" + good)
    code, (*dialogues, last), errors = measured(file)
    assert code == 1
    assert [one["id"] for one in dialogues] == ["good", "good"]
    assert last["summary"]["dialogues"] == 2
    [error] = errors.splitlines()
    assert error.startswith(f"{file}:3: skipped: ")
    assert told in error
    assert "a line is " in error


def test_a_malformed_line_does_not_end_a_replayed_dialogue(tmp_path: Path) -> None:
    file = write(tmp_path / "f", replayed("a", 1), {}, replayed("a", 3))
    code, (one, _), _ = measured(file)
    assert (code, one["turns"]) == (1, 2)


def test_many_malformed_lines_are_told_in_few_words(tmp_path: Path) -> None:
    code, [last], errors = measured(write(tmp_path / "f", *({"id": n} for n in range(500))))
    assert (code, last["summary"]["dialogues"]) == (1, 0)
    assert len(errors.splitlines()) == 11
    assert errors.splitlines()[-1] == "… and 490 more"


@pytest.mark.parametrize("empty", [b"", b"\n \n"])
def test_an_empty_file_is_told(tmp_path: Path, empty: bytes) -> None:
    file = tmp_path / "f"
    file.write_bytes(empty)
    done = run(file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{file} holds no dialogue; a line is " in done.stderr


def test_what_cannot_be_used_is_told_with_status_2(tmp_path: Path) -> None:
    file = write(tmp_path / "f", talk("a", LABEL))
    for arguments, told in [
        ((tmp_path / "none",), "does not exist"),
        ((tmp_path,), "is a directory"),
        ((file, "--format", "png"), "--format needs --pictures"),
        ((file, "--pictures", file), "is a file"),
        ((file, "--pictures", tmp_path / "p", "--format", "gif"), "gif"),
        ((file, "--pictures", file / "under"), "Not a directory"),
    ]:
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert told in done.stderr


def test_an_id_cannot_move_the_cursor(tmp_path: Path) -> None:
    done = run(write(tmp_path / "f", talk("a\x1b[2Jb\nc [red]", LABEL)))
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[1].startswith("a·[2Jb·c [red] ")


def test_pictures_are_one_a_dialogue_in_the_folder_only(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    ids: list[str | int] = ["../../up", "/etc/x", "小明 $x_$", "A", "a", "a", "a-2", "con", "", 7]
    file = write(tmp_path / "f", *(talk(one, ADVICE, LABEL) for one in ids), talk("x" * 300, LABEL))
    folder = tmp_path / "deep" / "pictures"
    done = run(file, "--pictures", folder)
    assert (done.exit_code, done.stderr) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(
        [
            *("_.._up.png", "_etc_x.png", "小明__x__.png", "A.png", "a-2.png", "a-3.png"),
            *("a-2-2.png", "_con.png", "dialogue.png", "7.png", f"{'x' * 100}.png"),
        ]
    )
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "f"]


@pytest.mark.parametrize("turns", [1, 2, 250])
def test_a_picture_can_be_svg_and_marks_what_was_early(tmp_path: Path, turns: int) -> None:
    pytest.importorskip("matplotlib")
    file = write(tmp_path / "f", talk("early", *[ADVICE] * turns), talk("fine", *[LABEL] * turns))
    assert run(file, "--pictures", tmp_path / "p", "--format", "svg").exit_code == 0
    drawn = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "p").iterdir()}
    assert set(drawn) == {"early", "fine"}
    assert "<svg" in drawn["fine"]
    assert "<!-- early advice -->" in drawn["early"]
    assert "<!-- early advice -->" not in drawn["fine"]
    early = re.search(r'<g id="early">(.*?)\n   </g>', drawn["early"], re.DOTALL)
    assert early is not None
    assert early[1].count("<use ") == min(turns, 2)


def test_without_the_extra_the_remedy_is_told_at_once(tmp_path: Path) -> None:
    file = write(tmp_path / "f", talk("a", LABEL))
    code = "import sys; sys.modules['matplotlib'] = None; from qiaoban_agent.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "coach-report", str(file), "--pictures", str(tmp_path / "p")],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert 'pip install "qiaoban-agent[evaluate]"' in done.stderr.decode()
    assert not (tmp_path / "p").exists()


@given(st.lists(st.text(max_size=40), max_size=12))
def test_names_of_pictures_are_safe_and_distinct(ids: list[str]) -> None:
    names = coach_report.Names()
    made = [names.name(one) for one in ids]
    assert len({name.casefold() for name in made}) == len(ids)
    for name in made:
        assert name
        assert not name.startswith(".")
        assert not re.search(r"[/\\\0:*?\"<>|\s]", name)
        assert len(name.encode()) < 200
