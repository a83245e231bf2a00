"""Messages a second from a file to batches, and how much memory that takes as the file grows.

    pytest tests/benchmarks/test_training_data.py --benchmark-enable -s

Dialogues of 8 to 20 messages with 20 to 40 characters each, as CPsyCounD has them, are read,
encoded into the token cache, and from there packed into sequences of 2,048 tokens and made into
batches, in one process and in two; beside it stands what transformers' collator makes of the same
file. Asked of the second half: 100,000 messages a second on two cores; what else runs there can
only make it slower, so time of the processors is told as well.

Memory is what no file backs (RssAnon), since pages of the cache can be dropped at any time. 10 GiB
are read through a pipe, so that nobody has to write them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from qiaoban_finetune.collate import Packed
from qiaoban_finetune.dialogue import Dialogue, Message
from qiaoban_finetune.encoding import Encoder, Example
from qiaoban_finetune.formats import FORMATS
from qiaoban_finetune.formats.turns import settled
from qiaoban_finetune.packing import Places, pack, packed
from qiaoban_finetune.reading import records
from qiaoban_finetune.token_cache import digests, encoded
from qiaoban_finetune.tokens import EXAMPLES, Tokens

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


def batched(tokens: Tokens, order: Sequence[Places]) -> int:
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
    order = pack(tokens.lengths, CAPACITY, 0)
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


@pytest.fixture(scope="module")
def tokens(measuring: bool, tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """10,000 dialogues in the cache."""
    folder = tmp_path_factory.mktemp("tokens")
    file = write_dialogues(folder / "d.jsonl", count := 10_000 if measuring else 1_000)
    began = time.perf_counter()
    made = encoded(read_dialogues(file), encoder(), folder=folder / "c", data=digests([file]))
    once = count * MESSAGES / (time.perf_counter() - began)
    assert made.facts.dialogues == len(made) == count
    print(  # noqa: T201
        f"\n{count * MESSAGES:,} messages, {made.facts.tokens:,} tokens: read and encoded once "
        f"{once:,.0f}/s"
    )
    return made


@pytest.mark.parametrize("processes", [1, 2])
def test_messages_a_second(benchmark: Any, tokens: Tokens, processes: int) -> None:
    """Packed and batched from the cache; what begins the processes is not in the rate."""
    rounds = benchmark.pedantic(in_processes, (tokens.folder, processes), rounds=1)
    rate, busy = rounds
    benchmark.extra_info |= {"messages a second": rate, "of a processor": busy}
    assert rate > 0
    print(  # noqa: T201
        f"\nfrom the cache packed and batched in {processes} processes: {rate:,.0f}/s, "
        f"{busy:,.0f} a second of a processor"
    )


def test_messages_a_second_as_transformers_makes_batches(benchmark: Any, tokens: Tokens) -> None:
    """The baseline: the same file through datasets, padded by the collator that comes with it."""
    datasets: Any = import_module("datasets")
    transformers: Any = import_module("transformers")
    opened = datasets.Dataset.from_file(str(tokens.folder / EXAMPLES))
    rows = opened.select_columns(["ids", "labels"]).rename_column("ids", "input_ids")
    tokenizer = encoder().tokenizer
    tokenizer.pad_token = tokenizer.eos_token
    collate = transformers.DataCollatorForSeq2Seq(tokenizer, return_tensors="pt")

    def padded() -> tuple[float, int]:
        used, computed = time.process_time(), 0
        for start in range(0, len(rows), 4):
            batch = collate([rows[at] for at in range(start, min(start + 4, len(rows)))])
            computed += batch["input_ids"].numel()
        return time.process_time() - used, computed

    theirs, computed = benchmark.pedantic(padded, rounds=1)
    _, _, _, ours = one_share(tokens.folder, 0, 1)
    benchmark.extra_info["times ours"] = theirs / ours
    assert computed > tokens.facts.tokens
    print(  # noqa: T201
        f"\ntransformers' collator: {len(rows) * MESSAGES / theirs:,.0f} a second of a processor, "
        f"ours is {theirs / ours:.1f} times as fast; "
        f"{1 - tokens.facts.tokens / computed:.1%} padding"
    )


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
        return pool.submit(work, *given).result(1200)


on_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from /proc"
)


@on_linux
def test_memory_does_not_grow_with_the_file(
    benchmark: Any, tmp_path: Path, measuring: bool
) -> None:
    file = write_dialogues(tmp_path / "d.jsonl", 20_000 if measuring else 3_000)
    cache = tmp_path / "cache"

    def both() -> dict[str, tuple[int, int]]:
        return {
            "read and encode": in_a_process(watch_encoding, file, cache),
            "pack and batch": in_a_process(watch_batches, cache),
        }

    steps = benchmark.pedantic(both, rounds=1)
    for step, (first, second) in steps.items():
        print(  # noqa: T201
            f"\n{file.stat().st_size / 2**20:.0f} MiB to {step}: {first / 2**20:.1f} MiB in the "
            f"first half, {second / 2**20:.1f} MiB more in the second"
        )
    assert all(second < 8 * 2**20 for _, second in steps.values())


def pour(pipe: Path, block: bytes, times: int) -> None:
    """Write the same lines over and over."""
    with pipe.open("wb") as opened:
        for _ in range(times):
            opened.write(block)


def watch_reading(pipe: Path) -> tuple[int, int]:
    seen: list[int] = []
    for number, (record, place) in enumerate(records(pipe)):
        (said,) = FORMATS["openai"].parse(record, place)
        settled(said, "refuse", place)
        if number % 500 == 0:
            seen.append(anonymous())
    return growth(seen)


@on_linux
def test_a_large_file_takes_no_more_memory(benchmark: Any, tmp_path: Path, measuring: bool) -> None:
    """Read and taken apart as a file is, GIBIBYTES=10 of it; encoding is measured above."""
    said = [(f"{WORDS}{n}", f"{n}{WORDS}") for n in range(7)]
    turns = [(("user", asked), ("assistant", told)) for asked, told in said]
    messages = [{"role": role, "content": text} for turn in turns for role, text in turn]
    line = json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n"
    block = line * (2**20 // len(line))
    times = 1024 * int(os.environ.get("GIBIBYTES", "1")) if measuring else 32
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    writer = multiprocessing.get_context("spawn").Process(target=pour, args=(pipe, block, times))
    writer.start()
    first, second = benchmark.pedantic(in_a_process, (watch_reading, pipe), rounds=1)
    writer.join(60)
    print(  # noqa: T201
        f"\n{len(block) * times / 2**30:.2f} GiB read: {first / 2**20:.1f} MiB in the first half, "
        f"{second / 2**20:.1f} MiB more in the second"
    )
    assert second < 8 * 2**20
