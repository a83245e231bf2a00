"""A run goes on where it was, asks nothing twice, keeps within its limits, and says what failed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from qiaoban_agent.models.openai.errors import KeyRefusedError
from qiaoban_finetune.errors import CollectError, ConfigError, DataError
from qiaoban_finetune.formats import read
from tests.conftest import ROOT
from tests.finetune.collect.configs import collected, topics_config
from tests.finetune.collect.scripted import Played, dialogue_of, serving

pytest.importorskip("openai")
pytest.importorskip("tenacity")

RUN = """
import sys
from pathlib import Path
from tests.finetune.collect.configs import collected, topics_config
config = topics_config(Path(sys.argv[1]), sys.argv[2], count=int(sys.argv[3]))
print("begun", flush=True)
result = collected(config)
print(result.progress.stopped or "done", flush=True)
"""


def begun(folder: Path, address: str, count: int) -> subprocess.Popen[str]:
    """A run in a process of its own, from the moment at which it begins to ask."""
    path = os.pathsep.join(str(ROOT / part) for part in (".", "guards", "finetune"))
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), address, str(count)],
        env={**os.environ, "PYTHONPATH": path, "OPENAI_API_KEY": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=120)
    assert (said, process.returncode) == ("done\n", 0)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_writes_a_dialogue_for_every_task_in_their_order(tmp_path: Path) -> None:
    with serving() as server:
        result = collected(topics_config(tmp_path, server.address))
    written = list(read(tmp_path / "run" / "dialogues.jsonl"))
    assert [one.id for one in written] == [f"topics-{number:06d}" for number in range(12)]
    assert result.progress.dialogues == 12
    assert server.most_open <= 4
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["output_tokens"] == sum(len(dialogue_of(one).text) for one in server.bodies)


def test_every_call_has_a_seed_of_its_own_and_draws_differ(tmp_path: Path) -> None:
    with serving() as server:
        collected(topics_config(tmp_path, server.address))
    assert len({body["seed"] for body in server.bodies}) == 12
    prompts = {body["messages"][0]["content"] for body in server.bodies}
    assert len(prompts) == 12
    feelings = {one.extra[0][1] for one in read(tmp_path / "run" / "dialogues.jsonl")}
    assert len(feelings) > 3


@pytest.mark.slow
def test_killed_fifty_times_it_writes_what_it_writes_uninterrupted(tmp_path: Path) -> None:
    """No answer that was kept is asked for again; what a kill can cost is what was under way."""
    count, draw = 300, random.Random(0)
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    answers = tmp_path / "killed" / "run" / "answers.jsonl"
    with serving(latency=0.01) as server:
        finish(begun(tmp_path / "whole", server.address, count))
    path = os.pathsep.join(str(ROOT / part) for part in (".", "guards", "finetune"))
    forker = subprocess.Popen(
        [sys.executable, "-c", FORKS],
        env={**os.environ, "PYTHONPATH": path, "OPENAI_API_KEY": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert forker.stdin is not None
    assert forker.stdout is not None
    kept = 0
    with serving(latency=0.01) as server:
        for kill in range(50):
            forker.stdin.write(f"{tmp_path / 'killed'}\t{server.address}\t{count}\n")
            forker.stdin.flush()
            pid = int(forker.stdout.readline())
            wanted = kept + draw.randint(1, 8)
            until = time.monotonic() + 20
            while _whole_lines(answers) < min(wanted, count) and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(draw.random() * 0.02)
            os.kill(pid, signal.SIGKILL)
            assert forker.stdout.readline() == "ended\n"
            if kill % 7 == 3:  # as if the last line had been torn
                with answers.open("ab") as stream:
                    stream.write(b'{"task": 5, "step')
            assert _whole_lines(answers) >= kept, "an answer was lost"
            kept = _whole_lines(answers)
        forker.communicate(timeout=20)
        before = server.answered.total()
        finish(begun(tmp_path / "killed", server.address, count))
    assert server.answered.total() - before == count - kept
    assert server.answered.total() <= count + 50 * 8
    for name in ("dialogues.jsonl", "malformed.jsonl"):
        whole = (tmp_path / "whole" / "run" / name).read_bytes()
        assert (tmp_path / "killed" / "run" / name).read_bytes() == whole


FORKS = """
import os, sys
from pathlib import Path
import openai, httpx2, tenacity, filelock
from tests.finetune.collect.configs import collected, topics_config
from qiaoban_finetune.collect.topics import Topics
for line in sys.stdin:
    folder, address, count = line.rstrip("\\n").split("\\t")
    Topics(topics_config(Path(folder), address))  # what is loaded once
    pid = os.fork()
    if not pid:
        collected(topics_config(Path(folder), address, count=int(count)))
        os._exit(0)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


