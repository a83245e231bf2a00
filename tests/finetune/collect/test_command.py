"""`qiaoban collect` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from qiaoban_finetune.collect.cli import collect
from qiaoban_finetune.formats import read
from tests.finetune.collect.scripted import Played, serving

pytest.importorskip("openai")
pytest.importorskip("tenacity")


def run(*words: object, **settings: object) -> Result:
    given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return CliRunner().invoke(
        collect, [*map(str, words), *(one.replace("__", ".") for one in given)]
    )


def test_topics_from_a_file_of_settings_and_words_behind_it(tmp_path: Path) -> None:
    (tmp_path / "topics.txt").write_text("考试、搬家", encoding="utf-8")
    config = tmp_path / "topics.yaml"
    with serving() as server:
        config.write_text(
            f"topics: topics.txt\nserver: {{model: m, base_url: '{server.address}'}}\n",
            encoding="utf-8",
        )
        done = run("topics", config, output=tmp_path / "run", count=3)
    assert done.exit_code == 0, done.output
    assert "kept       3 of 3" in done.stderr
    assert len(list(read(tmp_path / "run" / "dialogues.jsonl"))) == 3


def test_a_dry_run_asks_nothing(tmp_path: Path) -> None:
    with serving() as server:
        done = run(
            "self-chat",
            "--dry-run",
            output=tmp_path / "run",
            server__model="m",
            server__base_url=server.address,
            prices__output=2,
        )
    assert done.exit_code == 0
    assert "请你扮演一个" in done.stdout
    assert "cost       at most about" in done.stdout
    assert not server.bodies
    assert not (tmp_path / "run").exists()


def test_personas_are_made_in_waves_whatever_comes_first(tmp_path: Path) -> None:
    def persona(body: dict[str, Any], asked: int) -> Played:
        prompt = body["messages"][0]["content"]
        number = sum(map(ord, prompt))
        words = "山水火土金木日月星云风雨雷电江河湖海花草树石虫鱼鸟兽"
        told = "".join(words[(number * (n + 3)) % 26] for n in range(12))
        said = {"persona": told, "situation": f"{told[::-1]}和{told[::2]}", "age": "5-8"}
        return Played(json.dumps(said, ensure_ascii=False))

    found: list[bytes] = []
    for concurrency in (1, 8):
        with serving(persona) as server:
            done = run(
                "personas",
                output=tmp_path / str(concurrency),
                server__model="m",
                server__base_url=server.address,
                count=12,
                wave=4,
                limits__concurrency=concurrency,
            )
        assert done.exit_code == 0, done.output
        found.append((tmp_path / str(concurrency) / "personas.jsonl").read_bytes())
    assert found[0] == found[1]
    assert found[0].count(b"\n") > 4


def test_an_unfinished_run_has_a_status_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "topics.txt").write_text("考试", encoding="utf-8")
    with serving() as server:
        done = run(
            "topics",
            topics=tmp_path / "topics.txt",
            output=tmp_path / "run",
            server__model="m",
            server__base_url=server.address,
            limits__cost=0,
            prices__output=1,
        )
    assert done.exit_code == 3
    assert (
        "stopped by the cost limit behind 0 of 1,000 tasks; the same command goes on" in done.stderr
    )


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("topics",), {"server__model": "m", "output": "x"}, "the key 'topics' is missing; add it"),
        (("topics",), {"cuont": 3}, "'cuont' is not a key here, did you mean 'count'?"),
        (("expand", "no.yaml"), {}, "no.yaml: cannot be read"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    words: tuple[str, ...], settings: dict[str, object], said: str
) -> None:
    done = run(*words, **settings)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_tasks_of_labelled_sets(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"text": "好", "label": "joy"}\n', encoding="utf-8")
    config = tmp_path / "tasks.yaml"
    config.write_text(
        "sets:\n- {path: set.jsonl, task: txt_clf, dataset: SET, labels: [joy, sad]}\n",
        encoding="utf-8",
    )
    done = run("tasks", config, output=tmp_path / "pica.jsonl")
    assert done.exit_code == 0, done.output
    assert len(list(read(tmp_path / "pica.jsonl"))) == 1
