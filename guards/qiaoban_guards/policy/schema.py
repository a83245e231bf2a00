"""The policy: a frozen, validated model of the YAML.

Nothing about what is allowed lives anywhere else: levels and what is done at them, the rules a
reply has to pass, every fixed sentence, every helpline, every deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from string import Formatter
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    WrapSerializer,
    model_validator,
)

from qiaoban_guards.documents import Frozen
from qiaoban_guards.expressions import Expressions
from qiaoban_guards.risk.taxonomy import Category, Finding, Level, RiskLevel, Role, Who

Language = Literal["zh", "en"]
_K = TypeVar("_K")
_V = TypeVar("_V")
FrozenMapping = Annotated[
    Mapping[_K, _V],
    AfterValidator(MappingProxyType),
    WrapSerializer(lambda value, handler: handler(dict(value))),
]
"""A mapping that nobody changes behind a policy's back."""
Lines = Annotated[tuple[str, ...], Field(min_length=1)]
SLOTS = ("helpline", "emergency", "medical")


def _check_slots(lines: tuple[str, ...]) -> tuple[str, ...]:
    """A fixed sentence has no slot but the ones that are filled in."""
    for line in lines:
        try:
            slots = [slot for _, slot, _, _ in Formatter().parse(line) if slot is not None]
        except ValueError as error:
            raise ValueError(f"braces do not match in {line!r}") from error
        if wrong := [slot for slot in slots if slot not in SLOTS]:
            names = ", ".join(f"{{{name}}}" for name in SLOTS)
            raise ValueError(f"no slot is called {{{wrong[0]}}}; slots are {names}")
    return lines


FixedLines = Annotated[Lines, AfterValidator(_check_slots)]


class Response(StrEnum):
    """What a level of risk is answered with."""

    COACH = "coach"
    CAREFUL = "careful"
    CRISIS = "crisis"
    REDIRECT = "redirect"


class Audience(Frozen):
    """Whom the policy is for."""

    language: Language
    locale: str
    jurisdiction: str
    ages: tuple[PositiveInt, PositiveInt]


def _check_levels(values: Mapping[str, float]) -> Mapping[str, float]:
    """Every level but `none` has its number."""
    wanted = [level.label for level in RiskLevel if level]
    if sorted(values) != sorted(wanted):
        raise ValueError(f"give a number for each of {', '.join(wanted)}")
    return values


ByLevel = Annotated[FrozenMapping[str, PositiveFloat], AfterValidator(_check_levels)]


class SessionRiskPolicy(Frozen):
    """How concern lasts beyond the message that raised it.

    `half_life` is the number of turns, `half_life_hours` the time, after which a piece of evidence
    weighs half as much. Categories that stand `together` add up with each other, as the steps of
    one grooming do.
    """

    half_life: PositiveFloat = 6
    half_life_hours: PositiveFloat = 24
    together: tuple[frozenset[Category], ...] = ()
    weights: ByLevel
    thresholds: ByLevel


class RiskPolicy(Frozen):
    """What is done at which level of risk; a category may answer differently from the rest.

    `specific_from`: a concern that only the statistical model reads is named for what it may be
    from this probability on; below it, the careful words are those for any concern.
    """

    responses: FrozenMapping[str, Response]
    categories: FrozenMapping[Category, FrozenMapping[str, Response]] = MappingProxyType({})
    escalate_at: Level = RiskLevel.HIGH
    never_escalate: tuple[Category, ...] = ()
    specific_from: Annotated[float, Field(ge=0, le=1)] = 0.6
    session: SessionRiskPolicy

    @model_validator(mode="after")
    def _answers_every_level(self) -> RiskPolicy:
        levels = {level.label for level in RiskLevel}
        if missing := levels - set(self.responses):
            raise ValueError(f"responses lack {', '.join(sorted(missing))}; name all levels")
        for name in [*self.responses, *(n for per in self.categories.values() for n in per)]:
            RiskLevel.parse(name)
        for label in ("high", "imminent"):
            own = [per[label] for per in self.categories.values() if label in per]
            allowed = {Response.CRISIS, Response.REDIRECT}
            if self.responses[label] is not Response.CRISIS or not set(own) <= allowed:
                raise ValueError(f"{label} is answered by crisis words, never by a model")
        return self

    def response(self, level: RiskLevel, category: Category | None) -> Response:
        """The answer to one finding."""
        own = self.categories.get(category) if category is not None else None
        return (own or {}).get(level.label, self.responses[level.label])


class _OutputRule(Frozen):
    id: str
    action: Literal["drop", "stop", "replace"] = "replace"
    reason: str


class PatternRule(_OutputRule, Expressions):
    """A sentence is withheld when one of `any` matches what was said so far with it."""

    kind: Literal["pattern"] = "pattern"


class QuestionsRule(_OutputRule):
    """At most `most` questions a turn."""

    kind: Literal["questions"] = "questions"
    most: PositiveInt


class LengthRule(_OutputRule):
    """At most `most` characters a turn, in the given language's way of counting.

    `zh` counts characters, `en` counts characters too; English needs about three times as many.
    """

    kind: Literal["length"] = "length"
    most: FrozenMapping[Language, PositiveInt]


OutputRule = Annotated[PatternRule | QuestionsRule | LengthRule, Field(discriminator="kind")]


class OutputPolicy(Frozen):
    """What a reply must pass before a character of it is shown.

    `longest_sentence` is where text without punctuation is cut, and `overlap` how many
    characters before such a cut are held back, so that nothing is read in two halves.
    """

    rules: tuple[OutputRule, ...]
    longest_sentence: PositiveInt = 120
    overlap: PositiveInt = 40


