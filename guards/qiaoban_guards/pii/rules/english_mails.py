"""E-mail addresses that are spoken, in whole or in part: "j dash okoro (at) mail.com".

The signs @ . - _ are written as words, in brackets, or with spaces around them. "at" alone is a
word of any sentence, so that behind it stands a provider of mail or a spoken dot.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_text import Latin, listed

_PROVIDERS = (
    r"(?:g ?mail|google ?mail|yahoo|ymail|hotmail|outlook|live|icloud|aol|proton(?:mail)?|msn|me"
    r"|qq|163|126|sina|foxmail|btinternet|sky|mail|zoho|gmx|rediffmail|rocketmail)"
)
_DOT = r"(?: ?[(\[]dot[)\]] ?| dot |\.)"
_JOIN = (
    r"(?: ?[(\[](?:dot|dash|hyphen|underscore|minus)[)\]] ?| (?:dot|dash|hyphen|under ?score) "
    r"|(?<=[a-z0-9])(?:dot|underscore)(?=[a-z0-9]{2,20} ?(?:@|at ))"
    r"| (?=\d{1,4}(?: at | ?@)))"
)
_AT = r"(?P<at> ?[(\[]at[)\]] ?| ?@ ?| at )"
_ENDS = (
    r"(?:com|net|org|edu|co|uk|cn|hk|tw|au|ca|us|ie|in|za|ng|ph|sg|nz|ke|my|pk|lk|fr|de|es|it|pl"
    r"|ac|sch|school|k12|info|me|io|gov)"
)
_ADDRESS = (
    r"(?<![a-z0-9._-])(?<!dot )(?<!dash )(?<!underscore )"
    r"(?P<value>(?P<local>[a-z0-9_][a-z0-9._+-]{0,30}(?:"
    rf"{_JOIN}[a-z0-9_][a-z0-9._+-]{{0,30}}){{0,5}}){_AT}"
    rf"(?:(?P<provider>{_PROVIDERS})(?![a-z0-9-])|[a-z0-9-]{{2,30}})"
    rf"(?P<ends>(?:{_DOT}[a-z0-9-]{{2,20}}){{0,3}}{_DOT}{_ENDS}))(?![a-z0-9@])"
)
_MAIL = re.compile(r"e-?mail|gmail|write to|send (?:it|them|that) to|contact", re.ASCII)
_SPELLED = re.compile(r"dot|dash|hyphen|underscore|\(at|\[at| @|@ | at ", re.ASCII)
_SAID = re.compile(r"(?:[(\[ ]dot[)\] ])", re.ASCII)


def _address(match: Match) -> float | None:
    """Spoken in at least one sign; what "at" alone joins must be mail."""
    found = match.match
    local = re.split(r"[ .]", found["local"])[-1]
    if _SPELLED.search(match.value) is None or local in {"me", "is", "it"}:
        return None
    provider = found["provider"] is not None
    if found["at"] != " at " or provider:
        return 0.985
    if _SAID.search(found["ends"]) or _MAIL.search(match.before(40)):
        plain = listed("english_words", "common", "people", "pets")
        return 0.98 if local not in plain or local != found["local"] else None
    return None


def rules() -> tuple[Latin, ...]:
    """Addresses with a spoken sign in them."""
    return (Latin("email.said", Kind.EMAIL, _ADDRESS, trigger=r"[(\[ ]at[)\] ]|@", check=_address),)
