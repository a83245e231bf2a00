"""How long the risk of one message takes, beside a keyword list and presidio's recognizers.

`make bench` prints p50 and p99 of messages of about 30 characters, how many a core reads in a
second, and the ratio to presidio-analyzer (blank Chinese, eleven of its recognizers).
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from qiaoban_guards.risk import RiskClassifier
from qiaoban_guards.text import normalise

CORPUS = Path(__file__).parents[2] / "guards" / "corpus" / "zh"
KEYWORDS = (
    *("自杀", "想死", "不想活", "割腕", "跳楼", "轻生", "遗书", "安眠药", "自残"),
    *("打我", "虐待", "强奸", "猥亵", "裸照", "欺负", "离家出走", "催吐", "吸毒"),
)


def messages() -> list[str]:
    """Held-out utterances of 27 to 33 characters, dangers and ordinary talk as they come."""
    rows = [
        json.loads(line)
        for path in sorted(CORPUS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [row["text"] for row in rows if row["split"] == "test" and 27 <= len(row["text"]) <= 33]


def seconds(work: Callable[[str], Any], texts: list[str]) -> list[float]:
    took: list[float] = []
    for text in texts:
        began = time.perf_counter()
        work(text)
        took.append(time.perf_counter() - began)
    return took


def told(name: str, took: list[float]) -> str:
    cuts = statistics.quantiles(took, n=100)
    return f"{name}: p50 {cuts[49] * 1000:.3f} ms, p99 {cuts[98] * 1000:.3f} ms\n"


def presidio() -> Callable[[str], Any]:
    """presidio-analyzer over a blank Chinese pipeline, with every recognizer of its own."""
    spacy: Any = pytest.importorskip("spacy")
    analyzer: Any = pytest.importorskip("presidio_analyzer")
    engines: Any = pytest.importorskip("presidio_analyzer.nlp_engine")
    engine = engines.SpacyNlpEngine(models=[{"lang_code": "zh", "model_name": "blank"}])
    engine.nlp = {"zh": spacy.blank("zh")}
    registry = analyzer.RecognizerRegistry(supported_languages=["zh"])
    predefined: Any = pytest.importorskip("presidio_analyzer.predefined_recognizers")
    for name in ("CreditCardRecognizer", "CryptoRecognizer", "IbanRecognizer", "IpRecognizer"):
        registry.add_recognizer(getattr(predefined, name)(supported_language="zh"))
    for name in ("DateRecognizer", "UrlRecognizer", "UsSsnRecognizer", "UsPassportRecognizer"):
        registry.add_recognizer(getattr(predefined, name)(supported_language="zh"))
    for name in ("PhoneRecognizer", "MedicalLicenseRecognizer", "UsBankRecognizer"):
        registry.add_recognizer(getattr(predefined, name)(supported_language="zh"))
    ready = analyzer.AnalyzerEngine(
        nlp_engine=engine, registry=registry, supported_languages=["zh"]
    )
    return lambda text: ready.analyze(text, language="zh")


@pytest.mark.benchmark(group="risk")
def test_the_risk_of_a_message_of_thirty_characters(benchmark: Any) -> None:
    began = time.process_time()
    guard = RiskClassifier.load(files("qiaoban_guards") / "risk" / "model")
    loaded = time.process_time() - began
    guard.warm()
    texts = messages()
    following = itertools.cycle(texts)
    benchmark(lambda: guard.assess(normalise(next(following))))
    rounds = 10 if benchmark.enabled else 1
    took = seconds(lambda text: guard.assess(normalise(text)), texts * rounds)
    sys.stdout.write(f"\nthe model loads in {loaded:.2f} s of CPU\n")
    sys.stdout.write(told("risk of a message", took))
    sys.stdout.write(f"messages a second on one core: {len(took) / sum(took):.0f}\n")


@pytest.mark.benchmark(group="risk")
def test_the_plain_baseline_a_keyword_list(benchmark: Any) -> None:
    texts = messages()
    following = itertools.cycle(texts)

    def scan() -> bool:
        plain = normalise(next(following)).plain
        return any(word in plain for word in KEYWORDS)

    benchmark(scan)


@pytest.mark.benchmark(group="risk")
def test_beside_presidio(benchmark: Any) -> None:
    peer, guard, texts = presidio(), RiskClassifier.shipped(), messages()[:200]
    following = itertools.cycle(texts)
    benchmark(lambda: peer(next(following)))
    ours = seconds(lambda text: guard.assess(normalise(text)), texts)
    theirs = seconds(peer, texts)
    ratio = statistics.median(theirs) / statistics.median(ours)
    sys.stdout.write("\n" + told("presidio, eleven recognizers", theirs))
    sys.stdout.write(f"presidio takes {ratio:.1f} times as long as the risk guard\n")
