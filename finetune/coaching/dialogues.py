"""Measure how the companion coaches; part of `make coaching-report`.

    python finetune/coaching/dialogues.py [--data FOLDER] [--show]

lets the companion answer children whose messages were written by somebody who never saw its
answers (`tests/data/coaching/scripts_*.jsonl`), and the child's side of QiaoBan's 20 dialogues
where FOLDER has them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qiaoban_agent import Companion
from qiaoban_agent.coaching.acts import CoachingAct
from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.report import CoachReport, Exchange, acts_of, report

SCRIPTS = Path(__file__).parents[2] / "tests" / "data" / "coaching"
QIAOBAN = "qiaoban_child_chat_20.json"


class Script(NamedTuple):
    """A child's side of a conversation; `emotion` is the opening's."""

    id: str
    child: Sequence[str]
    emotion: Emotion | str
    policy: str


def scripts() -> list[Script]:
    """The scripts of the independent writer."""
    return [
        Script(
            item["id"],
            item["child"],
            Emotion(item["emotion"]),
            "en-US" if path.stem.endswith("_en") else "default",
        )
        for path in sorted(SCRIPTS.glob("scripts_*.jsonl"))
        for item in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def qiaoban(data: Path) -> list[Script]:
    """The child's side of QiaoBan's published dialogues."""
    names = {"scared": "fear", "disgusted": "disgust"}
    return [
        Script(
            f"qiaoban-{item['dialog_id']}",
            [part["text"] for part in item["dialog"] if part["speaker"] == "孩子"],
            names.get(item["emotion"], item["emotion"]),
            "default",
        )
        for item in json.loads((data / QIAOBAN).read_text(encoding="utf-8"))
    ]


class Played(NamedTuple):
    """A script with the companion's answers."""

    script: Script
    exchanges: list[Exchange]
    measured: CoachReport


def play(companion: Companion, script: Script) -> Played:
    """Let the companion answer a script."""
    exchanges: list[Exchange] = []
    for message in script.child:
        reply = companion.reply(message, session=script.id)
        exchanges.append(
            Exchange(child=message, reply=reply.text, stage=reply.stage, emotion=reply.emotion)
        )
    return Played(script, exchanges, report(script.id, exchanges))


def opening_is_met(played: Played) -> bool | None:
    """Whether the first answer names the right feeling or asks for it; None without a feeling."""
    wanted, first = played.script.emotion, played.exchanges[0]
    if wanted in (Emotion.NONE, "none") or first.emotion is None:
        return None
    acts = acts_of(first.reply)
    basic = wanted.basic if isinstance(wanted, Emotion) else wanted
    named = CoachingAct.LABEL in acts or first.stage == "savour"
    if named and first.emotion.basic == basic:
        return True
    return CoachingAct.NOTICE in acts and not named


def openings(companions: dict[str, Companion]) -> list[str]:
    """How often the first answer to a message with a feeling names it rightly or asks for it."""
    rows: list[str] = []
    for language, policy in (("zh", "default"), ("en", "en-US")):
        named = asked = wrong = of = 0
        source = SCRIPTS / language / "emotions_held_out.jsonl"
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines()):
            item = json.loads(line)
            if item["emotion"] == "none":
                continue
            script = Script(f"opening-{number}", [item["text"]], Emotion(item["emotion"]), policy)
            played, of = play(companions[policy], script), of + 1
            first = played.exchanges[0]
            told = CoachingAct.LABEL in acts_of(first.reply) or first.stage == "savour"
            if opening_is_met(played):
                named, asked = named + told, asked + (not told)
            else:
                wrong += told
        rows.append(
            f"| {language}: named rightly (of the six) or asked for | "
            f"{_share(named + asked, of)} (named {named}, asked {asked}, named wrongly {wrong}) |"
        )
    return [
        "### Openings with a feeling, by an independent writer",
        "",
        "| | |",
        "|---|---|",
        *rows,
    ]


def summary(name: str, all_: Sequence[Played]) -> list[str]:
    """The figures over many dialogues, as rows of a table."""
    reports = [played.measured for played in all_]
    turns = sum(r.turns for r in reports)
    early = [r.advice_early for r in reports]
    first = [r.validated_first for r in reports if r.validated_first is not None]
    met = [m for m in map(opening_is_met, all_) if m is not None]
    rows: Iterable[tuple[str, str]] = (
        ("dialogues, turns", f"{len(reports)}, {turns}"),
        ("unasked advice in the first two answers", _share(sum(early), 2 * len(reports))),
        ("named or accepted before any solution", _share(sum(first), len(first))),
        ("sentences said again within 15 turns", str(sum(len(r.repeated) for r in reports))),
        ("most questions in a turn", str(max(r.most_questions for r in reports))),
        ("questions a turn", f"{np.mean([r.questions_a_turn for r in reports]):.2f}"),
        (
            "answers with the child's own words",
            _share(round(sum(r.own_words * r.turns for r in reports)), turns),
        ),
        ("openings whose feeling is named rightly or asked for", _share(sum(met), len(met))),
        *(
            (f"answers read as {act}", _share(sum(r.harmful[act] for r in reports), turns))
            for act in (CoachingAct.DISMISS, CoachingAct.RELATION_CLAIM, CoachingAct.PROMISE)
        ),
    )
    return [f"### {name}", "", "| | |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows), ""]


def _share(hits: int, of: int) -> str:
    return f"{hits} / {of} = {hits / max(of, 1):.3f}"


def play_all(data: Path | None) -> tuple[dict[str, list[Played]], list[str]]:
    """Every set of dialogues by name, and the tables of all."""
    companions = {policy: Companion(policy) for policy in ("default", "en-US")}
    sets = {"Dialogues with the scripts of an independent writer": scripts()}
    if data is not None and (data / QIAOBAN).is_file():
        sets["QiaoBan's 20 dialogues, the child's side"] = qiaoban(data)
    played = {
        name: [play(companions[script.policy], script) for script in told]
        for name, told in sets.items()
    }
    tables = [line for name, all_ in played.items() for line in summary(name, all_)]
    return played, [*tables, *openings(companions)]


def main() -> int:
    """Print the tables; with --show the dialogues too."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder of the public sets")
    parser.add_argument("--show", action="store_true", help="print every dialogue")
    asked = parser.parse_args()
    played, tables = play_all(asked.data)
    for one in (p for all_ in played.values() for p in all_ if asked.show):
        sys.stdout.write(f"\n== {one.script.id} ({one.script.emotion})\n")
        for e in one.exchanges:
            sys.stdout.write(f"  child: {e.child}\n  {e.stage}: {e.reply}\n")
    sys.stdout.write("\n".join(tables) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
