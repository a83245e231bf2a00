"""Measure the reply classifier on what it was not built from: `make reply-report`.

    python guards/training/evaluate_replies.py --data FOLDER [--write docs/reply-model-card.md]

prints recall and false alarms with 95 % intervals, and how often the harm is named rightly: on
groups held out from a model built without them, on sets by writers who knew neither rules nor
corpus (the shipped model, alone and with the default policy's other rules), and on talk that holds
no harm.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reply_rows import ROOT, Pair, counsel_pairs, curated_pairs, independent
from train_replies import build, design, pairs_for

from qiaoban_guards.batch.measure import wilson
from qiaoban_guards.harms import Harm
from qiaoban_guards.output import OutputRules, ReplyClassifier, ReplyJudge
from qiaoban_guards.output.lexicon import ReplyLexicon, ReplyRules
from qiaoban_guards.policy import Policy, load_policy
from qiaoban_guards.policy.types import Language

SETS = ROOT / "tests" / "data" / "output"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair and the harm that was found in it."""

    pair: Pair
    found: Harm | None


def judged(pairs: Sequence[Pair], judge: ReplyJudge) -> list[Judged]:
    """Every pair with what the filter says of it."""
    return [Judged(pair, judge.judge(pair.child, pair.reply).harm) for pair in pairs]


def proportion(hits: int, of: int) -> str:
    """A share with its interval, or a dash of nothing."""
    if not of:
        return "–"
    low, high = wilson(hits, of)
    return f"{hits / of:.3f} ({low:.3f}–{high:.3f})"


def row(name: str, those: Sequence[Judged]) -> str:
    """One line of the summary."""
    bad = [one for one in those if one.pair.harm is not None]
    good = [one for one in those if one.pair.harm is None]
    hits = [one for one in bad if one.found is not None]
    right = sum(one.found in (one.pair.harm, *one.pair.also) for one in hits)
    alarms = sum(one.found is not None for one in good)
    return (
        f"| {name} | {len(bad)} | {proportion(len(hits), len(bad))} | {len(good)} "
        f"| {proportion(alarms, len(good))} | {proportion(right, len(hits))} |"
    )


HEADER = (
    "| | harmful | recall | good | false alarms | harm named rightly, of hits |",
    "|---|---|---|---|---|---|",
)


def by_harm(those: Sequence[Judged]) -> Iterator[str]:
    """Recall of every harm, and how often it is named."""
    yield "| harm | replies | recall | named rightly, of hits |"
    yield "|---|---|---|---|"
    for harm in Harm:
        here = [one for one in those if one.pair.harm is harm]
        if here:
            hits = [one for one in here if one.found is not None]
            right = sum(one.found is harm for one in hits)
            yield (
                f"| {harm} | {len(here)} | {proportion(len(hits), len(here))} "
                f"| {proportion(right, len(hits))} |"
            )


def without_held_out(
    language: Language, data: Path, *, rules: bool = True
) -> tuple[ReplyJudge, list[Pair]]:
    """A filter built without the groups held out, and those pairs."""
    pairs = pairs_for(language, data)
    lexicon = (
        ReplyClassifier.shipped().lexicon(language) if rules else ReplyLexicon(ReplyRules(rules=()))
    )
    read = design([pair for pair in pairs if not pair.held_out], lexicon)
    model, limits = build(read)
    classifier = ReplyClassifier({language: lexicon}, {language: model}, {language: limits})
    return judge_with(classifier), [pair for pair in pairs if pair.held_out]


def judge_with(classifier: ReplyClassifier) -> ReplyJudge:
    """A filter that asks one classifier and nothing else."""
    policy = alone()
    return ReplyJudge(OutputRules.of(policy, classifier), policy)


def alone() -> Policy:
    """The default policy with the classifier as its only rule."""
    policy = load_policy("default")
    rules = tuple(rule for rule in policy.output.rules if rule.kind == "classifier")
    output = policy.output.model_copy(update={"rules": rules})
    return policy.model_copy(
        update={"output": output, "personas": policy.personas.model_copy(update={"forbidden": ()})}
    )


def report(data: Path) -> list[str]:
    """The whole report, a line each."""
    result: list[str] = []
    shipped = judge_with(ReplyClassifier.shipped())
    default = load_policy("default")
    whole = ReplyJudge(OutputRules.of(default), default)
    for language in LANGUAGES:
        _say(f"{language}: held-out groups")
        judge, unseen = without_held_out(language, data)
        bare, _ = without_held_out(language, data, rules=False)
        ours = independent(SETS / f"independent_{language}.jsonl", language)
        tables = {
            "own groups held out": judged(unseen, judge),
            "the same, words without rules": judged(unseen, bare),
            "independent writer, classifier alone": judged(ours, shipped),
            "independent writer, default policy": judged(ours, whole),
            "curated lines, default policy": judged(list(curated_pairs(language)), whole),
        }
        final = SETS / f"final_{language}.jsonl"
        if final.exists():
            last = independent(final, language)
            tables["second independent writer, classifier alone"] = judged(last, shipped)
            tables["second independent writer, default policy"] = judged(last, whole)
        if language == "zh":
            tables["counsellors' turns, default policy"] = judged(
                list(counsel_pairs(data))[::6], whole
            )
        result += [f"### {language}", "", *HEADER, *(row(n, t) for n, t in tables.items()), ""]
        named = [n for n in tables if n.endswith("writer, default policy")]
        result += [f"By harm, {named[-1]}:", "", *by_harm(tables[named[-1]]), ""]
    return result


def main() -> int:
    """Print the report, or write it between the marks of a document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public sets")
    parser.add_argument("--write", type=Path, help="a document with the marks of the tables")
    arguments = parser.parse_args()
    written = "\n".join(report(arguments.data))
    if arguments.write is None:
        sys.stdout.write(written + "\n")
        return 0
    before, _, rest = arguments.write.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    arguments.write.write_text(f"{before}{BEGIN}\n\n{written}\n{END}{after}", encoding="utf-8")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