def _whole_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def test_a_finished_run_asks_nothing_again(tmp_path: Path) -> None:
    with serving() as server:
        collected(topics_config(tmp_path, server.address))
        asked = len(server.bodies)
        more = collected(topics_config(tmp_path, server.address, count=15))
    assert len(server.bodies) == asked + 3
    assert more.progress.dialogues == 15


def test_an_interrupt_waits_for_what_is_under_way(tmp_path: Path) -> None:
    with serving(latency=0.2) as server:
        process = begun(tmp_path, server.address, 400)
        while not server.bodies:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
        assert said == "an interrupt\n"
        assert process.returncode == 0
    assert len(lines(tmp_path / "run" / "answers.jsonl")) == server.answered.total() < 40
    assert len(list(read(tmp_path / "run" / "dialogues.jsonl"))) == server.answered.total()


def test_repeats_what_may_pass_and_counts_why(tmp_path: Path) -> None:
    faults = [
        Played(status=429, headers={"retry-after": "0"}),
        Played(status=500),
        Played(torn=True),
        Played(body=b'{"choices": [{"mess'),
    ]

    def flaky(body: dict[str, Any], asked: int) -> Played:
        return faults[asked] if asked < len(faults) else dialogue_of(body)

    with serving(flaky) as server:
        result = collected(topics_config(tmp_path, server.address))
    assert result.progress.dialogues == 12
    assert result.repeated == {
        "status 429": 12,
        "status 500": 12,
        "no connection": 12,
        "unreadable answer": 12,
    }


def test_repeats_a_bounded_number_of_times_and_leaves_the_task_for_the_next_run(
    tmp_path: Path,
) -> None:
    def down(body: dict[str, Any], asked: int) -> Played:
        hard = "养的小猫不见了" in body["messages"][0]["content"]
        return Played(status=503) if hard else dialogue_of(body)

    with serving(down) as server:
        result = collected(topics_config(tmp_path, server.address, limits={"retries": 2}))
        assert set(server.asked.values()) == {1, 3}
        unanswered = result.progress.unanswered.total()
        assert unanswered in (2, 3)
        server.script = dialogue_of
        asked = len(server.bodies)
        result = collected(topics_config(tmp_path, server.address))
    assert len(server.bodies) - asked == unanswered
    assert result.progress.dialogues == 12


def test_ends_when_nothing_is_answered(tmp_path: Path) -> None:
    with serving(lambda body, asked: Played(status=500)) as server:
        config = topics_config(tmp_path, server.address, limits={"retries": 0, "failures": 3})
        with pytest.raises(CollectError, match=r"3 tasks in a row had no answer.*same command"):
            collected(config)
    assert len(server.bodies) < 12


def test_ends_at_once_where_the_key_is_refused_and_shows_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-lab-0123456789")
    with (
        serving(lambda body, asked: Played(status=401)) as server,
        pytest.raises(KeyRefusedError) as caught,
    ):
        collected(topics_config(tmp_path, server.address))
    assert server.keys == {"Bearer sk-of-a-lab-0123456789"}
    assert "sk-of" not in str(caught.value)
    kept = b"".join(one.read_bytes() for one in (tmp_path / "run").iterdir())
    assert b"sk-of" not in kept


