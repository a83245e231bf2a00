"""`qiaoban coach-report`: how the dialogues of a file were coached, one by one and together."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import typer
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.cells import set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.report import EARLY, CoachReport, Exchange, report
from qiaoban_agent.coaching.timeline import (
    MARKS,
    UNKNOWN,
    PictureFormat,
    draw_timeline,
    require_matplotlib,
)
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_agent.errors import MissingExtraError
from qiaoban_guards.batch.lines import LONGEST_LINE, read_lines

_STDIN = Path("-")
_TOLD = 10
"""How many malformed lines are told one by one."""
_WIDTH = 100
"""Columns where there is no terminal to ask."""
_ID_CELLS = 20
_LONGEST_NAME = 100
"""Bytes of a picture's name without its ending; folders hold names of up to 255."""
_BROKEN_PIPE = 141
"""The exit status of a program that nobody reads from any more."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)
"""Names that Windows keeps for devices."""
_REMEDY = (
    'a line is {"id": …, "messages": [{"role": "user" or "assistant", "content": "…"}]} '
    "or a line of `qiaoban replay`"
)
_HEAD = (
    f"{'id':<{_ID_CELLS}}  turns  early advice  most questions  repeated  validated first  "
    "own words  stages"
)


class _Format(StrEnum):
    PNG = "png"
    SVG = "svg"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    role: Literal["user", "child", "assistant"]
    content: str


class _Dialogue(BaseModel):
    """A whole dialogue on one line."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str | int
    messages: list[_Message]


