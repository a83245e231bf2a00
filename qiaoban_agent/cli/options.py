"""Options that subcommands share, and a companion made from them."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from qiaoban_agent.companion import Companion
from qiaoban_agent.errors import QiaobanError

PolicyOption = Annotated[
    str | None,
    typer.Option(help="A shipped policy's name or a path; by default the language's own."),
]
ModelOption = Annotated[str, typer.Option(help="curated, openai:MODEL or transformers:PATH.")]
_POLICIES = {"zh": "default", "en": "en-US"}


def companion_from(
    policy: str | None, model: str, language: str = "zh", store: str | None = None
) -> Companion:
    """A companion for the terminal; what is wrong is told in one line, with exit status 2."""
    # An escalation is shown by --show; its route `log` would write across the conversation.
    logging.getLogger("qiaoban.escalation").addHandler(logging.NullHandler())
    try:
        return Companion(policy or _POLICIES[language], model, store=store)
    except QiaobanError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(2) from error