def test_keeps_malformed_answers_apart_with_the_reason(tmp_path: Path) -> None:
    said = {
        "考试": Played("好的，没有问题！"),
        "搬家": Played("孩子：嗨\n智能助手：你好"),
        "被同学误会": Played("", finish="content_filter"),
    }

    def odd(body: dict[str, Any], asked: int) -> Played:
        prompt = body["messages"][0]["content"]
        return next(
            (one for topic, one in said.items() if topic in prompt.split("场景：")[1]),
            dialogue_of(body),
        )

    with serving(odd) as server:
        result = collected(topics_config(tmp_path, server.address, count=5))
    assert result.progress.malformed == {
        "no speakers": 1,
        "too few turns": 1,
        "refused by the server's filter": 1,
    }
    kept = lines(tmp_path / "run" / "malformed.jsonl")
    assert {one["reason"] for one in kept} == set(result.progress.malformed)
    assert sorted(map(len, (one["answers"] for one in kept))) == [2, 2, 2]
    assert len(list(read(tmp_path / "run" / "dialogues.jsonl"))) == 2


def test_never_spends_more_than_the_limit_over_all_resumptions(tmp_path: Path) -> None:
    prices = {"input": 1.0, "output": 10.0, "currency": "CNY"}

    def run(limit: float | None) -> tuple[float, str, int]:
        with serving() as server:
            config = topics_config(
                tmp_path,
                server.address,
                prices=prices,
                limits={"cost": limit},
                server={"max_tokens": 200},
            )
            result = collected(config)
        return result.spent, result.progress.stopped, result.progress.dialogues

    spent, stopped, done = run(0.009)
    assert 0 < spent <= 0.009
    assert stopped == "the cost limit"
    assert 0 < done < 12
    assert run(0.009) == (spent, stopped, done)
    assert run(None)[2] == 12


def test_a_changed_configuration_does_not_take_the_old_answers(tmp_path: Path) -> None:
    with serving() as server:
        collected(topics_config(tmp_path, server.address))
        asked = len(server.bodies)
        with pytest.raises(ConfigError, match=r"to another request.*write another output"):
            collected(topics_config(tmp_path, server.address, seed=7))
    assert len(server.bodies) - asked <= 4


def test_two_runs_in_one_folder_do_not_pay_twice(tmp_path: Path) -> None:
    with serving(latency=0.3) as server:
        config = topics_config(tmp_path, server.address)
        first = threading.Thread(target=collected, args=(config,))
        first.start()
        while not server.bodies:
            time.sleep(0.01)
        with pytest.raises(CollectError, match="another run is collecting here"):
            collected(config)
        first.join()
    assert server.answered.total() == 12


def test_a_damaged_line_that_is_not_the_last_one_is_told(tmp_path: Path) -> None:
    with serving() as server:
        collected(topics_config(tmp_path, server.address))
        answers = tmp_path / "run" / "answers.jsonl"
        kept = answers.read_text(encoding="utf-8").splitlines(keepends=True)
        answers.write_text("".join([kept[0], "oops\n", *kept[1:]]), encoding="utf-8")
        with pytest.raises(DataError, match=r"answers.jsonl:2: is no recorded answer"):
            collected(topics_config(tmp_path, server.address))


def test_counts_characters_where_the_server_counts_no_tokens(tmp_path: Path) -> None:
    def uncounted(body: dict[str, Any], asked: int) -> Played:
        return Played(dialogue_of(body).text, usage=False)

    with serving(uncounted) as server:
        result = collected(topics_config(tmp_path, server.address))
    assert result.output_tokens == sum(len(dialogue_of(one).text) for one in server.bodies)


def test_leaves_out_a_parameter_that_the_server_refuses(tmp_path: Path) -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}}

    def strict(body: dict[str, Any], asked: int) -> Played:
        if "max_tokens" in body:
            said = json.dumps(refusal).encode()
            return Played(status=400, body=said)
        return dialogue_of(body)

    with serving(strict) as server:
        assert collected(topics_config(tmp_path, server.address)).progress.dialogues == 12
    assert all("max_completion_tokens" in body for body in server.bodies[-6:])


def test_thoughts_are_not_kept(tmp_path: Path) -> None:
    def thinking(body: dict[str, Any], asked: int) -> Played:
        return Played(f"<think>孩子：不能说的话</think>{dialogue_of(body).text}")

    with serving(thinking) as server:
        collected(topics_config(tmp_path, server.address))
    assert "不能说的话" not in (tmp_path / "run" / "answers.jsonl").read_text(encoding="utf-8")
