"""llm-guard with its scanner of substrings; no model is fetched."""

from __future__ import annotations

from asked import DISCLOSURE, DISCLOSURE_INSIDE, WORD, missed, report
from llm_guard import scan_prompt
from llm_guard.input_scanners import BanSubstrings


def finds(message: str, match_type: str = "str") -> bool:
    """Whether the scanner finds the word."""
    _, valid, _ = scan_prompt([BanSubstrings([WORD], match_type=match_type)], message)
    return not all(valid.values())


def disclosure() -> str:
    """What an app gets for a disclosure."""
    text, valid, _ = scan_prompt([BanSubstrings([WORD])], DISCLOSURE)
    return f"valid={valid}, text “{text}”: no words for the child"


def outage() -> object:
    """A scanner that raises."""

    class Broken:
        def scan(self, _: str) -> tuple[str, bool, float]:
            raise ConnectionError

    return scan_prompt([Broken()], DISCLOSURE)


if __name__ == "__main__":
    report(
        "llm-guard",
        {
            "1": disclosure,
            "2": lambda: (
                "finds it" if finds(DISCLOSURE_INSIDE, "word") else 'misses it (match_type="word")'
            ),
            "3": lambda: missed(finds),
            "4": lambda: "not asked: it is set up in Python, not in a configuration",
            "6": lambda: "not asked: it reads whole texts and offers no stream",
            "8": outage,
            "11": lambda: "not asked: it reads whole texts and offers no stream",
        },
    )
