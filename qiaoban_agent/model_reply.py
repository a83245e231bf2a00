"""A model's reply, sentence by sentence: held to the policy and to the stage of the coaching.

A sentence that breaks the policy ends the model's words or is left out, as its rule says. One
that is out of place in coaching (early advice, a dismissal, a second question …) is not said, and
the model is asked once more and told why; then curated words take over. A question waits until
the reply is whole, since it is right only as the last thing said.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal

from qiaoban_agent.care import Care
from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import CoachingClassifier
from qiaoban_agent.coaching.compose import Plan, plan
from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.prompt import messages_for
from qiaoban_agent.coaching.steering import Fault, Steering, advice_is_early, is_question
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_agent.events import Degraded, Event, Withheld
from qiaoban_agent.turn import Turn
from qiaoban_agent.waiting import Call, Failure, Request, Stream
from qiaoban_agent.words import Speech, is_grave, say, say_curated, say_fixed, spoken
from qiaoban_guards.output import Segmenter, Verdict, is_complete
from qiaoban_guards.output.rules import ALLOW
from qiaoban_guards.text import split_sentences

Ending = Literal["well", "stop", "badly"]
_REASONS: dict[Fault, str] = {
    CoachingAct.ADVICE: "advice before the child was heard",
    CoachingAct.DISMISS: "makes little of the feeling",
    CoachingAct.RELATION_CLAIM: "claims to be family, a sweetheart or a person",
    CoachingAct.PROMISE: "promises what nobody can hold",
    "second_question": "one question a turn is enough",
}


@dataclass(slots=True)
class _Attempt:
    """One reply of the model as it comes; `held` are allowed sentences from a question on."""

    steering: Steering
    held: list[str] = field(default_factory=list[str])
    questions: int = 0
    fault: Fault | None = None


def say_model(turn: Turn, care: Care) -> Speech:
    """Let the model speak, twice at most; curated words for what it leaves undone."""
    turn, ended, fault = yield from _attempt(turn, care, None)
    if fault is not None:
        turn, ended, fault = yield from _attempt(turn, care, fault)
    if fault is not None:
        return (yield from _finished_by_hand(turn, care))
    if not turn.said:
        return (yield from say_curated(turn, care))
    if ended == "badly":
        return (yield from say_fixed(turn, care, "cut_short"))
    return turn


def _finished_by_hand(turn: Turn, care: Care) -> Speech:
    """Curated words in place of the model's, or the question that its good beginning lacks."""
    if not turn.said:
        return (yield from say_curated(turn, care))
    acts = plan(turn.coaching, turn.reading, careful=is_grave(turn))
    return (yield from say_curated(turn, care, Plan(None, acts.question)))


def _owes_acceptance(turn: Turn, attempt: _Attempt) -> bool:
    """Whether a model was told twice to accept the feeling and did not: then we do."""
    coaching = turn.coaching
    acts = turn.acts.union(*(attempt.steering.acts(sentence) for sentence in attempt.held))
    return (
        coaching.stage is Stage.ACCEPT
        and coaching.turns_in_stage > 1
        and not coaching.validated
        and CoachingAct.ACCEPT not in acts
    )


def _attempt(
    turn: Turn, care: Care, correction: Fault | None
) -> Generator[Event | Request, Any, tuple[Turn, Ending, Fault | None]]:
    """Say what passes of one reply; also how it ended, and the fault that ended it."""
    classifier = CoachingClassifier.shipped()
    early = is_grave(turn) or advice_is_early(turn.coaching, turn.reading)
    attempt = _Attempt(Steering(classifier, turn.language, advice_is_early=early))
    attempt.questions = len([s for s in turn.said if s in "?？"])
    turn, ended = yield from _say_judged(turn, care, attempt, correction)
    if attempt.fault is None and ended != "badly":
        if _owes_acceptance(turn, attempt):
            turn = yield from say_curated(turn, care, Plan(Act.ACCEPT))
            if turn.language == "en":
                attempt.held[:1] = [f" {sentence.lstrip()}" for sentence in attempt.held[:1]]
        for sentence in attempt.held:
            turn = yield from say(turn, sentence, "model", attempt.steering.acts(sentence))
    return turn, ended, attempt.fault


