"""How a companion coached, read off a dialogue: stages, early advice, questions, own words.

The measures are those of `docs/coaching.md`; acts are recognised (`coaching/classifier.py`), so a
dialogue of any companion, or of a person, can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.classifier import CoachingClassifier
from qiaoban_agent.coaching.cues import Cue
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.reading import Reader, language_of
from qiaoban_agent.coaching.steering import ASKED_FOR
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_guards.documents import Frozen
from qiaoban_guards.text import has_han, normalise, split_sentences

EARLY = 2
"""Assistant turns in which advice that nobody asked for comes too early."""
REPEATED_WITHIN = 15
"""Turns within which no sentence should come twice."""
_REMEMBERED = 6
"""Messages of the child that a reply may take words from."""
_SHORTEST = {True: 4, False: 12}
"""Characters from which on a sentence, in Chinese or not, counts as one that could be repeated."""
_QUESTIONS = re.compile(r"[?？]+")
_WORDS = re.compile(r"[a-z]{4,}")
_COMMON = frozenset(
    """
    我的 你的 他的 她的 我们 你们 他们 她们 自己 什么 怎么 为什 这个 那个 这样
    那样 一个 一下 一点 就是 不是 还是 可是 但是 因为 所以 如果 没有 知道 觉得
    感觉 可以 不能 不会 不要 不想 想要 的时 时候 现在 今天 昨天 明天 已经 真的
    有点 很多 一起 的人 了我 我也 也是 都是 是我 我就 说的 心里 起来 出来 这么
    那么 的事 事情 我不 你不 了你 你说 说你
    """.split()  # noqa: SIM905 - read more easily than a list
)
_COMMON_ENGLISH = frozenset(
    """
    that this with what when your have just like they them then there been really
    about would could should from because want know feel think were will dont cant
    didn does some more very much even still only than into over mine ours yours
    here where which while being
    """.split()  # noqa: SIM905 - read more easily than a list
)
_COMMON_RUN = re.compile("|".join(sorted({pair.replace("我", "你") for pair in _COMMON})))
_ORDER = (
    (CoachingAct.EXPLORE, Stage.EXPLORE),
    (CoachingAct.ADVICE, Stage.EXPLORE),
    (CoachingAct.ACCEPT, Stage.ACCEPT),
    (CoachingAct.LABEL, Stage.NOTICE),
    (CoachingAct.NOTICE, Stage.NOTICE),
    (CoachingAct.UNDERSTAND, Stage.UNDERSTAND),
)


class Exchange(Frozen):
    """One message of a child and its answer; `stage` and `emotion` where the log has them."""

    child: str
    reply: str
    stage: Stage | None = None
    emotion: Emotion | None = None


class Turn(NamedTuple):
    """What was read off one exchange."""

    stage: Stage | None
    acts: frozenset[CoachingAct]
    questions: int
    advice_early: bool
    repeated: tuple[str, ...]
    own_words: bool


class CoachReport(Frozen):
    """One dialogue, measured. Shares are None where nothing could be counted.

    `validated_first`: whether solutions came only after the feeling was named or accepted, or
    were asked for; None if there were none.
    """

    id: str
    turns: int
    stages: tuple[Stage | None, ...]
    acts: tuple[tuple[CoachingAct, ...], ...]
    advice_early: int
    most_questions: int
    questions_a_turn: float
    repeated: tuple[str, ...]
    validated_first: bool | None
    own_words: float
    harmful: dict[CoachingAct, int]


def report(identity: str, exchanges: Sequence[Exchange]) -> CoachReport:
    """Measure one dialogue. ValueError if it has no exchange."""
    if not exchanges:
        raise ValueError(f"{identity}: no child's message with an answer")
    turns = list(_turns(exchanges))
    bad = (CoachingAct.DISMISS, CoachingAct.RELATION_CLAIM, CoachingAct.PROMISE)
    return CoachReport(
        id=identity,
        turns=len(turns),
        stages=tuple(turn.stage for turn in turns),
        acts=tuple(tuple(sorted(turn.acts)) for turn in turns),
        advice_early=sum(turn.advice_early for turn in turns),
        most_questions=max(turn.questions for turn in turns),
        questions_a_turn=round(sum(turn.questions for turn in turns) / len(turns), 3),
        repeated=tuple(sentence for turn in turns for sentence in turn.repeated),
        validated_first=_validated_first(exchanges, turns),
        own_words=round(sum(turn.own_words for turn in turns) / len(turns), 3),
        harmful={act: sum(act in turn.acts for turn in turns) for act in bad},
    )


def advises_early(exchanges: Sequence[Exchange]) -> bool:
    """Whether one of the first replies gives advice that nobody has asked for yet."""
    return any(
        _advises_early(exchanges, number, acts_of(exchange.reply))
        for number, exchange in enumerate(exchanges[:EARLY])
    )


def _advises_early(
    exchanges: Sequence[Exchange], number: int, acts: frozenset[CoachingAct]
) -> bool:
    """What the child says is read only where a reply advises, which few of them do."""
    if number >= EARLY or CoachingAct.ADVICE not in acts:
        return False
    if exchanges[number].stage is Stage.CRISIS:
        return False
    return _cues(exchanges[number].child).isdisjoint(ASKED_FOR) and not any(
        Cue.ASKS_ADVICE in _cues(before.child) for before in exchanges[:number]
    )


def _turns(exchanges: Sequence[Exchange]) -> Iterator[Turn]:
    last_said: dict[str, int] = {}
    for number, exchange in enumerate(exchanges):
        sentences = [s.text.strip() for s in split_sentences(exchange.reply) if s.text.strip()]
        acts = acts_of(exchange.reply)
        repeated = tuple(
            sentence
            for sentence in sentences
            if len(sentence) >= _SHORTEST[has_han(sentence)]
            and number - last_said.get(sentence, -REPEATED_WITHIN - 1) <= REPEATED_WITHIN
        )
        last_said.update(dict.fromkeys(sentences, number))
        yield Turn(
            stage=exchange.stage or next((s for act, s in _ORDER if act in acts), None),
            acts=acts,
            questions=len(_QUESTIONS.findall(exchange.reply)),
            advice_early=_advises_early(exchanges, number, acts),
            repeated=repeated,
            own_words=takes_up(
                exchange.reply,
                [e.child for e in exchanges[max(0, number + 1 - _REMEMBERED) : number + 1]],
            ),
        )


def _validated_first(exchanges: Sequence[Exchange], turns: Sequence[Turn]) -> bool | None:
    solving = {CoachingAct.EXPLORE, CoachingAct.ADVICE}
    heard = {CoachingAct.ACCEPT, CoachingAct.LABEL}
    before: set[CoachingAct] = set()
    for exchange, turn in zip(exchanges, turns, strict=True):
        before |= turn.acts & heard
        # Where the log tells the stage, what is no exploring is not taken for it.
        if turn.acts & solving and exchange.stage in (None, Stage.EXPLORE):
            return bool(before) or Cue.ASKS_ADVICE in _cues(exchange.child)
    return None


def acts_of(reply: str) -> frozenset[CoachingAct]:
    """The coaching acts of a reply, sentence by sentence."""
    classifier = CoachingClassifier.shipped()
    language = language_of(normalise(reply).plain, "zh")
    plain = (normalise(sentence.text).plain for sentence in split_sentences(reply))
    return frozenset(a for p in plain if p.strip() for a in classifier.acts(p, language))


def _cues(child: str) -> frozenset[Cue]:
    plain = normalise(child).plain
    return Reader.shipped(language_of(plain, "zh")).read(plain).cues


def takes_up(reply: str, heard: Sequence[str]) -> bool:
    """Whether a reply has words of the child's own: a pair of characters or a word they share."""
    said = _content(reply)
    return any(not said.isdisjoint(_content(message)) for message in heard)


def _content(text: str) -> set[str]:
    plain = normalise(text).plain.replace("我", "你")
    runs = re.findall(r"[\u4e00-\u9fff]{2,}", _COMMON_RUN.sub(" ", plain))
    pairs = {run[place : place + 2] for run in runs for place in range(len(run) - 1)}
    return pairs | (set(_WORDS.findall(plain)) - _COMMON_ENGLISH)


__all__ = ["CoachReport", "Exchange", "acts_of", "advises_early", "report", "takes_up"]
