"""What a label says of a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from qiaoban_guards.batch.measure import Truth
from qiaoban_guards.documents import Frozen, load
from qiaoban_guards.harms import Harm

KINDS = tuple(str(harm) for harm in Harm)


class _Names(Frozen):
    safe: tuple[str, ...]
    unsafe: tuple[str, ...]
    kinds: Mapping[Harm, tuple[str, ...]]


def read_label(label: object) -> Truth | None:
    """What a label says, None if it is not known.

    Known are the kinds of harm, the names in `labels.yaml`, and true and false: true says harmful,
    as it says dangerous of a message.
    """
    if isinstance(label, bool):
        return Truth(label)
    if not isinstance(label, str):
        return None
    return known_labels().get(re.sub(r"[\s_-]+", "_", label.strip().lower()))


@lru_cache(maxsize=1)
def known_labels() -> Mapping[str, Truth]:
    """Every label that is known, with what it says."""
    names = load(files("qiaoban_guards") / "output" / "labels.yaml", _Names)
    return {
        **{name: Truth(flagged=False) for name in names.safe},
        **{name: Truth(flagged=True) for name in names.unsafe},
        **{
            name: Truth(flagged=True, kind=str(harm))
            for harm in Harm
            for name in (str(harm), *names.kinds.get(harm, ()))
        },
    }
