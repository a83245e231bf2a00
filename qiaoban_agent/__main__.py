"""`python -m qiaoban_agent`."""

from qiaoban_agent.cli import app

app(prog_name="qiaoban")
