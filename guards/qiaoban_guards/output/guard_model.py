"""A guard model behind an OpenAI-compatible server, as one more judge of a sentence."""

from __future__ import annotations

from qiaoban_guards.errors import DocumentError
from qiaoban_guards.output.passage import Spoken, Verdict
from qiaoban_guards.policy.output import GuardModelRule


class GuardModel:
    """Asks the server about what was said so far with the sentence.

    Raises DocumentError for an adapter that is not known, MissingExtraError without `openai`.
    """

    def __init__(self, rule: GuardModelRule, seconds: float) -> None:
        from qiaoban_guards.risk import remote

        adapters: dict[str, type[remote.RemoteGuard]] = {
            adapter.name: adapter
            for adapter in (
                remote.LlamaGuard,
                remote.NemoGuard,
                remote.OpenAIModeration,
                remote.Qwen3Guard,
                remote.ShieldGemma,
                remote.ShieldLM,
            )
        }
        if rule.adapter not in adapters:
            raise DocumentError(
                f"no adapter is called {rule.adapter!r}; there are {', '.join(sorted(adapters))}",
                source="policy",
                key=f"output.rules.{rule.id}.adapter",
            )
        server = remote.Server(rule.url, deadline=seconds * 0.9)
        self._remote = adapters[rule.adapter](server, rule.model)
        self._rule = rule

    async def judge(self, sentence: str, spoken: Spoken, /) -> Verdict:
        """The rule's action where the model finds anything but safe.

        Raises NoVerdictError where there is no verdict: the turn is then degraded, never open.
        """
        from qiaoban_guards.risk.remote import NoVerdictError

        found = await self._remote.aassess(
            [
                {"role": "user", "content": spoken.child},
                {"role": "assistant", "content": spoken.said + sentence},
            ]
        )
        if not found.parse_ok:
            raise NoVerdictError(found.reason)
        if found.severity == "safe":
            return Verdict("allow")
        rule = self._rule
        return Verdict(rule.action, rule.id, rule.reason, rule.harm, 0, len(sentence))
