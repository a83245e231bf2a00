"""A run as it is seen in a terminal: a bar with what it cost, and a summary at its end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from qiaoban_finetune.collect.engine import Progress as Seen
from qiaoban_finetune.collect.limits import Budget
from qiaoban_finetune.collect.run import Result, Told


@contextmanager
def bar(name: str, total: int, currency: str) -> Generator[Told]:
    """A bar on standard error while a run goes on; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total, told="")

        def told(seen: Seen, budget: Budget) -> None:
            malformed = sum(seen.malformed.values())
            spent = f"{budget.spent:.4f} {currency} · " if budget.spent else ""
            progress.update(task, completed=seen.done, told=f"{spent}{malformed} malformed")

        yield told


def summary(result: Result) -> list[str]:
    """What a run came to, in lines."""
    seen = result.progress
    lines = [
        f"kept       {seen.dialogues:,} of {seen.tasks:,}",
        f"malformed  {_counted(seen.malformed)}",
        f"unanswered {_counted(seen.unanswered)}",
        f"repeated   {_counted(result.repeated)}",
        f"tokens     {result.input_tokens:,} in, {result.output_tokens:,} out",
        f"cost       {result.spent:,.4f} {result.currency}",
    ]
    if seen.stopped:
        lines.append(
            f"stopped by {seen.stopped} behind {seen.done:,} of {seen.tasks:,} tasks; the same "
            "command goes on from there"
        )
    return lines


def _counted(reasons: dict[str, int]) -> str:
    told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    return f"{sum(reasons.values()):,}" + (f" ({told})" if told else "")
