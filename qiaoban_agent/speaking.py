"""The words of a reply: fixed ones, curated ones, or a model's, sentence by sentence.

At the two highest levels, while a danger is open, and whenever a guard failed, no model speaks.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

from qiaoban_agent.care import Care
from qiaoban_agent.coaching.compose import Plan, plan
from qiaoban_agent.coaching.content import Act, Content
from qiaoban_agent.coaching.prompt import messages_for
from qiaoban_agent.events import Degraded, Event, Said, Withheld
from qiaoban_agent.turn import Turn
from qiaoban_agent.waiting import Call, Failure, Request, Stream
from qiaoban_guards.output import Segmenter, Spoken, Verdict, is_complete
from qiaoban_guards.policy import Response
from qiaoban_guards.risk import Category, Finding, RiskLevel
from qiaoban_guards.text import split_sentences

Speech = Generator[Event | Request, Any, Turn]
By = Literal["curated", "policy", "model"]
_Which = Literal[
    "crisis", "redirect", "careful", "listening", "still_here", "degraded", "cut_short"
]


def speak(turn: Turn, care: Care) -> Speech:
    """Answer the child; the returned turn has all that was said."""
    match turn.response:
        case Response.CRISIS:
            turn = yield from _say_fixed(turn, care, "crisis")
        case Response.REDIRECT if not turn.session.risk.open:
            turn = yield from _say_fixed(turn, care, "redirect")
        case _ if {"risk", "coaching"} & set(turn.degraded):
            turn = yield from _say_fixed(turn, care, "degraded")
        case _ if turn.session.risk.open:
            if turn.reading.emotion.valence == "negative":
                turn = yield from _say_curated(turn, care)
            else:
                turn = yield from _say_fixed(turn, care, "listening")
            turn = yield from _say_fixed(turn, care, "still_here")
        case _ if care.model is None or turn.degraded:
            turn = yield from _say_curated(turn, care)
        case _:
            turn = yield from _say_model(turn, care)
    if turn.response is Response.CAREFUL and not turn.session.risk.open:
        turn = yield from _say_fixed(turn, care, "careful")
    if not turn.said:  # never silence
        turn = yield from _say_fixed(turn, care, "degraded")
    return turn


def _say_fixed(turn: Turn, care: Care, which: _Which) -> Speech:
    """Say the policy's own words, in the turn's language if the policy has it."""
    policy = care.policy
    language = turn.language if turn.language in policy.words else policy.audience.language
    words = policy.words[language]
    finding = _answered_finding(turn, care)
    if finding is not None and which in ("crisis", "redirect", "careful"):
        lines = getattr(words, f"{which}_for")(finding)
    else:
        lines = getattr(words, which, words.degraded)
    category: Category | None = finding.category if finding else None
    if which == "still_here" and turn.session.escalation is not None:
        category = turn.session.escalation.categories[0]
    line = turn.wording.say(turn.wording.order(lines)[0])
    return (yield from _say(turn, policy.fill(line, language, category), "policy"))


def _answered_finding(turn: Turn, care: Care) -> Finding | None:
    """The finding that called for this response; the gravest where several came together."""
    response = care.policy.risk.response
    findings = turn.risk.findings
    asked = (f for f in findings if response(f.level, f.category) is turn.response)
    return next(asked, findings[0] if findings else None)


def _say_curated(turn: Turn, care: Care) -> Speech:
    """Say a curated reply for the stage; at most one question, within the policy's length."""
    content = Content.shipped(turn.language)
    acts = plan(turn.coaching, turn.reading, careful=_is_grave(turn))
    if _is_grave(turn):
        acts = Plan(acts.statement)
    for act in acts:
        if act is not None and (line := _fitting_line(turn, care, content, act)) is not None:
            turn = yield from _say(turn, turn.wording.say(line), "curated")
    return turn


def _is_grave(turn: Turn) -> bool:
    """Whether a concern is in the air: solutions and lines about a topic are kept out."""
    return turn.response is Response.CAREFUL or turn.session.risk.level >= RiskLevel.MODERATE


