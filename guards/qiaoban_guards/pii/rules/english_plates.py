"""Licence plates by their form, where a vehicle is spoken of.

Forms, as the registering offices give them out: Great Britain LB19 KTX, India KA 05 MH 3382,
Nigeria ABJ-417-KX, Kenya KDJ 417P, South Africa CA 774-301 and GWK 71 FS, Singapore SH 4471 R,
Ireland 191-D-40772, Poland, Canada, Australia and the states of the US.
"""

from __future__ import annotations

import re

from qiaoban_guards.pii.kinds import Kind
from qiaoban_guards.pii.rule import Match
from qiaoban_guards.pii.rules.english_text import Latin, is_unit

_OWN = (
    r"[a-z]{2}\d{2} ?[a-z]{3}|[a-z]{2}[ -]\d{1,2}[ -][a-z]{1,3}[ -]\d{4}"
    r"|[a-z]{2}\d{2}[a-z]{1,2}\d{4}"
    r"|[a-z]{3}[ -]?\d{2,3}[ -]?[a-z]{2}|[a-z]{2} ?\d{2} ?[a-z]{2}(?: gp| wp| ec| nw| mp)?"
    r"|k[a-z]{2} ?\d{3} ?[a-z]|[a-z]{2,3} \d{2,3}-\d{3}|s[a-z]{1,2} ?\d{1,4} ?[a-z]"
    r"|\d[a-z]{3} ?\d{3}|\d{2,3}-[a-z]{1,2}-\d{1,6}|\d[a-z]{2} [a-z]\d{2}|[a-z]{2} \d[a-z]\d{3}"
    r"|[a-z]{1,3}-[a-z]{1,2} \d{1,4}"
)
_COMMON = r"[a-z]{3}[ -]?\d{3,4}|[a-z]{2,3} \d{4,5}|\d{3}[ -][a-z]{3}|[a-z]{2} ?\d{3,4}"
_PLATE = rf"(?<![\w.#@/-])(?P<value>{_OWN}|{_COMMON})(?![\w@#]|[-./]\w)"
_FORM = re.compile(_OWN, re.ASCII)
_VEHICLE = re.compile(
    r"(?<![a-z])(?:cars?|vans?|taxis?|cabs?|uber|lyft|bolt|grab|jeeps?|lorry|lorries|trucks?|bus"
    r"|minibus|danfo|okada|keke|matatu|tuk ?tuk|auto|rickshaw|scooter|motorbike|motorcycle|bike"
    r"|moped|ute|bakkie|suv|wagon|pickup|kombi|tractor|trailer|driver|drives|drove|driving|parked"
    r"|followed|lift|ride|got in|get in|ran over|hit my|hit me|towed|stolen|polo|kia|hilux|prius"
    r"|toyota|honda|ford|bmw|tesla|mercedes|merc|volvo|audi|nissan|corolla|civic|golf|dodge"
    r"|hyundai|mazda|suzuki|maruti|tata|mahindra|range rover|land rover|mini|fiat|chevy|subaru"
    r"|ram|peugeot|renault|skoda|seat|vw|lexus|number ?plates?|plates?|reg|tag|rego|driveway)"
    r"(?:'?s)?(?![a-z])",
    re.ASCII,
)
_SAID = re.compile(
    r"(?<![a-z])(?:plates?|reg(?:istration)?|tag|rego)(?: (?:number|no\.?))?[a-z ]{0,18}[ :]$",
    re.ASCII,
)
_OTHER = re.compile(
    r"(?<![a-z])(?:flight|bus (?:route )?|route|room|class|order|part|model|gtx|rtx|gate|platform"
    r"|train|seat|score|form|isbn|exam|course|unit|lego|set|code|zip|post ?code|year|section"
    r"|highway|road|exit|page|tracking|ref(?:erence)?|game|level|gta|in forza|movie|film)"
    r"(?: (?:number|no\.?|is|was))* $",
    re.ASCII,
)
_MODEL = re.compile(r"(?:gtx|rtx|rx|ak|ps|mp|iso|bmw|cod|gta|covid|usb|nba|ufc)[ -]?\d", re.ASCII)
_UNITS = re.compile(r"\d(?:km|mph|kg|gb|mb|cc|hp|pm|am|cm|mm|ml|psi|th|st|nd|rd|hz|fps)", re.ASCII)


def _plate(match: Match) -> float | None:
    """Its form in capitals beside a vehicle, or the word for it in front."""
    before, typed = match.before(90), match.typed
    if _UNITS.search(match.value) or is_unit(re.sub(r"^\w*\d", "", match.value)):
        return None
    letters = re.sub(r"[^A-Za-z]", "", typed)
    said = _SAID.search(before) is not None
    own = _FORM.fullmatch(match.value) is not None
    if not letters.isupper():
        tight = own and said and " " not in re.sub(r"(?<=\d) (?=[a-z]{2,3}$)", "", match.value)
        return 0.87 if tight else None
    if _MODEL.match(match.value) or (_OTHER.search(before) and not said):
        return None
    near = said or _VEHICLE.search(before) or _VEHICLE.search(match.after(50))
    if not near:
        return 0.75 if re.fullmatch(r"[a-z]{2} \d{2} [a-z]{1,3} \d{4}", match.value) else None
    if own:
        return 0.93
    return 0.86 if said or len(match.value) >= 7 else None


def rules() -> tuple[Latin, ...]:
    """Plates of vehicles that a child sees or rides in."""
    return (
        Latin(
            "licence_plate.form",
            Kind.LICENCE_PLATE,
            _PLATE,
            trigger=r"[a-z][ -]?\d|\d[ -]?[a-z]{2,3}",
            check=_plate,
        ),
    )
