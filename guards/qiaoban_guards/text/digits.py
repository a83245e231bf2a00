"""A view of a message with numbers written in Han digits read as numbers: 幺三八 is 138."""

from __future__ import annotations

import re

from qiaoban_guards.text.normalise import Text

_VALUES = {
    **dict(zip("〇零一二三四五六七八九", "00123456789", strict=True)),
    **dict(zip("壹贰叁肆伍陆柒捌玖幺两洞拐勾", "12345678912079", strict=True)),
}
_RUN = re.compile(rf"[{''.join(_VALUES)}0-9](?:[ -]?[{''.join(_VALUES)}0-9]){{2,}}")


def read_digits(text: Text) -> Text:
    """Return `text` with every run of three or more digits, Han among them, in ASCII digits.

    Characters are replaced one by one, so the offset map is that of `text`.
    """
    plain = _RUN.sub(lambda run: "".join(_VALUES.get(c, c) for c in run[0]), text.plain)
    if plain == text.plain:
        return text
    return Text(original=text.original, plain=plain, starts=text.starts, ends=text.ends)
