"""The same steps as operations of Ray Data, for sets that are larger than a machine.

Every file has to be at the same path on every node. Steps run on blocks of records, wherever Ray
puts them; near-duplicates meet where a band of their signatures is the same, so that no machine
holds all signatures. What comes out is what `local` gives of the same input. Ray is told to report
nothing about its use.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from qiaoban_finetune.clean.config import CleanConfig
from qiaoban_finetune.clean.local import duplicate_sample
from qiaoban_finetune.clean.outcome import Outcome
from qiaoban_finetune.clean.signatures import bands, read_signature, similarity
from qiaoban_finetune.clean.source import Part, Raw, parts, records_of
from qiaoban_finetune.clean.steps import DUPLICATE, Cleaner
from qiaoban_guards.errors import MissingExtraError

_BATCH = 64
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


def outcomes(source: Path, config: CleanConfig) -> Iterator[Outcome]:
    """What becomes of every record of a file or folder, in their order, near-duplicates told.

    Joins the cluster of RAY_ADDRESS, else begins one on this machine. Raises MissingExtraError
    without Ray.
    """
    os.environ.update(_QUIET)  # read when Ray is imported and when it begins
    ray = _ray()
    began = not ray.is_initialized()
    if began:
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        yield from _outcomes(ray, source, config)
    finally:
        if began:
            with suppress(Exception):
                ray.shutdown()


def _outcomes(ray: Any, source: Path, config: CleanConfig) -> Iterator[Outcome]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    told = config.model_dump_json()
    cleaned = (
        ray.data.from_items([asdict(part) for part in parts(source)])
        .flat_map(_rows)
        .map_batches(_clean, batch_size=_BATCH, fn_kwargs={"config": told}, batch_format="numpy")
        .materialize()
    )
    firsts = _duplicates(cleaned, config)
    ids = _ids(cleaned, set(firsts.values()))
    for row in cleaned.sort("number").iter_rows():
        outcome: Outcome = pickle.loads(row["outcome"])  # noqa: S301 - made by `_clean`
        if outcome.number in firsts:
            first = ids[firsts[outcome.number]]
            outcome.gone(DUPLICATE, duplicate_sample(outcome, first))
        yield outcome


def _rows(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [asdict(raw) for raw in records_of(Part(**part))]


def _clean(batch: dict[str, Any], config: str) -> dict[str, Any]:
    import numpy

    cleaner = _cleaner(config)
    numbers, found, signatures = list[int](), list[bytes](), list[bytes]()
    for number, file, line, text in zip(
        batch["number"], batch["file"], batch["line"], batch["text"], strict=True
    ):
        outcome = cleaner.clean(Raw(str(file), int(line), int(number), bytes(text)))
        numbers.append(outcome.number)
        found.append(pickle.dumps(outcome))
        signatures.append(outcome.signature)
    return {
        "number": numpy.array(numbers),
        "outcome": numpy.array(found, dtype=object),
        "signature": numpy.array(signatures, dtype=object),
    }


@lru_cache(maxsize=1)
def _cleaner(config: str) -> Cleaner:
    """The cleaner of a worker, made for its first block."""
    return Cleaner(CleanConfig.model_validate_json(config))


def _duplicates(cleaned: Any, config: CleanConfig) -> dict[int, int]:
    """By number of a near-duplicate, the number of the first that it is nearly the same as."""
    near = config.near_duplicates
    if near is None:
        return {}
    pairs = (
        cleaned.select_columns(["number", "signature"])
        .flat_map(_banded)
        .groupby("band")
        .map_groups(_alike, fn_kwargs={"threshold": near.threshold}, batch_format="numpy")
    )
    firsts: dict[int, int] = {}
    for row in pairs.iter_rows():
        number, first = int(row["number"]), int(row["first"])
        firsts[number] = min(first, firsts.get(number, first))
    return firsts


def _banded(row: dict[str, Any]) -> list[dict[str, Any]]:
    signature = bytes(row["signature"])
    return [
        {"band": band.hex(), "number": row["number"], "signature": signature}
        for band in bands(signature)
    ]


def _alike(group: dict[str, Any], threshold: float) -> dict[str, Any]:
    """Within one band: every number that is nearly an earlier one, with the first such."""
    import numpy

    order = numpy.argsort(group["number"], kind="stable")
    different: list[tuple[int, Any]] = []
    numbers, firsts = list[int](), list[int]()
    for at in order:
        number = int(group["number"][at])
        signature = read_signature(bytes(group["signature"][at]))
        first, same = None, False
        for other, known in different:
            alike = similarity(signature, known)
            if alike >= threshold:
                first, same = other, alike == 1.0
                break
        if first is not None:
            numbers.append(number)
            firsts.append(first)
        if not same:
            different.append((number, signature))
    return {"number": numpy.array(numbers, "i8"), "first": numpy.array(firsts, "i8")}


def _ids(cleaned: Any, wanted: set[int]) -> dict[int, str]:
    """The ids of some outcomes."""
    if not wanted:
        return {}
    found: dict[int, str] = {}
    for row in cleaned.iter_rows():
        if int(row["number"]) in wanted:
            outcome: Outcome = pickle.loads(row["outcome"])  # noqa: S301 - made by `_clean`
            found[outcome.number] = outcome.id
    return found


def _ray() -> Any:
    try:
        ray: Any = import_module("ray")
        import_module("ray.data")
    except ImportError as error:
        raise MissingExtraError("--engine ray", "ray") from error
    return ray
