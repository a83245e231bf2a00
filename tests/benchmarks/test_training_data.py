"""Messages a second from a file to batches, and how much memory that takes as the file grows.

    pytest tests/benchmarks/test_training_data.py --benchmark-enable -s

Dialogues of 8 to 20 messages with 20 to 40 characters each, as CPsyCounD has them, are read,
encoded into the token cache, and from there packed into sequences of 2,048 tokens and made into
batches, in one process and in two. Asked of the second half: 100,000 messages a second on two
cores; what else runs there can only make it slower, so time of the processors is told as well.
Memory is what no file backs (RssAnon), since pages of the cache can be dropped at any time.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qiaoban_finetune.collate import Packed
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.encoding import Encoder, Example
from qiaoban_finetune.packing import pack, packed
from qiaoban_finetune.token_cache import digests, encoded
from qiaoban_finetune.tokens import Tokens

pytestmark = [pytest.mark.models, pytest.mark.slow]
pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("pyarrow")

CAPACITY = 2048
MESSAGES = 14
"""In a dialogue, on average."""
WORDS = "妈妈今天没有理我，我很难过。你想说说发生了什么吗？谢谢你告诉我！"


def write_dialogues(file: Path, count: int) -> Path:
    drawn = Random(0)
    with file.open("w", encoding="utf-8") as opened:
        for number in range(count):
            lengths = [drawn.randint(20, 40) for _ in range(2 * drawn.randint(4, 10))]
            said = ["".join(drawn.choices(WORDS, k=length)) for length in lengths]
            opened.write(json.dumps({"id": f"d{number}", "said": said}, ensure_ascii=False) + "\n")
    return file


def read_dialogues(file: Path) -> Iterator[Dialogue]:
    with file.open(encoding="utf-8") as opened:
        for line in opened:
            record = json.loads(line)
            said = [
                Message("assistant" if at % 2 else "user", text)
                for at, text in enumerate(record["said"])
            ]
            yield Dialogue(record["id"], tuple(said))


def encoder() -> Encoder:
    """Characters are tokens, which is nearly true of Chinese in large vocabularies."""
    transformers: Any = import_module("transformers")
    tokenizers: Any = import_module("tokenizers")
    known = ["<unk>", "</s>", "[gMASK]", "sop", *sorted({*WORDS, *"[]Round 0123456789\n问：答"})]
    vocabulary = {token: number for number, token in enumerate(known)}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [], unk_token="<unk>"))
    character = tokenizers.Regex(r"[\s\S]")  # the library remembers what stands between its splits
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(character, "isolated")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", unk_token="<unk>"
    )
    return Encoder(fast, "pica", CAPACITY)


def batched(tokens: Tokens, order: list[list[int]]) -> int:
    """Make every batch; give the messages in them."""
    collate = Packed(0, CAPACITY)
    return sum(_made(collate, [tokens[at] for at in places]) for places in order) * MESSAGES


def _made(collate: Packed, examples: list[Example]) -> int:
    batch = collate(examples)
    return len(batch["cu_seq_lens_q"]) - 1


def one_share(folder: Path, number: int, of: int) -> tuple[int, float, float, float]:
    """One process's batches of an epoch, packing included, as each rank does it."""
    tokens = Tokens(folder)
    began, used = time.perf_counter(), time.process_time()
    order = pack(tokens.lengths.tolist(), CAPACITY, 0)
    made = batched(tokens, order[number::of])
    return made, began, time.perf_counter(), time.process_time() - used


def warmed(ready: Any) -> None:
    """What the libraries load once."""
    Packed(0, 8)([Example((1,), (1,), "")])
    ready.wait(120)


def in_processes(folder: Path, count: int) -> tuple[float, float]:
    """Messages a second, and a second of a processor."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count)
    with ProcessPoolExecutor(count, context, warmed, (ready,)) as pool:
        shares = [pool.submit(one_share, folder, number, count) for number in range(count)]
        found = [share.result(300) for share in shares]
    made, begins, ends, used = (list(column) for column in zip(*found, strict=True))
    return sum(made) / (max(ends) - min(begins)), sum(made) / sum(used)


@pytest.fixture(scope="module")
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--benchmark-enable"))


def test_messages_a_second(tmp_path: Path, measuring: bool) -> None:
    count = 10_000 if measuring else 1_000
    file = write_dialogues(tmp_path / "d.jsonl", count)
    began = time.perf_counter()
    data = digests([file])
    tokens = encoded(read_dialogues(file), encoder(), folder=tmp_path / "c", data=data)
    once = count * MESSAGES / (time.perf_counter() - began)
    assert tokens.facts.dialogues == len(tokens) == count

    order = pack(tokens.lengths.tolist(), CAPACITY, 0)
    unfilled = 1 - tokens.facts.tokens / (len(order) * CAPACITY)
    rates = {processes: in_processes(tokens.folder, processes) for processes in (1, 2)}
    print(  # noqa: T201
        f"\n{count * MESSAGES:,} messages, {tokens.facts.tokens:,} tokens: read and encoded once "
        f"{once:,.0f}/s; {unfilled:.2%} of {CAPACITY:,} tokens unfilled"
    )
    for processes, (rate, busy) in rates.items():
        print(  # noqa: T201
            f"from the cache packed and batched in {processes} processes: {rate:,.0f}/s, "
            f"{busy:,.0f} a second of a processor"
        )
    if measuring:
        assert rates[2][0] >= 100_000


def anonymous() -> int:
    """Bytes of memory of this process that are not backed by a file."""
    told = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in told.splitlines() if "RssAnon" in line)


def growth(seen: list[int]) -> tuple[int, int]:
    """Bytes more in the first half of a file than before it, and more yet in the second."""
    half = len(seen) // 2
    return max(seen[:half]) - seen[0], max(seen[half:]) - max(seen[:half])


def watch_encoding(file: Path, cache: Path) -> tuple[int, int]:
    encoder().encode(next(read_dialogues(file)))  # what the libraries load once
    seen: list[int] = []

    def counted() -> Iterator[Dialogue]:
        for number, said in enumerate(read_dialogues(file)):
            if number % 50 == 0:
                seen.append(anonymous())
            yield said

    encoded(counted(), encoder(), folder=cache, data={})
    return growth(seen)


def watch_batches(cache: Path) -> tuple[int, int]:
    tokens = Tokens(next(path for path in cache.iterdir() if path.is_dir()))
    collate = Packed(0, CAPACITY)
    collate([tokens[0]])
    seen = [anonymous()]
    for number, places in enumerate(packed(map(int, tokens.lengths), CAPACITY, 0)):
        collate([tokens[at] for at in places])
        if number % 10 == 0:
            seen.append(anonymous())
    return growth(seen)


def in_a_process(work: Callable[..., tuple[int, int]], *given: Any) -> tuple[int, int]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(work, *given).result(600)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path, measuring: bool) -> None:
    file = write_dialogues(tmp_path / "d.jsonl", 20_000 if measuring else 3_000)
    cache = tmp_path / "cache"
    steps = {
        "read and encode": in_a_process(watch_encoding, file, cache),
        "pack and batch": in_a_process(watch_batches, cache),
    }
    for step, (first, second) in steps.items():
        print(  # noqa: T201
            f"\n{file.stat().st_size / 2**20:.0f} MiB to {step}: {first / 2**20:.1f} MiB in the "
            f"first half, {second / 2**20:.1f} MiB more in the second"
        )
    assert all(second < 8 * 2**20 for _, second in steps.values())
