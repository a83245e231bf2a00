"""`qiaoban guard`: judge a file of messages or replies, a line each, and measure the guard."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from qiaoban_agent.cli.evaluation import plot_file, show
from qiaoban_agent.cli.judging import STDIN, run, tell
from qiaoban_agent.coaching.classifier import CoachingClassifier
from qiaoban_agent.errors import DocumentError, MissingExtraError
from qiaoban_guards.batch.lines import LineJudge
from qiaoban_guards.batch.measure import Tally
from qiaoban_guards.batch.plot import require_matplotlib
from qiaoban_guards.output import labels as of_reply
from qiaoban_guards.output.lines import by_judge
from qiaoban_guards.output.reply import Acts, ReplyJudge
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.output import ActsRule, GuardModelRule
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk import labels as of_message
from qiaoban_guards.risk.lines import judge_messages
from qiaoban_guards.risk.taxonomy import RiskLevel
from qiaoban_guards.text import normalise

_POLICY = "default"
_Plan = tuple[Callable[[], LineJudge], Tally, str]
"""What makes the judge, an empty tally for it, and what it flags, in words."""


class _From(StrEnum):
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    IMMINENT = "imminent"


def guard(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines, each {"text": "…"} or {"messages": [{"role": …, "content": …}]}; '
            'with --reply {"child": "…", "reply": "…"} or messages that end with the '
            "assistant's; - for standard input.",
            dir_okay=False,
            readable=True,
            allow_dash=True,
        ),
    ],
    *,
    reply: Annotated[
        bool, typer.Option("--reply", help="Judge what answers a child, not what it says.")
    ] = False,
    policy: Annotated[
        str | None,
        typer.Option(
            help=f"With --reply: a shipped policy's name or a path; by default {_POLICY}."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to write; by default standard output.", dir_okay=False),
    ] = None,
    flag_from: Annotated[
        _From | None,
        typer.Option(
            "--from", help="From which level on a message is flagged; by default moderate."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes, by default one a core; with 1 each line is answered at once."
        ),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Measure the guard against each line's `label`.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Where --evaluate draws truth and prediction; by default FILE.confusion.png.",
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Judge each line of FILE and write one JSON line each, in order.

    A line that cannot be judged gets a line with its `error` and its number, and the exit status
    is then 1; blank lines are passed over. A label is true, false, safe, unsafe, a level or a
    category, with --reply a kind of harm; unknown ones are told, left out, and make the exit
    status 1 too.
    """
    picture = plot or plot_file(file) if evaluate else None
    make, counts, title = _replies(policy, flag_from) if reply else _messages(policy, flag_from)
    tally = counts if evaluate else None
    _check(file, output, plot, picture)
    malformed = run(file, output, make, tally, jobs)
    if tally is not None and picture is not None:
        show(tally, picture, title, to_stderr=output is None)
    if malformed or (tally and tally.unknown):
        raise typer.Exit(1)


def _messages(policy: str | None, flag_from: _From | None) -> _Plan:
    if policy is not None:
        raise typer.BadParameter(
            "--policy needs --reply; what a message is flagged from is --from, and the guard's "
            "thresholds come with its model"
        )
    level = RiskLevel.parse((flag_from or _From.MODERATE).value)
    tally = Tally(of_message.KINDS, partial(of_message.read_label, flag_from=level))
    return partial(judge_messages, level), tally, f"flagged from {level.label}"


def _replies(policy: str | None, flag_from: _From | None) -> _Plan:
    if flag_from is not None:
        raise typer.BadParameter("--from is for messages; what a reply may do stands in --policy")
    name = policy or _POLICY
    try:
        loaded = load_policy(name)
    except DocumentError as error:
        tell(str(error))
        raise typer.Exit(2) from error
    for rule in loaded.output.rules:
        if isinstance(rule, GuardModelRule):
            tell(f"output.rules.{rule.id}: guard models are asked in a conversation only, not here")
    tally = Tally(of_reply.KINDS, of_reply.read_label)
    return partial(judge_replies, name), tally, f"not allowed by {loaded.id}"


def judge_replies(policy: str) -> LineJudge:
    """Judges replies by the policy of that name or path."""
    loaded = load_policy(policy)
    needs_acts = any(isinstance(rule, ActsRule) for rule in loaded.output.rules)
    return by_judge(ReplyJudge.of(loaded, acts=_acts() if needs_acts else None))


def _acts() -> Acts:
    classifier = CoachingClassifier.shipped()

    def read(sentence: str, language: Language) -> list[str]:
        return [*classifier.acts(normalise(sentence).plain, language)]

    return read


def _check(file: Path, output: Path | None, plot: Path | None, picture: Path | None) -> None:
    """Whatever would fail after hours of work fails here, in one line, with exit status 2."""
    try:
        if file != STDIN and not file.exists():  # `exists=True` would ask for a file called "-"
            raise typer.BadParameter(f"{file} does not exist")
        if plot is not None and picture is None:
            raise typer.BadParameter("--plot needs --evaluate")
        if picture is not None:
            require_matplotlib()
        for written in (output, picture):
            if written is None:
                continue
            if not written.absolute().parent.is_dir():
                raise typer.BadParameter(f"{written.parent} is not a folder")
            if file != STDIN and written.exists() and written.samefile(file):
                raise typer.BadParameter(f"{file} would be overwritten before it is read")
    except MissingExtraError as error:
        tell(str(error))
        raise typer.Exit(2) from error
