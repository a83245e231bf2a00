"""An app's own async model, guarded: `python examples/own_model.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from qiaoban_agent import Companion
from qiaoban_agent.events import Escalated, Said, Withheld
from qiaoban_agent.models import Message


class CarelessModel:
    """Says something kind, and then something it must not."""

    async def generate(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        for piece in ("听起来", "你很委屈。", "这是我们的", "秘密，", "别告诉妈妈。"):
            await asyncio.sleep(0)
            yield piece


async def page_the_counsellor(escalated: Escalated) -> None:
    print(f"[to the adult] {escalated.level.label}: {', '.join(escalated.categories)}")


async def main() -> None:
    companion = Companion(model=CarelessModel(), on_escalation=page_the_counsellor)
    for message in ("老师冤枉我了", "我爸知道了一定会用皮带抽我，他上次就是这样"):
        print("孩子：", message)
        async for event in companion.astream(message, session="demo"):
            if isinstance(event, Said):
                print("巧板：", event.text)
            elif isinstance(event, Withheld):
                print(f"[withheld by {event.rule}: {event.reason}]")


if __name__ == "__main__":
    asyncio.run(main())
