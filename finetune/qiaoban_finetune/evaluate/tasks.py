"""inspect's tasks: the items as samples, the one evaluated as solver, the readings as scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from qiaoban_agent.models.base import Message
from qiaoban_finetune.evaluate.items import DialogueItem, Item, TaskName, item_of
from qiaoban_finetune.evaluate.measures import MEASURES, Values
from qiaoban_finetune.evaluate.scoring import score
from qiaoban_finetune.evaluate.subjects import Subject
from qiaoban_finetune.evaluate.talk import Answer, Talk
from qiaoban_guards.policy.types import Language

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver, TaskState

TALK = "talk"
"""The key of a sample's store under which the talk stands."""
READINGS = "readings"
"""The name of the deterministic scorer."""


def task_of(
    task: TaskName,
    language: Language,
    items: Sequence[Item],
    subject: Subject,
    judging: Sequence[Scorer] = (),
) -> Task:
    """A task for inspect; `judging` are scorers beside the deterministic one."""
    from inspect_ai import Task

    return Task(
        name=f"{task}-{language}",
        dataset=[sample_of(item) for item in items],
        solver=talking(task, subject),
        scorer=[readings(task, language, subject.card.prompt), *judging],
        metadata={"task": task, "language": language, "subject": subject.card.model_dump()},
    )


def sample_of(item: Item) -> Sample:
    """An item as inspect keeps it: whole, under `item` of its metadata."""
    from inspect_ai.dataset import Sample

    metadata = {"item": item.model_dump(mode="json"), "group": item.group, **item.labels}
    return Sample(id=item.id, input="\n".join(item.messages), metadata=metadata)


def talking(task: TaskName, subject: Subject) -> Solver:
    """Say an item's messages to the one evaluated, each after the answer to the one before."""
    from inspect_ai.solver import Generate, solver

    @solver(name="talking")
    def make() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            del generate  # the one evaluated speaks for itself
            item = item_of(task, state.metadata["item"])
            keep(state, await talk_through(item, subject, state.epoch), subject.card.model)
            return state

        return solve

    return make()


def keep(state: TaskState, talk: Talk, model: str) -> None:
    """Put a talk where scorers, logs and inspect's viewer look for it."""
    from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, ModelOutput

    state.store.set(TALK, talk.model_dump(mode="json"))
    said: list[ChatMessage] = []
    answered = [pair for one in talk.answers for pair in (("user", one.child), ("", one.reply))]
    for role, words in (*talk.before, *answered):
        kind = ChatMessageUser if role == "user" else ChatMessageAssistant
        said.append(kind(content=words))
    state.messages = said
    state.output = ModelOutput.from_content(model, talk.last.reply)


async def talk_through(item: Item, subject: Subject, epoch: int = 1) -> Talk:
    """One item in a session of its own.

    Its name is the same in every run: the companion's choice among equal lines hangs on it.
    """
    session = f"{item.id} {epoch}"
    turns: Sequence[str] = item.messages
    before: list[Message] = []
    if isinstance(item, DialogueItem):
        before = [Message(role=m.role, content=m.content) for m in item.history[:-1]]
        turns = (item.history[-1].content,)
    answers: list[Answer] = []
    try:
        await subject.begin(session, before)
        for message in turns:
            answers.append(await subject.answer(message, session))
    finally:
        subject.forget(session)
    return Talk(answers=tuple(answers), before=tuple((m["role"], m["content"]) for m in before))


def readings(task: TaskName, language: Language, prompt: str) -> Scorer:
    """The deterministic scorer of a task."""

    def values(state: Any) -> Values:
        talk = Talk.model_validate(state.store.get(TALK))
        measured = score(task, item_of(task, state.metadata["item"]), talk, language, prompt)
        return {one.name: measured.get(one.name) for one in MEASURES[task]}

    return scorer_of(READINGS, values)


def scorer_of(name: str, values: Callable[[Any], Values]) -> Scorer:
    """A scorer for inspect from a function of a sample's state."""
    from inspect_ai.scorer import Score, Target, mean, scorer, stderr

    @scorer(name=name, metrics={"*": [mean(), stderr(cluster="group")]})
    def make() -> Scorer:
        async def score_it(state: TaskState, target: Target) -> Score:
            del target  # the item says what is expected
            # inspect wants every name in every score, and leaves out what is no number
            found = values(state)
            return Score(value={n: nan if v is None else v for n, v in found.items()})

        return score_it

    return make()
