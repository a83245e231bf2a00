"""The command's entry: what every subcommand shares."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated

import typer

import qiaoban_agent
from qiaoban_agent.cli.audit import audit
from qiaoban_agent.cli.chat import chat
from qiaoban_agent.cli.coach_report import coach_report
from qiaoban_agent.cli.content import content
from qiaoban_agent.cli.convert import convert
from qiaoban_agent.cli.guard import guard
from qiaoban_agent.cli.personal_data import pii
from qiaoban_agent.cli.policy import policy
from qiaoban_agent.cli.replay import replay

app = typer.Typer(
    name="qiaoban",
    help="An emotion-coaching companion for children that is safe to embed.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(chat)
app.command()(replay)
app.command()(guard)
app.command()(coach_report)
app.command()(convert)
app.command()(pii)
app.add_typer(content)
app.add_typer(policy)
app.add_typer(audit)
for entry in entry_points(group="qiaoban.commands"):  # `train`: what stands on the agent
    found = entry.load()
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=entry.name)
    else:
        app.command(entry.name)(found)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(qiaoban_agent.__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An emotion-coaching companion for children that is safe to embed."""
