"""Dialogues as a companion asks for them: what precedes a reply is what it gives its model there.

A companion tells its model who it is, the step it has come to and what the child feels, anew for
each reply. Data has none of that, so a model that learnt it as it stands meets other words when it
is talked with. Here every dialogue is played: the child's messages go to a companion whose model
says the replies of the data, and each reply is learnt behind what the companion asked with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from qiaoban_agent import Companion, load_policy
from qiaoban_agent.models.base import Message as Asked
from qiaoban_finetune.config import SourceConfig, TrainingConfig
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.encoding import LEARN_LAST
from qiaoban_finetune.errors import ConfigError
from qiaoban_finetune.formats import write
from qiaoban_finetune.mixture import Source
from qiaoban_finetune.run_card import source_facts
from qiaoban_guards.errors import DocumentError

PROMPTS = "prompts"
"""Folder of a run for its data as a companion asks for it."""


class _Teacher:
    """Stands for the model: says what the data says, and keeps what it was first asked with."""

    reply: str = ""
    asked: Sequence[Asked] = ()

    def about_to_say(self, reply: str) -> None:
        """Say this next, and forget what was asked."""
        self.reply, self.asked = reply, ()

    def generate(self, messages: Sequence[Asked], /) -> Iterator[str]:
        self.asked = self.asked or tuple(messages)
        return iter([self.reply])


def as_asked(dialogues: Iterable[Dialogue], policy: str) -> Iterator[Dialogue]:
    """Each reply as a dialogue of its own, behind what a companion of `policy` asks with.

    Only that reply is learnt: what stands before it is what was said, notices of the companion too.
    A reply that the companion asks no model for, in danger say, is left out; a dialogue that has a
    system message is given on as it is. `policy` is a shipped one's name or a file. Raises
    ConfigError where it is none.
    """
    teacher = _Teacher()
    try:
        loaded = load_policy(policy)
    except DocumentError as error:
        raise ConfigError(f"data.companion: {error}") from error
    # lest a run by night learn what is said at bedtime
    afternoon = datetime(2026, 1, 7, 16, tzinfo=ZoneInfo(loaded.presence.zone)).timestamp()
    companion = Companion(loaded, model=teacher, clock=lambda: afternoon)
    for dialogue in dialogues:
        if any(message.role == "system" for message in dialogue.messages):
            yield dialogue
            continue
        yield from _played(dialogue, companion, teacher)
        companion.forget(dialogue.id)


def prompted(config: TrainingConfig) -> TrainingConfig:
    """The configuration with files of `data` as a companion asks for them, if `data` says so.

    They are written to `prompts/` of the run, and again only if the data or the policy changed.
    """
    policy = config.data.companion
    if policy is None:
        return config
    told = {"train": tuple(_written(config, each, policy) for each in config.data.train)}
    if isinstance(config.data.validation, tuple):
        told["validation"] = tuple(
            _written(config, each, policy) for each in config.data.validation
        )
    return config.model_copy(update={"data": config.data.model_copy(update=told)})


def _played(dialogue: Dialogue, companion: Companion, teacher: _Teacher) -> Iterator[Dialogue]:
    turns = zip(dialogue.messages, dialogue.messages[1:], strict=False)
    for number, (said, reply) in enumerate(turns, 1):
        if (said.role, reply.role) != ("user", "assistant"):
            continue
        teacher.about_to_say(reply.text)
        companion.reply(said.text, session=dialogue.id)
        if teacher.asked:
            asked = [Message(each["role"], each["content"]) for each in teacher.asked]
            yield replace(
                dialogue,
                id=f"{dialogue.id}#{number}",
                messages=(*asked, reply),
                extra=(*dialogue.extra, LEARN_LAST),
            )


def _written(config: TrainingConfig, source: SourceConfig, policy: str) -> SourceConfig:
    folder = config.output / PROMPTS
    of = [source_facts(source)["sha256"], source.format, source.turns, _words_of(policy)]
    digest = hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]
    file = folder / f"{source.path.stem}-{digest}.jsonl"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        given = Source(source.path, source.format, licence=source.licence, turns=source.turns)
        write(as_asked(given.dialogues(), policy), file, "openai")
    return source.model_copy(update={"path": file, "format": "openai"})


def _words_of(policy: str) -> str:
    try:
        return load_policy(policy).model_dump_json()
    except DocumentError as error:
        raise ConfigError(f"data.companion: {error}") from error
