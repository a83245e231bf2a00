"""A cleaning from file to file: the same from one process, two, and Ray; and its report."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from qiaoban_finetune.clean.cli import clean as command
from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.run import clean
from qiaoban_finetune.errors import DataError
from qiaoban_finetune.formats import read
from tests.finetune.clean.samples import CALM, record, write_lines

pytest.importorskip("datasketch")
QUICK = CleanConfig(personal_data="keep", harmful="keep", early_advice="keep")
PHONE = "13812345678"


def records(count: int) -> list[dict[str, Any]]:
    """Dialogues of which every fifth is nearly the one before, and every seventh is too short."""
    made: list[dict[str, Any]] = []
    for n in range(count):
        number = n - 1 if n % 5 == 4 else n
        said = [f"第{number}天，{chr(0x4E00 + 97 * number) * 3}{text}" for text in CALM]
        if n % 5 == 4:
            said[-1] += "嗯"
        made.append(record(*(said[:2] if n % 7 == 6 else said), id="same" if n < 2 else f"d{n}"))
    return made


def files(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir())}


def test_cleans_reports_and_gives_each_dialogue_an_id_of_its_own(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "d.jsonl", records(35))
    report = clean(source, tmp_path / "out.jsonl", QUICK)
    kept = list(read(tmp_path / "out.jsonl"))
    assert len(kept) == report.kept
    assert [one.id for one in kept[:2]] == ["same", "same#2"]
    assert report.records == 35 == report.kept + report.gone.total()
    assert report.gone == {"a near-duplicate": 5, "too few messages": 5}
    told = json.loads((tmp_path / "out.report.json").read_text())
    assert told["gone"] == dict(report.gone)
    assert all(len(samples) <= 10 for samples in told["samples"].values())
    assert "as d3: 第3天" in told["samples"]["a near-duplicate"][0]["text"]
    assert "35 records" in (tmp_path / "out.report.txt").read_text()


@pytest.mark.slow
def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "d.jsonl", records(100))
    for jobs in (1, 2):
        (tmp_path / str(jobs)).mkdir()
        clean(source, tmp_path / str(jobs) / "out.jsonl", QUICK, jobs=jobs)
    assert files(tmp_path / "1") == files(tmp_path / "2")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray sets what it deprecates
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_ray_writes_what_this_machine_writes_and_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    source = write_lines(tmp_path / "d.jsonl", records(100))
    for engine in ("local", "ray"):
        (tmp_path / engine).mkdir()
        clean(source, tmp_path / engine / "out.jsonl", QUICK, engine=engine)
    assert files(tmp_path / "local") == files(tmp_path / "ray")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_samples_of_what_goes_show_no_personal_data(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "d.jsonl", [record(f"打{PHONE}", "嗯"), record(*CALM)])
    clean(source, tmp_path / "out.jsonl", QUICK)
    assert PHONE not in (tmp_path / "out.report.json").read_text()
    assert "<phone>" in (tmp_path / "out.report.txt").read_text()


def test_where_nothing_is_left_the_report_tells_why(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "d.jsonl", [record("嗯", "好")])
    with pytest.raises(DataError, match=r"no dialogue is left; .*out.report.txt tells why"):
        clean(source, tmp_path / "out.jsonl", QUICK)
    assert "too few messages" in (tmp_path / "out.report.txt").read_text()
    assert not (tmp_path / "out.jsonl").exists()


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "d.jsonl", [record(*CALM)])
    with pytest.raises(DataError, match="would be read as part of"):
        clean(source, source, QUICK)
    with pytest.raises(DataError, match="would be read as part of"):
        clean(tmp_path, tmp_path / "out.jsonl", QUICK)


def test_the_command(tmp_path: Path) -> None:
    app = Typer()
    app.command()(command)
    source = write_lines(tmp_path / "d.jsonl", records(10))
    quick = [
        part
        for key in ("personal_data", "harmful", "early_advice")
        for part in ("--set", f"{key}=keep")
    ]
    words = [str(source), "-o", str(tmp_path / "out.jsonl"), "--jobs", "1"]
    done = CliRunner().invoke(app, [*words, *quick, "--set", "near_duplicates=null"])
    assert done.exit_code == 0, done.output
    assert "9 of 10 kept" in done.stderr
    done = CliRunner().invoke(app, [*words, "--set", "parnet=drop"])
    assert done.exit_code == 2
    assert "'parnet' is not a key here, did you mean 'parent'?" in done.stderr
