"""A child's clause said back to it: 我的小金鱼死了 → 你的小金鱼死了."""

from __future__ import annotations

import re

from qiaoban_guards.policy.schema import Language

_ADDRESSED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[你您妳]|巧板"),
    "en": re.compile(r"\b(?:you|your|yours|you're|youre|u|ur|yourself)\b"),
}
"""Who speaks to the companion says 你; turned round, nobody could tell who is who."""
_ASKED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"[?？]|吗$|呢$|为什么|为啥|怎么|什么|是不是|要不要|能不能|谁|哪[里儿个]|多少|几[点岁个]"
    ),
    "en": re.compile(
        r"\?|^(?:why|what|how|who|when|where|which|do|does|did|is|are|can|could|should|will|would)\b"
    ),
}
_BROKEN: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"[一-龥]{2}(?:小学|中学|幼儿园)|自我|忘我|^(?:因为|和|跟)|猜|告诉你|跟你说|问你|(?:妈妈?|爸爸?|老师|大家)好$|回来[啦了]$|不是重点|谢谢|再见|晚安|在吗"
        r"|可能|大概|好像|也许|应该|似乎|反正|说不上|算是?|其实|比如|什么的|之类"
        r"|(?:的|和|跟|把|被|给|让|说|是|在|对|因为|所以|如果|要是|就|都|也|还|又|我|你|一|不|没|那|这|很|太)$"
        r"|^(?:的|了|着|过|得|地|吗|呢|吧|们|也|都|还|就|又|才|却|而|但|可是)"
    ),
    "en": re.compile(
        r"\b(?:maybe|perhaps|probably|i think|i guess|kinda|the us|i \w+ly was)\b"
        r"|\b(?:the|a|an|and|but|or|because|to|of|with|my|your|his|her|their|that|if|when|so|is|was|"
        r"were|are|am|i|he|she|they|we|for|at|in|on|not|just|really|very|like|about|from|by|n't)$"
        r"|^(?:and|but|or|because|so|that|which|than|to|of|of course|if|when|not|too|also|then)\b"
    ),
}
_VERB_ZH = re.compile(
    "[了过着没不被把给要会能在得到是有说讲骂打哭丢死坏走来去吵输赢考拿抢笑吃玩买看想让叫写做画听"
    "跑跳掉搬病怕等送抱养忘记错断碎撞摔咬欺选罚凶吼理陪带收改换住转离分借还爱恨喜讨]"
)
_VERBLESS_EN = re.compile(
    r"\b(?:\w+(?:ed|s|n't)|was|were|is|are|am|got|said|told|took|broke|hit|lost|won|died|left|made|"
    r"went|came|forgot|fell|ran|hurt|bit|ate|saw|had|has|have|did|do|does|can|can't|cant|won't|"
    r"will|keep|want|hate|love|like|fight|miss|cry|sing|gave|kept|let|put|quit|shut|spilt|stole|"
    r"threw|tore|wrote|began|became|chose|drew|drove|felt|flew|found|grew|heard|held|knew|led|"
    r"met|paid|read|sat|sent|shook|slept|spoke|stood|swam|taught|thought|woke|wore|im|i'm|i've)\b"
)
_ZH = {"我们": "你们", "咱们": "你们", "咱": "你们", "我": "你", "俺": "你"}
_TURN_ZH = re.compile("|".join(_ZH))
_EN = {
    "i'm": "you're",
    "im": "you're",
    "i am": "you are",
    "i was": "you were",
    "i wasn't": "you weren't",
    "i wasnt": "you weren't",
    "i've": "you've",
    "ive": "you've",
    "i'll": "you'll",
    "i'd": "you'd",
    "am i": "are you",
    "me and my": "you and your",
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "we're": "you're",
    "we've": "you've",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
}
_TURN_EN = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _EN), key=len, reverse=True)) + r")\b", re.IGNORECASE
)
_LENGTH: dict[Language, tuple[int, int]] = {"zh": (4, 20), "en": (8, 70)}


def is_addressed(plain: str, language: Language) -> bool:
    """Whether a message in its plain form speaks to the companion."""
    return _ADDRESSED[language].search(plain) is not None


def said_back(clause: str, language: Language) -> str | None:
    """The clause with its pronouns turned round; None where it would not read well said back.

    `clause` tells what happened, without marks before or behind. Left out are questions, what is
    addressed to the companion, fragments, and what is too short or too long to repeat.
    """
    clause = clause.strip().replace("’", "'")
    least, most = _LENGTH[language]
    plain = clause.lower()
    if not least <= len(clause) <= most or "\n" in clause:
        return None
    if any(p[language].search(plain) for p in (_ADDRESSED, _ASKED, _BROKEN)):
        return None
    if language == "zh" and not _VERB_ZH.search(plain):
        return None
    if language == "zh":
        return _TURN_ZH.sub(lambda match: _ZH[match[0]], clause)
    if not _VERBLESS_EN.search(plain):
        return None
    calm = clause.lower() if clause.isupper() else clause
    return _TURN_EN.sub(lambda match: _EN.get(match[0].lower(), match[0]), calm)
