"""Configurations of collecting runs against a scripted server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qiaoban_finetune.collect.run import Result, collect
from qiaoban_finetune.collect.topics import Topics, TopicsConfig

TOPICS = "考试、搬家、养的小猫不见了\n# 学校\n被同学误会\t第一次上台"


def topics_config(tmp_path: Path, address: str, **more: Any) -> TopicsConfig:
    """Twelve dialogues on five topics, without a pause between repetitions."""
    topics = tmp_path / "topics.txt"
    topics.write_text(TOPICS, encoding="utf-8")
    limits = {"backoff": 0, "concurrency": 4, **more.pop("limits", {})}
    server = {"model": "scripted", "base_url": address, **more.pop("server", {})}
    told = {"output": tmp_path / "run", "topics": topics, "count": 12, **more}
    return TopicsConfig.model_validate({**told, "server": server, "limits": limits})


def collected(config: TopicsConfig) -> Result:
    """The run, done."""
    return collect(Topics(config), config)