class Deadlines(Frozen):
    """Seconds that a step may take before the turn goes on without it."""

    guard: PositiveFloat = 1.0
    first_words: PositiveFloat = 20.0
    next_words: PositiveFloat = 10.0
    reply: PositiveFloat = 60.0
    store: PositiveFloat = 5.0
    previous_turn: PositiveFloat = 120.0


class Helpline(Frozen):
    """Somebody a child can call, and where the number was seen.

    `say` is how the line is named inside a sentence, its number included.
    """

    id: str
    number: str
    say: FrozenMapping[Language, str]
    kind: Literal["emergency", "medical", "counselling"]
    categories: tuple[Category, ...] = ()
    seen: str
    look_again: str

    @model_validator(mode="after")
    def _says_its_number(self) -> Helpline:
        if wrong := [language for language, say in self.say.items() if self.number not in say]:
            raise ValueError(f"say lacks the number {self.number} in {', '.join(wrong)}")
        return self


def _check_categories(lines: Mapping[str, Lines]) -> Mapping[str, Lines]:
    """Keys are `any`, a category, or a category and a role (`violence.victim`)."""
    if "any" not in lines:
        raise ValueError("needs an entry 'any' for the remaining categories")
    for key in lines:
        category, _, role = key.partition(".")
        if key != "any" and (category not in list(Category) or (role and role not in list(Role))):
            raise ValueError(f"{key!r} is neither 'any' nor a category nor category.role")
    return lines


ByCategory = Annotated[FrozenMapping[str, FixedLines], AfterValidator(_check_categories)]


class Words(Frozen):
    """The fixed sentences of one language.

    `{helpline}`, `{emergency}` and `{medical}` are filled in from the helplines. `crisis_other`:
    somebody else is in danger; `crisis_imminent`: it is happening now; `careful`: beside the
    coaching of a lesser concern; `listening` and `still_here`: while an escalation is open;
    `degraded`: when
    something of ours failed; `cut_short`: when a reply had to stop in the middle.
    """

    crisis: ByCategory
    crisis_other: ByCategory
    crisis_imminent: ByCategory
    careful: ByCategory
    redirect: ByCategory
    listening: FixedLines
    still_here: FixedLines
    degraded: FixedLines
    cut_short: FixedLines

    def crisis_for(self, finding: Finding) -> Lines:
        """The words for a finding at one of the two highest levels."""
        if finding.level is RiskLevel.IMMINENT:
            return _for(self.crisis_imminent, finding)
        return _for(self.crisis_other if finding.who is Who.OTHER else self.crisis, finding)

    def careful_for(self, finding: Finding) -> Lines:
        """The pointer that goes with coaching about a concern."""
        return _for(self.careful, finding)

    def redirect_for(self, finding: Finding) -> Lines:
        """The words for what the companion will not do."""
        return _for(self.redirect, finding)


def _for(lines: Mapping[str, Lines], finding: Finding) -> Lines:
    """The most specific entry: category and role, category, any."""
    keys = (f"{finding.category}.{finding.role}", str(finding.category), "any")
    return next(lines[key] for key in keys if key in lines)


Remembered = Literal["nickname", "age", "likes", "people", "things", "tried", "cause"]


class PersonalData(Frozen):
    """Kinds of personal data that the model and the records never see."""

    hide: tuple[Literal["phone", "email", "identity_number", "messenger", "address"], ...] = ()


class Memory(Frozen):
    """What is remembered of a session.

    `history` counts messages a model is shown, child's and companion's together; `keep_text`
    lets the trail keep what a child wrote. `remember` are the kinds of facts that coaching may
    keep; `across_sessions` lets those of a child that the app names outlive the session.
    """

    history: PositiveInt = 24
    keep_text: bool = False
    remember: tuple[Remembered, ...] = ()
    across_sessions: bool = False


class Coaching(Frozen):
    """How the companion coaches; `characters` bounds a curated reply by language."""

    characters: FrozenMapping[Language, PositiveInt]


class Policy(Frozen):
    """A whole policy, after `extends` has been resolved."""

    id: str
    title: str
    note: str = ""
    audience: Audience
    risk: RiskPolicy
    output: OutputPolicy
    words: FrozenMapping[Language, Words]
    helplines: tuple[Helpline, ...]
    coaching: Coaching
    deadlines: Deadlines = Deadlines()
    personal_data: PersonalData = PersonalData()
    memory: Memory = Memory()

    @model_validator(mode="after")
    def _is_complete(self) -> Policy:
        if self.audience.language not in self.words:
            raise ValueError(f"words lack the audience's language {self.audience.language!r}")
        kinds = {line.kind for line in self.helplines}
        if missing := {"emergency", "medical", "counselling"} - kinds:
            raise ValueError(f"helplines lack a line of kind {', '.join(sorted(missing))}")
        for line in self.helplines:
            if silent := set(self.words) - set(line.say):
                raise ValueError(f"helpline {line.id!r} has no `say` in {', '.join(silent)}")
        return self

    def helpline(self, category: Category | None) -> Helpline:
        """The counselling line for a category: the first that names it, else the first."""
        lines = [line for line in self.helplines if line.kind == "counselling"]
        return next((line for line in lines if category in line.categories), lines[0])

    def fill(self, line: str, language: Language, category: Category | None = None) -> str:
        """A fixed sentence with its numbers filled in."""
        numbers = {"helpline": self.helpline(category).say[language]}
        for kind in ("emergency", "medical"):
            numbers[kind] = next(h for h in self.helplines if h.kind == kind).say[language]
        return line.format_map(numbers)
