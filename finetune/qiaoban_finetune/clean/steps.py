"""Everything that is done with one dialogue, in its order; no step looks at another dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from qiaoban_agent.coaching.report import EARLY, Exchange, advises_early
from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.languages import language_of
from qiaoban_finetune.clean.outcome import Note, Outcome
from qiaoban_finetune.clean.parents import as_parent
from qiaoban_finetune.clean.repair import Unreadable, alternating, repaired
from qiaoban_finetune.clean.signatures import Signer
from qiaoban_finetune.clean.source import Raw
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_guards.output.reply import ReplyJudge
from qiaoban_guards.pii.finder import finder_of
from qiaoban_guards.pii.redact import Redactor, Style
from qiaoban_guards.policy import load_policy
from qiaoban_guards.policy.types import Language
from qiaoban_guards.risk.classifier import RiskClassifier
from qiaoban_guards.risk.conversation import CONTEXT, assess_last
from qiaoban_guards.risk.fragments import assess_after
from qiaoban_guards.risk.taxonomy import RiskLevel
from qiaoban_guards.text import normalise

DUPLICATE = "a near-duplicate"
"""The reason that is found between dialogues, not in one."""


class Cleaner:
    """The steps as a configuration has them; made once in every process."""

    def __init__(self, config: CleanConfig) -> None:
        """DocumentError for a policy that cannot be used."""
        self._config = config
        self._policy = load_policy(config.policy)
        near = config.near_duplicates
        self._signer = Signer(near.permutations) if near else None

    def clean(self, raw: Raw) -> Outcome:
        """What becomes of a record."""
        outcome = Outcome(raw.number, raw.file, raw.line)
        try:
            dialogue, outcome.notes = repaired(raw.value(), raw.file, raw.line, raw.number)
        except (ValueError, RecursionError):
            return outcome.gone("no valid JSON", raw.text[:200].decode("utf-8", "replace"))
        except Unreadable as error:
            return outcome.gone("no dialogue", str(error))
        outcome.id = dialogue.id
        outcome.dialogue = replace(dialogue, messages=alternating(dialogue.messages, outcome.notes))
        for step in (self._form, self._parent, self._personal, self._harm, self._advice):
            step(outcome)
            if outcome.reason:
                return outcome
        if self._signer is not None:
            outcome.signature = self._signer.sign(_said(_there(outcome)))
        return outcome

    def _form(self, outcome: Outcome) -> None:
        """Length and language."""
        config, dialogue = self._config, _there(outcome)
        said = _said(dialogue)
        if len(said) < config.least_messages:
            outcome.gone("too few messages", " / ".join(said))
        elif len(said) > config.most_messages:
            outcome.gone("too many messages", said[0])
        elif sum(map(len, said)) < config.least_characters:
            outcome.gone("too short", " / ".join(said))
        elif len(longest := max(said, key=len)) > config.longest_message:
            outcome.gone("a message too long", longest)
        elif language_of(said) not in config.languages:
            outcome.gone("another language", said[0])

    def _parent(self, outcome: Outcome) -> None:
        config, dialogue = self._config, _there(outcome)
        if config.parent == "keep":
            return
        found = as_parent(dialogue.messages, _language(dialogue))
        if found is None:
            return
        if config.parent == "drop" or found.messages is None:
            outcome.gone("speaks as a parent", found.sample)
        else:
            outcome.dialogue = replace(dialogue, messages=found.messages)
            outcome.notes.append(Note("spoken to or as a parent, written anew", found.sample))

    def _personal(self, outcome: Outcome) -> None:
        """Personal data of every message, and of the topic, which often tells it again."""
        config, dialogue = self._config, _there(outcome)
        if config.personal_data == "keep":
            return
        texts = [message.text for message in dialogue.messages]
        told = [dialogue.topic, *(value for _, value in dialogue.extra)]
        redacted = self._redactor.redact([*texts, *told])
        if not redacted.counts:
            return
        changed = next(
            new for old, new in zip([*texts, *told], redacted.texts, strict=True) if old != new
        )
        if config.personal_data == "drop":
            outcome.gone("personal data", changed)
            return
        for kind, count in sorted(redacted.counts.items()):
            outcome.notes.append(Note(f"personal data hidden: {kind}", changed, count))
        said = zip(dialogue.messages, redacted.texts, strict=False)
        topic, *extra = redacted.texts[len(texts) :]
        outcome.dialogue = replace(
            dialogue,
            messages=tuple(replace(message, text=text) for message, text in said),
            topic=topic,
            extra=tuple((key, new) for (key, _), new in zip(dialogue.extra, extra, strict=True)),
        )

    def _harm(self, outcome: Outcome) -> None:
        """A child's disclosure stays, whatever it tells; what counts is how it was answered."""
        config, dialogue = self._config, _there(outcome)
        if config.harmful == "keep":
            return
        grave: Note | None = None
        heard: list[str] = []
        previous = ""
        language = _language(dialogue)
        for at, child, reply in _exchanges(dialogue):
            heard.append(child.text)
            if grave is None:
                text = normalise(child.text)
                risk = assess_after(RiskClassifier.shipped(), text, previous, frozenset())
                previous = text.plain
                if risk.level >= RiskLevel.HIGH:
                    grave = Note(f"disclosures kept: {risk.findings[0].category}", child.text)
            else:  # only behind a disclosure does what was said long before change a risk
                risk = assess_last(RiskClassifier.shipped(), heard[-CONTEXT - 1 :])
            judged = self._judge.judge(child.text, reply.text, language, risk=risk)
            if not judged.allowed:
                why = f"a harmful reply: {judged.harm or judged.action}"
                self._without(outcome, at, why, f"{child.text} → {reply.text}")
                break
        if grave is not None and outcome.dialogue is not None:
            outcome.notes.append(grave)

    def _without(self, outcome: Outcome, at: int, why: str, sample: str) -> None:
        """Cut a dialogue off where a harmful exchange begins, or leave it out."""
        dialogue = _there(outcome)
        kept = dialogue.messages[:at]
        said = [message for message in kept if message.role != "system"]
        if self._config.harmful == "drop" or len(said) < self._config.least_messages:
            outcome.gone(why, sample)
            return
        outcome.dialogue = replace(dialogue, messages=kept)
        outcome.notes.append(Note(f"cut before {why}", sample))

    def _advice(self, outcome: Outcome) -> None:
        dialogue = _there(outcome)
        if self._config.early_advice == "keep":
            return
        exchanges = [
            Exchange(child=child.text, reply=reply.text)
            for _, child, reply in list(_exchanges(dialogue))[:EARLY]
        ]
        if advises_early(exchanges):
            outcome.gone("early advice", " → ".join((exchanges[0].child, exchanges[0].reply)))

    @cached_property
    def _redactor(self) -> Redactor:
        style = Style.PLACEHOLDER if self._config.personal_data == "placeholder" else Style.MASK
        return Redactor(finder_of().find, style)

    @cached_property
    def _judge(self) -> ReplyJudge:
        return ReplyJudge.of(self._policy)


def _there(outcome: Outcome) -> Dialogue:
    assert outcome.dialogue is not None  # noqa: S101 - no step runs behind one that took it
    return outcome.dialogue


def _said(dialogue: Dialogue) -> list[str]:
    return [message.text for message in dialogue.messages if message.role != "system"]


def _language(dialogue: Dialogue) -> Language:
    return language_of(_said(dialogue)) or "en"


def _exchanges(dialogue: Dialogue) -> Iterator[tuple[int, Message, Message]]:
    """Every message of the child with its place and its answer."""
    messages: Sequence[Message] = dialogue.messages
    for at in range(len(messages) - 1):
        if messages[at].role == "user":
            yield at, messages[at], messages[at + 1]
