"""The `qiaoban` command."""

from qiaoban_agent.cli.main import app

__all__ = ["app"]
