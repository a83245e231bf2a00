"""QiaoBan Agent, asked what its peers are asked."""

from __future__ import annotations

from asked import DISCLOSURE, DISCLOSURE_INSIDE, UNSAFE, UNSAFE_WORD, missed, pieces, report

from qiaoban_agent import Companion, load_policy
from qiaoban_agent.events import Said
from qiaoban_agent.models import Scripted
from qiaoban_guards.errors import DocumentError
from qiaoban_guards.output import Verdict
from qiaoban_guards.risk import RiskClassifier, RiskLevel
from qiaoban_guards.text import normalise

QUIET = {"presence": {"disclose_at_start": False}}


class Broken:
    """A guard that fails."""

    def assess(self, *_: object) -> list[object]:
        """Raise."""
        raise ConnectionError

    def judge(self, *_: object) -> Verdict:
        """Raise."""
        raise ConnectionError


def finds(message: str) -> bool:
    """Whether the risk guard calls for an adult."""
    return RiskClassifier.shipped().assess(normalise(message)).level >= RiskLevel.HIGH


def disclosure() -> str:
    """What a child is told that tells of danger."""
    told: list[object] = []
    words: list[str] = []
    companion = Companion(load_policy("default", QUIET), on_escalation=told.append)
    before = False
    for event in companion.stream(DISCLOSURE, session="a"):
        if isinstance(event, Said):
            before = before or (not words and bool(told))
            words.append(event.text)
    return f"“{''.join(words)}”; the app was told of it before: {before}"


def typos() -> str:
    """Which misspelt keys of a policy load."""
    loaded: list[str] = []
    for typo in ({"otput": {}}, {"output": {"rulse": []}}, {"risk": {"escalate_att": "high"}}):
        try:
            load_policy("default", typo)
        except DocumentError:
            continue
        loaded.append(str(typo))
    return f"loads {loaded}" if loaded else "refuses all 3, naming the nearest key"


def streamed(text: str = UNSAFE) -> str:
    """What is shown of a harmful reply."""
    companion = Companion(load_policy("default", QUIET), model=Scripted([pieces(text)]))
    events = list(companion.stream("你好呀", session="a"))
    shown = "".join(e.text for e in events if isinstance(e, Said) and e.by == "model")
    said = "".join(e.text for e in events if isinstance(e, Said))
    return f"of the model's words shows “{shown}”; the child reads “{said}”"


def outage() -> str:
    """What a child reads while guards fail."""
    broken = Broken()
    policy = load_policy("default", QUIET)
    model = Scripted([pieces()])
    companion = Companion(policy, model, risk_guards=[broken], output_guards=[broken])
    reply = companion.reply("你好呀", session="a")
    return f"degraded: {reply.degraded}; the model's words shown: {UNSAFE_WORD in reply.text}"


if __name__ == "__main__":
    report(
        "qiaoban-agent",
        {
            "1": disclosure,
            "2": lambda: "finds it" if finds(DISCLOSURE_INSIDE) else "misses it",
            "3": lambda: missed(finds),
            "4": typos,
            "6": streamed,
            "8": outage,
            "11": streamed,
        },
    )