class _ReplayTurn(BaseModel):
    """One line of `qiaoban replay`; what the report has no use for is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: str | int
    turn: int
    child: str
    reply: str
    stage: Stage
    emotion: Emotion


@dataclass
class _Errors:
    """What was wrong with the lines of a file, told as it is found."""

    file: Path
    skipped: int = 0

    def tell(self, number: int, problem: str) -> None:
        self.skipped += 1
        if self.skipped <= _TOLD:
            _tell(f"{self.file}:{number}: skipped: {problem}")

    def close(self) -> None:
        if self.skipped > _TOLD:
            _tell(f"… and {self.skipped - _TOLD:,} more")


@dataclass
class _Total:
    """What all dialogues come to; shares are None where nothing could be counted."""

    dialogues: int = 0
    turns: int = 0
    first_answers: int = 0
    advice_early: int = 0
    questions: int = 0
    repeated: int = 0
    own_words: int = 0
    validated: Counter[bool] = field(default_factory=Counter[bool])
    harmful: Counter[CoachingAct] = field(default_factory=Counter[CoachingAct])

    def add(self, measured: CoachReport) -> None:
        self.dialogues += 1
        self.turns += measured.turns
        self.first_answers += min(measured.turns, EARLY)
        self.advice_early += measured.advice_early
        self.questions += round(measured.questions_a_turn * measured.turns)
        self.repeated += len(measured.repeated)
        self.own_words += round(measured.own_words * measured.turns)
        if measured.validated_first is not None:
            self.validated[measured.validated_first] += 1
        self.harmful.update(measured.harmful)

    def summary(self) -> dict[str, Any]:
        return {
            "dialogues": self.dialogues,
            "turns": self.turns,
            "advice_early_rate": _share(self.advice_early, self.first_answers),
            "questions_a_turn": _share(self.questions, self.turns),
            "repeated": self.repeated,
            "validated_first": _share(self.validated[True], self.validated.total()),
            "own_words": _share(self.own_words, self.turns),
            "harmful": {str(act): count for act, count in self.harmful.items()},
        }

    def table(self) -> Table:
        table = Table(title=f"dialogues: {self.dialogues:,}, turns: {self.turns:,}")
        table.add_column("measure")
        table.add_column("value", justify="right")
        table.add_column("counted")
        for name, part, whole, of in (
            ("early advice", self.advice_early, self.first_answers, "of the first two answers"),
            (
                "validated before exploring",
                self.validated[True],
                self.validated.total(),
                "of dialogues that explore or advise",
            ),
            ("the child's own words", self.own_words, self.turns, "of turns"),
        ):
            table.add_row(name, _percent(part, whole), f"{part:,} of {whole:,} {of}")
        table.add_row(
            "questions a turn", _per_turn(self.questions, self.turns), f"{self.questions:,} asked"
        )
        table.add_row("repeated sentences", f"{self.repeated:,}")
        for act, name in (
            (CoachingAct.DISMISS, "dismissals"),
            (CoachingAct.RELATION_CLAIM, "relation claims"),
            (CoachingAct.PROMISE, "promises"),
        ):
            table.add_row(name, f"{self.harmful[act]:,}", "turns")
        return table


def coach_report(
    file: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines, each {"id": …, "messages": [{"role": …, "content": …}]} or a line '
            "of `qiaoban replay`; - for standard input.",
            dir_okay=False,
            readable=True,
            allow_dash=True,
        ),
    ],
    *,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object a dialogue and last the `summary`."),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="A folder for a strip of each dialogue's stages.", file_okay=False),
    ] = None,
    picture_format: Annotated[
        _Format | None, typer.Option("--format", help="Of the pictures; png by default.")
    ] = None,
) -> None:
    """Measure how the dialogues of FILE were coached.

    Lines of `qiaoban replay` that follow each other with one id are one dialogue, as long as
    their turns go up. A malformed line is told with its number and skipped; the exit status is
    then 1.
    """
    _check(file, pictures, picture_format)
    errors, total = _Errors(file), _Total()
    names = Names()
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    try:
        with ExitStack() as stack:
            source: IO[bytes] = sys.stdin.buffer
            if file != _STDIN:
                source = stack.enter_context(file.open("rb"))
            for measured in _measured(_dialogues(read_lines(source), errors), errors):
                _show(console, measured, as_json=as_json, first=total.dialogues == 0)
                total.add(measured)
                if pictures is not None:
                    kind: PictureFormat = "svg" if picture_format is _Format.SVG else "png"
                    draw_timeline(measured, pictures / f"{names.name(measured.id)}.{kind}", kind)
    except BrokenPipeError as error:
        # What is still in the buffer would fail once more when the interpreter flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE) from error
    except OSError as error:
        _tell(str(error))
        raise typer.Exit(2) from error
    finally:
        errors.close()
    if as_json:
        _print_json({"summary": total.summary()})
    elif total.dialogues:
        console.print(_key())
        console.print(total.table())
    if total.dialogues == 0 and not errors.skipped:
        _tell(f"{file} holds no dialogue; {_REMEDY}")
    if errors.skipped or total.dialogues == 0:
        raise typer.Exit(1)


def _check(file: Path, pictures: Path | None, picture_format: _Format | None) -> None:
    """Whatever would fail later fails here, in one line, with exit status 2."""
    if file != _STDIN and not file.exists():  # `exists=True` would ask for a file called "-"
        raise typer.BadParameter(f"{file} does not exist")
    if picture_format is not None and pictures is None:
        raise typer.BadParameter("--format needs --pictures")
    if pictures is None:
        return
    try:
        require_matplotlib()
        pictures.mkdir(parents=True, exist_ok=True)
    except (MissingExtraError, OSError) as error:
        _tell(str(error))
        raise typer.Exit(2) from error


@dataclass
class _Read:
    """A dialogue as it stands in the file; `number` is its first line."""

    number: int
    id: str | int
    exchanges: list[Exchange]
    turn: int = 0

    def goes_on(self, turn: _ReplayTurn) -> bool:
        return turn.id == self.id and turn.turn > self.turn > 0


def _dialogues(lines: Iterable[bytes], errors: _Errors) -> Iterator[_Read]:
    """The dialogues of a file in order; only the one being read is held."""
    held: _Read | None = None
    for number, line in enumerate(lines, start=1):
        if len(line) <= LONGEST_LINE and not line.strip():
            continue
        try:
            read = _parsed(line)
        except ValueError as error:
            errors.tell(number, f"{_what_is_wrong(error)}; {_REMEDY}")
            continue
        if isinstance(read, _Dialogue):
            if held is not None:
                yield held
            held = None
            yield _Read(number, read.id, list(_exchanges(read.messages)))
            continue
        if held is None or not held.goes_on(read):
            if held is not None:
                yield held
            held = _Read(number, read.id, [])
        held.exchanges.append(
            Exchange(child=read.child, reply=read.reply, stage=read.stage, emotion=read.emotion)
        )
        held.turn = read.turn
    if held is not None:
        yield held


def _parsed(line: bytes) -> _Dialogue | _ReplayTurn:
    """One line read as what its keys say it is; ValueError if it is neither."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE} bytes")
    line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        read = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at column {error.colno}") from error
    except ValueError as error:
        raise ValueError("a number has too many digits") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(read, dict):
        raise ValueError("not a JSON object")
    if "messages" in read:
        return _Dialogue.model_validate_json(line)
    if "reply" in read:
        return _ReplayTurn.model_validate_json(line)
    raise ValueError("neither messages nor reply")


