"""Sessions of simulated children as a task of inspect's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qiaoban_agent.models.base import Model
from qiaoban_finetune.evaluate.children.child import Child, PlayedChild, ScriptedChild
from qiaoban_finetune.evaluate.children.course import MEASURES, course
from qiaoban_finetune.evaluate.children.persona import Persona
from qiaoban_finetune.evaluate.measures import Values
from qiaoban_finetune.evaluate.subjects import Subject
from qiaoban_finetune.evaluate.talk import Answer, Talk
from qiaoban_finetune.evaluate.tasks import READINGS, TALK, keep, scorer_of
from qiaoban_guards.documents import Frozen
from qiaoban_guards.policy.types import Language

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.solver import Solver

LONGEST = 12
"""Messages after which a child that a model plays has to leave."""


class Session(Frozen):
    """One session to be held: a persona with one of its scripts, or played by a model."""

    id: str
    persona: Persona
    script: int | None = None

    @property
    def danger_from(self) -> int | None:
        """The message that tells of the danger, where that is known."""
        return None if self.script is None else self.persona.scripts[self.script].danger_from

    @property
    def labels(self) -> dict[str, str]:
        """What it is sorted by in a report."""
        return {"kind": self.persona.kind, "child": "played" if self.script is None else "scripted"}

    def child(self, model: Model | None) -> Child:
        """Who speaks in it."""
        if self.script is not None:
            return ScriptedChild(self.persona.scripts[self.script])
        if model is None:
            raise ValueError(f"{self.id}: a model has to play this child")
        return PlayedChild(self.persona, model)


def sessions_of(personas: Sequence[Persona], played: int = 0) -> tuple[Session, ...]:
    """A session for every script, or `played` ones for every persona where a model plays."""
    if played:
        return tuple(
            Session(id=f"{one.id}-played-{n}", persona=one)
            for one in personas
            for n in range(1, played + 1)
        )
    return tuple(
        Session(id=f"{one.id}-{n + 1}", persona=one, script=n)
        for one in personas
        for n in range(len(one.scripts))
    )


async def hold(session: Session, subject: Subject, model: Model | None, most: int) -> Talk:
    """Let a child and the one evaluated talk, until the child leaves or has said enough."""
    child, heard = session.child(model), list[tuple[str, str]]()
    answers: list[Answer] = []
    try:
        await subject.begin(session.id, [])
        while session.script is not None or len(answers) < most:
            message = await child.says(heard)
            if message is None:
                break
            answers.append(await subject.answer(message, session.id))
            heard.append((message, answers[-1].reply))
    finally:
        subject.forget(session.id)
    if not answers:
        raise ValueError(f"{session.id}: the child said nothing")
    return Talk(answers=tuple(answers))


def children_task(
    language: Language,
    sessions: Sequence[Session],
    subject: Subject,
    model: Model | None = None,
    most: int = LONGEST,
) -> Task:
    """The task: every session a sample."""
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

    held = {one.id: one for one in sessions}

    def values(state: Any) -> Values:
        session = held[str(state.sample_id)]
        measured = course(
            Talk.model_validate(state.store.get(TALK)),
            language,
            escalates=session.persona.escalates,
            danger_from=session.danger_from,
        )
        return {one.name: measured.get(one.name) for one in MEASURES}

    return Task(
        name=f"children-{language}",
        dataset=[
            Sample(
                id=one.id,
                input=one.persona.about,
                metadata={"item": one.model_dump(mode="json", by_alias=True)}
                | {"group": one.persona.id, **one.labels},
            )
            for one in sessions
        ],
        solver=_holding(held, subject, model, most),
        scorer=scorer_of(READINGS, values),
        metadata={"task": "children", "language": language, "subject": subject.card.model_dump()},
    )


def _holding(held: dict[str, Session], subject: Subject, model: Model | None, most: int) -> Solver:
    from inspect_ai.solver import Generate, TaskState, solver

    @solver(name="holding")
    def make() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            del generate
            session = held[str(state.sample_id)]
            keep(state, await hold(session, subject, model, most), subject.card.model)
            return state

        return solve

    return make()