def _fitting_line(turn: Turn, care: Care, content: Content, act: Act) -> str | None:
    """The first line of an act that fits the child, the length and the output policy."""
    emotion, topic = turn.coaching.emotion, turn.coaching.topic
    if _is_grave(turn):  # a line about a quarrel must not answer a beating
        topic = None
    room = care.policy.coaching.characters.get(turn.language, 10_000) - len(turn.said)
    for line in turn.wording.fitting(content, act, emotion, topic):
        if turn.said and len(line.text) > room:
            continue
        if care.rules.judge(line.text, _spoken(turn)).allowed:
            return line.text
    return None


def _say_model(turn: Turn, care: Care) -> Speech:
    """Let the model speak, each sentence held until it is judged; curated words for the rest."""
    turn, ended = yield from _say_judged(turn, care)
    if ended == "well" and turn.said:
        return turn
    if not turn.said:
        return (yield from _say_curated(turn, care))
    return turn if ended == "stop" else (yield from _say_fixed(turn, care, "cut_short"))


Ending = Literal["well", "stop", "badly"]


def _say_judged(turn: Turn, care: Care) -> Generator[Event | Request, Any, tuple[Turn, Ending]]:
    """Say what passes of the model's words; also how they ended."""
    stream = _open(turn, care)
    limits = care.policy.output
    segmenter = Segmenter(limits.longest_sentence, limits.overlap)
    try:
        while True:
            piece: Any = yield stream
            if isinstance(piece, Failure):
                return (yield from _model_failed(turn, str(piece)))
            final = piece is None
            for sentence in segmenter.finish() if final else segmenter.feed(piece):
                if final and not is_complete(sentence):
                    return (yield from _model_failed(turn, "stopped in the middle"))
                turn, verdict = yield from _judge_and_say(turn, care, sentence, segmenter.pending)
                if not verdict.allowed and verdict.action != "drop":
                    return turn, "stop" if verdict.action == "stop" else "badly"
            if final:
                break
    finally:
        stream.close()
    if not turn.said:
        return (yield from _model_failed(turn, "said nothing"))
    return turn, "well"


def _open(turn: Turn, care: Care) -> Stream:
    model = care.model
    if model is None:
        raise RuntimeError("no model to open")
    history = [*turn.session.history, {"role": "user", "content": turn.masked}]
    messages = messages_for(
        Content.shipped(turn.language),
        turn.coaching,
        history,  # type: ignore[arg-type]
        careful=turn.response is Response.CAREFUL,
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


def _judge_and_say(
    turn: Turn, care: Care, sentence: str, ahead: str
) -> Generator[Event | Request, Any, tuple[Turn, Verdict]]:
    spoken = _spoken(turn, ahead)
    verdict = care.rules.judge(sentence, spoken)
    for guard in care.output_guards:
        if not verdict.allowed:
            break
        answer: Any = yield Call(guard.judge, sentence, spoken, seconds=care.policy.deadlines.guard)
        if isinstance(answer, Verdict):
            verdict = answer
        else:
            failure = answer if isinstance(answer, Failure) else Failure("unusable", "no verdict")
            yield Degraded(step="output", reason=f"{type(guard).__name__}: {failure}")
            turn = turn.but(degraded=(*turn.degraded, "output"))
            verdict = Verdict("replace", type(guard).__name__, "the guard failed")
    if verdict.action == "allow":
        turn = yield from _say(turn, sentence, "model")
    else:
        yield Withheld(rule=verdict.rule, reason=verdict.reason, action=verdict.action)
    return turn, verdict


def _spoken(turn: Turn, ahead: str = "") -> Spoken:
    return Spoken(child=turn.text.plain, said=turn.said, language=turn.language, ahead=ahead)


def _say(turn: Turn, text: str, by: By) -> Speech:
    """Say a text sentence by sentence; the blank between two sentences goes with the second."""
    for sentence in split_sentences(text):
        body = sentence.text.strip()
        before, _, after = sentence.text.partition(body) if body else (sentence.text, "", "")
        gap = turn.gap + before
        if not body:
            turn = turn.but(gap=gap)
            continue
        if not gap and by != "model" and turn.language == "en":
            gap = " "
        said = gap + body if turn.said else body
        yield Said(text=said, by=by)
        turn = turn.but(said=turn.said + said, gap=after)
    return turn
