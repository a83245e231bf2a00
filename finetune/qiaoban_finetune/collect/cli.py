"""`qiaoban collect`: dialogues from a server, and PICA's tasks from labelled sets."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from qiaoban_agent.errors import QiaobanError

collect = typer.Typer(
    name="collect",
    help="Collect dialogues from any server that speaks OpenAI's chat completions (vLLM, SGLang, "
    "Ollama, an API). The key is read from OPENAI_API_KEY alone. A run that was stopped or killed "
    "goes on with the same command, and asks nothing twice.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_UNUSABLE, _UNFINISHED = 2, 3

ConfigArgument = Annotated[
    Path | None, typer.Argument(help="A YAML file; every key may come from --set instead.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="key.key=value laid over the file, as server.model=qwen3 or count=100; may be given "
        "often.",
    ),
]
DryOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Print the first prompt and what the run may cost; ask nothing."
    ),
]


@collect.command()
def topics(
    config: ConfigArgument = None, *, overrides: SetOption = None, dry_run: DryOption = False
) -> None:
    """A dialogue for each topic drawn from a list, one call each.

    Needs topics (a file), server.model and output (a folder). The emotion, the age and the length
    are drawn too. Exit status 3: the run is not finished; 2: it cannot be done as it is told.
    """
    with _telling():
        from qiaoban_finetune.collect.topics import Topics, TopicsConfig

        told = _configured(TopicsConfig, config, overrides)
        _do(Topics(told), told, dry_run=dry_run)


@collect.command("self-chat")
def self_chat(
    config: ConfigArgument = None, *, overrides: SetOption = None, dry_run: DryOption = False
) -> None:
    """Dialogues between a child and a companion that the model plays, one side or both at a time.

    Needs server.model and output. mode: alternating (a call a turn) or one_call; personas: a file
    of one's own, as `collect personas` writes it.
    """
    with _telling():
        from qiaoban_finetune.collect.self_chat import SelfChat, SelfChatConfig

        told = _configured(SelfChatConfig, config, overrides)
        _do(SelfChat(told), told, dry_run=dry_run)


@collect.command()
def expand(
    config: ConfigArgument = None, *, overrides: SetOption = None, dry_run: DryOption = False
) -> None:
    """Single questions and answers told again as dialogues of many turns.

    Needs source (PsyQA, Alpaca, … as training reads it), server.model and output. Personal data is
    hidden before anything is sent; the strategies of PsyQA's answers have to come back.
    """
    with _telling():
        from qiaoban_finetune.collect.expand import Expand, ExpandConfig

        told = _configured(ExpandConfig, config, overrides)
        _do(Expand(told), told, dry_run=dry_run)


@collect.command()
def personas(
    config: ConfigArgument = None, *, overrides: SetOption = None, dry_run: DryOption = False
) -> None:
    """New personas for self-chat, none of them nearly another.

    Needs server.model and output; personas.jsonl in it is what self-chat takes.
    """
    with _telling():
        from qiaoban_finetune.collect.personas import Personas, PersonasConfig

        told = _configured(PersonasConfig, config, overrides)
        _do(Personas(told), told, dry_run=dry_run)


@collect.command()
def tasks(config: ConfigArgument = None, *, overrides: SetOption = None) -> None:
    """PICA's five tasks from labelled sets, in its unified format; no server is asked.

    Needs sets (each with path, task, dataset, fields) and output (a .jsonl file).
    """
    with _telling():
        from qiaoban_finetune.collect.labelled import convert
        from qiaoban_finetune.collect.labelled_config import TasksConfig

        told = _configured(TasksConfig, config, overrides)
        for name, count in convert(told).items():
            typer.echo(f"{name:<40}{count:>10,}")
        typer.echo(f"written    {told.output}")


def _configured(kind: Any, config: Path | None, overrides: list[str] | None) -> Any:
    from qiaoban_finetune.collect.command_config import configured

    return configured(kind, config, overrides or [])


def _do(recipe: Any, config: Any, *, dry_run: bool) -> None:
    from qiaoban_finetune.collect.personas import Personas
    from qiaoban_finetune.collect.rehearsing import rehearsal
    from qiaoban_finetune.collect.run import Result, collect_personas
    from qiaoban_finetune.collect.run import collect as run
    from qiaoban_finetune.collect.showing import bar, summary

    if dry_run:
        for line in rehearsal(recipe, config):
            typer.echo(line)
        return
    work: Any = collect_personas if isinstance(recipe, Personas) else run
    with bar(recipe.name, recipe.count, config.prices.currency) as told:
        result: Result = work(recipe, config, told=told)
    for line in summary(result):
        typer.echo(line, err=True)
    typer.echo(f"written    {config.output}")
    if result.progress.stopped or result.progress.unanswered:
        raise typer.Exit(_UNFINISHED)


@contextmanager
def _telling() -> Generator[None]:
    """What cannot be done, in red and in one line, without a traceback."""
    from qiaoban_agent.models.openai.errors import ServerError

    try:
        yield
    except (QiaobanError, ServerError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(_UNUSABLE) from error
