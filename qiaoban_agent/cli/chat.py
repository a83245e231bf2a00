"""`qiaoban chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from qiaoban_agent.cli.options import ModelOption, PolicyOption, companion_from
from qiaoban_agent.cli.watching import PolicyWatch
from qiaoban_agent.companion import Companion
from qiaoban_agent.events import (
    Degraded,
    Escalated,
    Event,
    Heard,
    Said,
    Staged,
    Weighed,
    Withheld,
)


class _Language(StrEnum):
    ZH = "zh"
    EN = "en"


def chat(
    *,
    lang: Annotated[_Language, typer.Option(help="The language to begin in.")] = _Language.ZH,
    policy: PolicyOption = None,
    model: ModelOption = "curated",
    show: Annotated[
        bool, typer.Option("--show", help="Show risk, stage and events beside each turn.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Put the policy in force again when its file changes.")
    ] = False,
    store: Annotated[
        str | None,
        typer.Option(help="Where sessions are kept: a file or a database's address."),
    ] = None,
) -> None:
    """Talk with the companion; end with ctrl-c, ctrl-d or the end of the input.

    Piped input is read line by line, each line one message.
    """
    companion = companion_from(policy, model, lang, store)
    watched = PolicyWatch(companion, policy or companion.policy.id) if watch else None
    console = Console(highlight=False, soft_wrap=True)
    interactive = sys.stdin.isatty()
    try:
        for message in _messages(console, interactive=interactive):
            if watched is not None and (told := watched.look()):
                console.print(Text(f"    {told}", "dim"))
            _answer(companion, message, console, show=show)
    except KeyboardInterrupt:
        console.print()


def _messages(console: Console, *, interactive: bool) -> Iterator[str]:
    if not interactive:
        for line in sys.stdin:
            message = line.rstrip("\r\n")
            console.print(Text.assemble(("› ", "bold green"), message))
            yield message
        return
    while True:
        try:
            yield console.input("[bold green]›[/] ")
        except EOFError:
            console.print()
            return


def _answer(companion: Companion, message: str, console: Console, *, show: bool) -> None:
    """Print the words as they come, then what was decided on the way."""
    said = False
    shown: list[Text] = []
    for event in companion.stream(message, session="terminal"):
        if isinstance(event, Said):
            console.print(Text(event.text if said else f"  {event.text}", "cyan"), end="")
            said = True
        elif show and (line := _shown(event)) is not None:
            shown.append(line)
    console.print()
    for line in shown:
        console.print(line)


def _shown(event: Event) -> Text | None:
    """One dim line about an event, None for those that say nothing more."""
    match event:
        case Heard(hidden=hidden) if hidden:
            told = f"hidden: {', '.join(hidden)}"
        case Weighed(risk=risk, session_risk=session_risk):
            found = "; ".join(f"{f.source} “{f.span}”" for f in risk.findings)
            told = f"risk: {risk.level.label} (session {session_risk.label}) {found}"
        case Staged(stage=stage, emotion=emotion, reason=reason):
            told = f"stage: {stage} · emotion: {emotion} · {reason}"
        case Escalated(level=level, categories=categories):
            told = f"escalated: {level.label} {', '.join(categories)}"
        case Withheld(rule=rule, action=action):
            told = f"withheld: {rule} ({action})"
        case Degraded(step=step, reason=reason):
            told = f"degraded: {step}: {reason}"
        case _:
            return None
    return Text(f"    {told}".rstrip(), "dim")