def _say_judged(
    turn: Turn, care: Care, attempt: _Attempt, correction: Fault | None
) -> Generator[Event | Request, Any, tuple[Turn, Ending]]:
    stream, before = _open(turn, care, correction), turn.said
    limits = care.policy.output
    segmenter = Segmenter(limits.longest_sentence, limits.overlap)
    if turn.said and turn.language == "en":
        list(segmenter.feed(" "))  # the blank went with the sentence that was withheld
    try:
        while True:
            piece: Any = yield stream
            if isinstance(piece, Failure):
                return (yield from _model_failed(turn, str(piece)))
            final = piece is None
            for sentence in segmenter.finish() if final else segmenter.feed(piece):
                if final and not is_complete(sentence):
                    return (yield from _model_failed(turn, "stopped in the middle"))
                ahead = segmenter.pending
                turn, verdict = yield from _judge(turn, care, attempt, sentence, ahead)
                if attempt.fault is not None:
                    return turn, "badly"
                if not verdict.allowed and verdict.action != "drop":
                    return turn, "stop" if verdict.action == "stop" else "badly"
            if final:
                break
    finally:
        stream.close()
    if turn.said == before and not attempt.held:
        return (yield from _model_failed(turn, "said nothing"))
    return turn, "well"


def _is_said(sentence: str, said: str) -> bool:
    """Whether a sentence was said word for word before in this turn."""
    return sentence.strip() in {earlier.text.strip() for earlier in split_sentences(said)}


def _open(turn: Turn, care: Care, correction: Fault | None) -> Stream:
    model = care.model
    if model is None:
        raise RuntimeError("no model to open")
    history = [*turn.session.history, {"role": "user", "content": turn.masked}]
    messages = messages_for(
        Content.shipped(turn.language),
        turn.coaching,
        turn.memory,
        history,  # type: ignore[arg-type]
        careful=is_grave(turn),
        correction=correction,
        said=turn.said,
    )
    deadlines = care.policy.deadlines
    return Stream(
        lambda: model.generate(messages),
        first=deadlines.first_words,
        next_=deadlines.next_words,
        total=deadlines.reply,
    )


def _model_failed(turn: Turn, reason: str) -> Generator[Event | Request, Any, tuple[Turn, Ending]]:
    yield Degraded(step="model", reason=reason)
    return turn.but(degraded=(*turn.degraded, "model")), "badly"


def _judge(
    turn: Turn, care: Care, attempt: _Attempt, sentence: str, ahead: str
) -> Generator[Event | Request, Any, tuple[Turn, Verdict]]:
    """Judge one sentence; say it, hold it, or keep it back."""
    if _is_said(sentence, turn.said + "".join(attempt.held)):  # a retry that begins again
        return turn, ALLOW
    where = spoken(turn, ahead, "".join(attempt.held))
    verdict = care.rules.judge(sentence, where)
    if verdict.allowed or verdict.rule == "questions":
        fault = attempt.steering.fault(sentence, attempt.questions)
        if fault is not None:
            attempt.fault = fault
            yield Withheld(rule=f"coaching.{fault}", reason=_REASONS[fault], action="retry")
            return turn, verdict
    for guard in care.output_guards:
        if not verdict.allowed:
            break
        answer: Any = yield Call(guard.judge, sentence, where, seconds=care.policy.deadlines.guard)
        if isinstance(answer, Verdict):
            verdict = answer
        else:
            failure = answer if isinstance(answer, Failure) else Failure("unusable", "no verdict")
            yield Degraded(step="output", reason=f"{type(guard).__name__}: {failure}")
            turn = turn.but(degraded=(*turn.degraded, "output"))
            verdict = Verdict("replace", type(guard).__name__, "the guard failed")
    if verdict.action != "allow":
        yield Withheld(rule=verdict.rule, reason=verdict.reason, action=verdict.action)
    elif attempt.held or is_question(sentence):
        attempt.questions += is_question(sentence)
        attempt.held.append(sentence)
    else:
        turn = yield from say(turn, sentence, "model", attempt.steering.acts(sentence))
    return turn, verdict
