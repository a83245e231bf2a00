"""Models by name: `curated`, `openai:MODEL`, `transformers:PATH`; heavy parts load on first use."""

from __future__ import annotations

from difflib import get_close_matches

from qiaoban_agent.errors import ModelError
from qiaoban_agent.models.base import Model

_KINDS = ("curated", "openai", "transformers")


def model_from(given: object) -> Model | None:
    """The model behind a name or an object; None stands for the embedded curated replies.

    Raises ModelError for what cannot be used, MissingExtraError where an extra is not installed.
    """
    if isinstance(given, str):
        return _named(given)
    if hasattr(given, "invoke") and hasattr(given, "stream"):  # it has a `generate` of its own
        from qiaoban_agent.models.langchain import LangChainModel

        return LangChainModel(given)
    if isinstance(given, Model):
        return given
    raise ModelError(
        f"{type(given).__name__} has no generate(messages); give an object that has, "
        f"a LangChain chat model, or one of the names {', '.join(_KINDS)}"
    )


def _named(name: str) -> Model | None:
    kind, _, rest = name.partition(":")
    if name == "curated":
        return None
    if kind == "openai" and rest:
        from qiaoban_agent.models.openai import OpenAIModel

        return OpenAIModel(rest)
    if kind == "transformers" and rest:
        from qiaoban_agent.models.transformers import TransformersModel

        return TransformersModel(rest)
    near = get_close_matches(kind, _KINDS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ModelError(
        f"no model is called {name!r}; write curated, openai:MODEL or transformers:PATH{hint}"
    )