def _exchanges(messages: Iterable[_Message]) -> Iterator[Exchange]:
    """Each run of the child's messages with the run of answers to it.

    What the assistant said before any child, and what nobody answered, is no exchange.
    """
    child: list[str] = []
    reply: list[str] = []
    for message in messages:
        if message.role != "assistant":
            if reply:
                yield Exchange(child="\n".join(child), reply="\n".join(reply))
                child, reply = [], []
            child.append(message.content)
        elif child:
            reply.append(message.content)
    if reply:
        yield Exchange(child="\n".join(child), reply="\n".join(reply))


def _measured(dialogues: Iterable[_Read], errors: _Errors) -> Iterator[CoachReport]:
    for read in dialogues:
        if read.exchanges:
            yield report(str(read.id), read.exchanges)
        else:
            errors.tell(read.number, f"no child's message with an answer; {_REMEDY}")


def _what_is_wrong(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    return f"{key}: {first['msg']}" if key else first["msg"]


def _show(console: Console, measured: CoachReport, *, as_json: bool, first: bool) -> None:
    if as_json:
        _print_json(measured.model_dump(mode="json"))
        return
    if first:
        console.print(_HEAD, style="bold", soft_wrap=True)
    validated = {True: "yes", False: "no", None: "–"}[measured.validated_first]
    line = Text(set_cell_size(_printable(measured.id), _ID_CELLS) + f"  {measured.turns:>5}  ")
    line.append(f"{measured.advice_early:>12}  ", "red" if measured.advice_early else "")
    line.append(f"{measured.most_questions:>14}  ", "red" if measured.most_questions > 1 else "")
    line.append(f"{len(measured.repeated):>8}  ", "red" if measured.repeated else "")
    line.append(f"{validated:>15}  ", "red" if measured.validated_first is False else "")
    line.append(f"{measured.own_words:>9.0%}  ")
    for stage in measured.stages:
        line.append(MARKS[stage].letter, f"bold {MARKS[stage].fill}")
    console.print(line, soft_wrap=True)


def _key() -> Text:
    """What the letters of the stages stand for."""
    key = Text("stages:")
    for stage, mark in MARKS.items():
        key.append(f"  {mark.letter}", f"bold {mark.fill}").append(f" {stage or UNKNOWN}")
    return key


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else "·" for c in text)


class Names:
    """Names for files, made of ids; no two alike, not even where case does not count."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._seen: Counter[str] = Counter()

    def name(self, identity: str) -> str:
        """A name without an ending that stays in its folder."""
        plain = unicodedata.normalize("NFC", identity)
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in plain).strip(".")
        safe = safe.encode()[:_LONGEST_NAME].decode(errors="ignore") or "dialogue"
        if _RESERVED.match(safe.partition(".")[0]):
            safe = f"_{safe}"
        name, key = safe, safe.casefold()
        while name.casefold() in self._used:
            self._seen[key] += 1
            name = f"{safe}-{self._seen[key] + 1}"
        self._used.add(name.casefold())
        return name


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _per_turn(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "–"


def _tell(message: str) -> None:
    typer.secho(_printable(message), err=True, fg="red")
