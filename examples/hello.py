"""The shortest conversation: `python examples/hello.py`."""

from __future__ import annotations

from qiaoban_agent import Companion


def main() -> None:
    companion = Companion()
    for message in ("我和同桌吵架了", "她说再也不跟我玩了", "我也不知道该怎么办"):
        print("孩子：", message)
        print("巧板：", companion.reply(message, session="hello").text)


if __name__ == "__main__":
    main()
