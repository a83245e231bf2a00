"""Dialogues as token ids with labels: what the companion reads, and what it is to write.

The prompt before each reply is, token for token, what `qiaoban_agent` gives the model when it
answers there, since the same Writer writes both. Only replies are learnt, each with the token that
ends it. Where a format shows no such token in its history (PICA, Baichuan2), the first token behind
the reply has it as its label alone, as Baichuan2's own fine-tune.py does it: the model learns to
stop, and the history stays as it will be read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qiaoban_agent.errors import ModelError
from qiaoban_agent.models.base import Message
from qiaoban_agent.models.transformers.conversation import Conversation
from qiaoban_agent.models.transformers.formats import ChatFormat, named
from qiaoban_agent.models.transformers.writing import Writer
from qiaoban_finetune.dialogue import Dialogue
from qiaoban_finetune.errors import ConfigError, DataError
from qiaoban_finetune.replies import behind_replies, ending_of
from qiaoban_finetune.truncation import first_turn, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32] | tuple[int, ...]

IGNORED = -100
"""The label of a token that is not learnt; what torch's cross entropy leaves out."""
LEARN_LAST = ("learn", "last")
"""In `extra` of a dialogue of which only the last reply is learnt."""
_ANCHOR = "\n"


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence to learn from; ids and labels are equally long."""

    ids: Ids
    labels: Ids
    """The id to predict at each place, or IGNORED."""
    dialogue: str
    """The id of the dialogue."""
    left_out: int = 0
    """Turns at the front of the dialogue that there was no room for."""


class Encoder:
    """Encodes dialogues for one tokenizer in one format, at most `max_tokens` a sequence.

    `template` is qiaoban, pica, baichuan2, `template` for the tokenizer's own, or a ChatFormat as
    `qiaoban_agent…formats.format_of` finds it for a checkpoint. Raises ConfigError where the
    tokenizer lacks what the format needs, or where the format never closes a reply. Not for two
    threads at once.
    """

    def __init__(self, tokenizer: Any, template: str | ChatFormat, max_tokens: int) -> None:
        self.tokenizer, self.max_tokens = tokenizer, max_tokens
        self.format = _format(tokenizer, template)
        behind = behind_replies(tokenizer, self.format)
        try:
            self._writer = Writer(tokenizer, self.format)
            self._least = len(self._writer.ids(Conversation("", (), "x")))
        except ModelError as error:
            raise ConfigError(f"model.template: {error}") from error
        if self._least + 2 > max_tokens:
            raise ConfigError(
                f"data.max_tokens: {max_tokens} is too short: the shortest prompt takes "
                f"{self._least} tokens, and a reply and its end at least 2 more; raise it"
            )
        self._ending = ending_of(tokenizer, self.format, self._writer.marks, behind)
        self._anchor = self._encoded(_ANCHOR)

    @property
    def pad_id(self) -> int:
        """What fills a batch up; any id does, since it is neither attended to nor learnt."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else self._ending.token

    @property
    def end_id(self) -> int:
        """The token that ends a reply."""
        return self._ending.token

    def encode(self, dialogue: Dialogue) -> Example | None:
        """The sequence that ends with the last reply; None where that is too long alone.

        It holds every reply, unless the format writes a history otherwise than the model wrote it:
        see `examples`. Raises DataError for a dialogue that cannot be learnt from.
        """
        return next(iter(self.examples(dialogue)), None)

    def examples(self, dialogue: Dialogue) -> list[Example]:
        """The sequences of a dialogue; none where its last turn is too long alone.

        Nearly always there is one. A format that drops thoughts from the history, or a tokenizer
        that joins the end of a reply with what follows, makes a reply in the history another one
        than the model wrote: it is then learnt in a sequence of its own, which ends with it.
        """
        conversation = self._conversation(dialogue)
        earlier = () if LEARN_LAST in dialogue.extra else range(len(conversation.turns) - 1)
        try:
            return self._examples(conversation, dialogue.id, earlier)
        except ModelError as error:
            raise DataError(f"{dialogue.id}: {error}; leave the dialogue out") from error

    def _conversation(self, dialogue: Dialogue) -> Conversation:
        """The dialogue up to its last reply; Conversation wants a message behind it."""
        said: list[Message] = [{"role": m.role, "content": m.text} for m in dialogue.messages]
        while said and said[-1]["role"] != "assistant":
            said.pop()
        conversation = self._writer.conversation([*said, {"role": "user", "content": "x"}])
        if not conversation.turns:
            raise DataError(
                f"{dialogue.id}: there is no reply to learn: no message of the assistant follows "
                "one of the user; leave the dialogue out, or see to its roles"
            )
        if not all(answer for _, answer in conversation.turns):
            raise DataError(
                f"{dialogue.id}: a reply is empty, which would teach the model to say nothing; "
                "leave the dialogue out"
            )
        return conversation

    def _examples(
        self, conversation: Conversation, name: str, wanted: Collection[int]
    ) -> list[Example]:
        """The sequences in which the last reply is learnt, and those of the wanted turns."""
        turns = len(conversation.turns)
        start = self._start(conversation)
        if start is None:
            return []
        prompts = [self._prompt(conversation, start, turn) for turn in range(start, turns + 1)]
        replies = [
            self._reply(answer, prompt, after)
            for (_, answer), prompt, after in zip(
                conversation.turns[start:], prompts, prompts[1:], strict=False
            )
        ]
        (*_, history), end = prompts[:-1], self._ending.token
        ids = [*history, *replies[-1], end]
        labels = [IGNORED] * len(history) + [*replies[-1], end]
        missing: list[int] = []
        for turn, prompt, reply in zip(range(start, turns - 1), prompts, replies, strict=False):
            begin, stop = len(prompt), len(prompt) + len(reply)
            if turn not in wanted:
                continue
            if history[:begin] == prompt and history[begin:stop] == reply:
                labels[begin : stop + 1] = [*reply, end]
            else:
                missing.append(turn)
        example = Example(tuple(ids), tuple(labels), name, start)
        if not missing:
            return [example]
        shorter = replace(conversation, turns=conversation.turns[: missing[-1] + 1])
        return [example, *self._examples(shorter, name, missing)]

    def _prompt(self, conversation: Conversation, start: int, turn: int) -> list[int]:
        """What the model reads before it answers in a turn; behind the last one stands an x."""
        turns = conversation.turns
        last = turns[turn][0] if turn < len(turns) else conversation.last
        return self._writer.ids(Conversation(conversation.system, turns[:turn], last), start)

    def _reply(self, answer: str, prompt: list[int], after: list[int]) -> list[int]:
        """The reply as ids: as they stand in the next prompt, if that continues this one."""
        begin = len(prompt)
        if self._ending.marked and after[:begin] == prompt:
            special = self._writer.marks.ids
            stop = next(at for at in range(begin, len(after)) if after[at] in special)
            return after[begin:stop]
        return self._alone(answer)

    def _alone(self, answer: str) -> list[int]:
        """The reply encoded behind a line break: some tokenizers begin a text differently."""
        marks = self._writer.marks
        for broken in (marks.broken, marks.broken_harder):
            text = broken(answer) + self._ending.before
            ids = self._encoded(_ANCHOR + text)
            length = len(self._anchor)
            ids = ids[length:] if ids[:length] == self._anchor else self._encoded(text)
            if not marks.among(ids):
                return ids
        raise ModelError("a reply becomes a special token, however it is written")

    def _start(self, conversation: Conversation) -> int | None:
        """The first turn that there is room for; None where the last is too long alone."""
        turns = len(conversation.turns)
        oldest = max(turns - self.max_tokens, 0)  # a turn takes a token at least
        kept = replace(conversation, turns=conversation.turns[oldest:])
        around = len(self._writer.ids(replace(conversation, turns=())))
        # Sizes count the openings of turns a little differently from a whole prompt.
        room = self.max_tokens - around + self._least
        guess = oldest + first_turn(self._writer.sizes(kept), room)

        def length(start: int) -> int:
            prompt = self._prompt(conversation, start, turns - 1)
            after = self._prompt(conversation, start, turns)
            return len(prompt) + len(self._reply(conversation.turns[-1][1], prompt, after)) + 1

        return shortened(guess, turns, length, self.max_tokens)

    def _encoded(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=False, return_attention_mask=False, verbose=False
        )["input_ids"]
        return ids


def _format(tokenizer: Any, template: str | ChatFormat) -> ChatFormat:
    if isinstance(template, ChatFormat):
        return template
    if template == "template":
        if not tokenizer.chat_template:
            raise ConfigError(
                "model.template: the tokenizer has no chat template; write qiaoban, pica or "
                "baichuan2, or put a chat_template.jinja beside it"
            )
        return ChatFormat("template", tokenizer.get_chat_template())
    try:
        return named(template)
    except ModelError as error:
        raise ConfigError(f"model.template: {error}") from error
