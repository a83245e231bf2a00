"""A run from its folder to its files: who else is at it, what was answered, what came out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from qiaoban_finetune.collect.asking import Found, Malformed, Recipe
from qiaoban_finetune.collect.characters import Persona
from qiaoban_finetune.collect.client import Server
from qiaoban_finetune.collect.engine import Engine, Progress, outcome
from qiaoban_finetune.collect.journal import Journal
from qiaoban_finetune.collect.limits import Budget
from qiaoban_finetune.collect.naming import name_of, write_text
from qiaoban_finetune.collect.personas import Personas
from qiaoban_finetune.collect.settings import CollectConfig
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import CollectError
from qiaoban_finetune.formats import write
from qiaoban_guards.errors import MissingExtraError

ANSWERS = "answers.jsonl"
DIALOGUES = "dialogues.jsonl"
PERSONAS = "personas.jsonl"
MALFORMED = "malformed.jsonl"
REPORT = "report.json"
Told: TypeAlias = Callable[[Progress, Budget], object]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to, and what it cost over all resumptions."""

    progress: Progress
    repeated: dict[str, int]
    """Calls that were repeated in this run, by reason."""
    input_tokens: int
    output_tokens: int
    spent: float
    currency: str

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data, for JSON."""
        progress = self.progress
        return {
            "tasks": progress.tasks,
            "done": progress.done,
            "dialogues": progress.dialogues,
            "malformed": dict(progress.malformed.most_common()),
            "unanswered": dict(progress.unanswered.most_common()),
            "repeated": self.repeated,
            "stopped_by": progress.stopped,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "spent": round(self.spent, 6),
            "currency": self.currency,
        }


def collect(recipe: Recipe[Dialogue], config: CollectConfig, *, told: Told | None = None) -> Result:
    """Do a recipe's tasks, or those that an earlier run in the same folder left, and write them.

    `dialogues.jsonl` (OpenAI's chat format, in the order of the tasks), `malformed.jsonl` and
    `report.json` are written whole at the end, also of a run that was interrupted or failed;
    `answers.jsonl` grows with every answer. `told` is called whenever something changed.

    Raises CollectError, ConfigError, DataError and ServerError, each with what to do.
    """

    async def work(engine: Engine[Dialogue], progress: Progress, journal: Journal) -> None:
        del progress, journal
        await engine.collect(range(recipe.count))

    def written(journal: Journal) -> None:
        refused: list[str] = []
        found = _dialogues(recipe, journal, refused)
        first = next(found, None)
        if first is not None:
            write(chain([first], found), config.output / DIALOGUES, "openai")
        write_text(config.output / MALFORMED, "".join(refused))

    return _run(recipe, config, told, work, written)


def collect_personas(
    recipe: Personas, config: CollectConfig, *, told: Told | None = None
) -> Result:
    """The same for personas, wave after wave; what is kept stands in `personas.jsonl`."""
    refused: list[str] = []

    async def work(engine: Engine[Persona], progress: Progress, journal: Journal) -> None:
        for wave in recipe.waves:
            await engine.collect(wave)
            settled = [outcome(recipe, journal, number) for number in wave]
            if None in settled:  # what later waves are shown is not known
                progress.stopped = progress.stopped or "a persona without an answer"
                return
            for number, found in zip(wave, settled, strict=True):
                assert found is not None  # noqa: S101 - looked at just now
                problem = found if isinstance(found, Malformed) else recipe.take(found)
                if problem is not None:
                    refused.append(refused_line(recipe.name, number, problem, journal))
                if problem is not None and problem is not found:
                    progress.malformed[problem.reason] += 1
                    progress.dialogues -= 1

    def written(journal: Journal) -> None:
        del journal
        lines = (f"{persona.as_json()}\n" for persona in recipe.taken)
        write_text(config.output / PERSONAS, "".join(lines))
        write_text(config.output / MALFORMED, "".join(refused))

    return _run(recipe, config, told, work, written)


def _run(
    recipe: Recipe[Found],
    config: CollectConfig,
    told: Told | None,
    work: Callable[[Engine[Found], Progress, Journal], Coroutine[Any, Any, None]],
    written: Callable[[Journal], None],
) -> Result:
    """Open the folder, do the work within it, and write what came of it however the work ended."""
    with _alone(config.output):
        journal = Journal(config.output / ANSWERS)
        server = Server(config.server, config.limits)
        budget = Budget(config.prices, config.limits.cost)
        budget.spent = budget.cost(journal.input_tokens, journal.output_tokens)
        progress = Progress(recipe.count)
        if told is not None:
            progress.told = lambda progress: told(progress, budget)

        async def inside() -> None:
            async with journal:
                engine = Engine(
                    recipe, config, server=server, journal=journal, budget=budget, progress=progress
                )
                try:
                    await work(engine, progress, journal)
                finally:
                    await server.close()

        try:
            asyncio.run(inside())
        finally:
            result = _result(progress, server, journal, budget, config)
            written(journal)
            text = json.dumps(result.as_dict(), ensure_ascii=False, indent=2)
            write_text(config.output / REPORT, f"{text}\n")
            journal.close()
        return result


def _result(
    progress: Progress, server: Server, journal: Journal, budget: Budget, config: CollectConfig
) -> Result:
    return Result(
        progress,
        dict(server.repeated.most_common()),
        journal.input_tokens,
        journal.output_tokens,
        budget.spent,
        config.prices.currency,
    )


def _alone(folder: Path) -> Any:
    """A lock on the folder: two runs would pay for the same answers."""
    try:
        filelock: Any = import_module("filelock")
    except ImportError as error:
        raise MissingExtraError("collecting dialogues", "collect") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(folder / ".lock").acquire(timeout=0)
    except filelock.Timeout as error:
        raise CollectError(
            f"{folder}: another run is collecting here; wait for its end or write another output"
        ) from error
    except OSError as error:
        raise CollectError(
            f"{folder}: cannot be written ({error}); write another output"
        ) from error


def _dialogues(
    recipe: Recipe[Dialogue], journal: Journal, refused: list[str]
) -> Iterator[Dialogue]:
    """What came of the tasks that are done, in their order; lines of the rest go to `refused`."""
    for number in range(recipe.count):
        found = outcome(recipe, journal, number)
        if isinstance(found, Malformed):
            refused.append(refused_line(recipe.name, number, found, journal))
        elif found is not None:
            yield found


def refused_line(recipe: str, number: int, problem: Malformed, journal: Journal) -> str:
    """A line that says why nothing came of a task, with all that was answered."""
    answers: list[str] = []
    while (recorded := journal.recorded(number, len(answers))) is not None:
        answers.append(recorded.text)
    line = {"id": name_of(recipe, number), **asdict(problem), "answers": answers}
    return json.dumps(line, ensure_ascii=False) + "\n"
