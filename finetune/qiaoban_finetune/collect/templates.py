"""Prompts: Jinja templates of the package or of the user's own, and the speakers' names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import Frozen, load, nearest, read
from qiaoban_guards.errors import DocumentError, MissingExtraError
from qiaoban_guards.policy.types import Language

CONTENT = files("qiaoban_finetune") / "collect" / "content"
_SUFFIX = ".j2"


class Speakers(Frozen):
    """How the speakers of a dialogue are called in one language."""

    child: str
    """As the templates call it."""
    assistant: str
    """As the templates call it."""
    child_too: tuple[str, ...]
    """Other names that models write for the child."""
    assistant_too: tuple[str, ...]
    """Other names that models write for the assistant."""
    farewells: tuple[str, ...]
    """Words with which a child ends a talk, where a message ends with them."""


class Template:
    """A prompt with blanks; every blank has to be known, and every one is named in the docs."""

    def __init__(self, name: str, text: str, known: Iterable[str]) -> None:
        """Raises ConfigError for a template that cannot be read or asks for more than is known."""
        try:
            sandbox: Any = import_module("jinja2.sandbox")
            meta: Any = import_module("jinja2.meta")
            jinja2: Any = import_module("jinja2")
        except ImportError as error:
            raise MissingExtraError("collecting dialogues", "collect") from error
        self._errors: Any = jinja2.TemplateError
        self.name = name
        environment = sandbox.ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        try:
            blanks = set(meta.find_undeclared_variables(environment.parse(text)))
            self._template = environment.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(
                f"{name}:{error.lineno}: is no template ({error.message}); mend it"
            ) from error
        names = sorted(known)
        if unknown := sorted(blanks - set(names)):
            near = nearest(unknown[0], names)
            raise ConfigError(
                f"{name}: nothing fills in {{{{ {unknown[0]} }}}}{near}; there are "
                f"{', '.join(names)}"
            )

    def filled(self, values: Mapping[str, Any]) -> str:
        """The prompt; ConfigError where the template fails on these values."""
        try:
            text: str = self._template.render(values)
        except self._errors as error:
            raise ConfigError(f"{self.name}: cannot be filled in ({error}); mend it") from error
        return text.strip()


def template(own: Path | None, shipped: str, language: Language, known: Iterable[str]) -> Template:
    """The user's own template, or the shipped one of that name in a language."""
    source: Any = CONTENT / language / f"{shipped}{_SUFFIX}" if own is None else own
    try:
        text = read(source)
    except DocumentError as error:
        raise ConfigError(str(error)) from error
    return Template(str(own) if own else f"the shipped template {shipped}", text, known)


@lru_cache(maxsize=2)
def speakers(language: Language) -> Speakers:
    """The names of the speakers."""
    return load(CONTENT / language / "speakers.yaml", Speakers)
