"""What a label says of a reply."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import pytest
import yaml

from qiaoban_guards.batch.measure import Truth
from qiaoban_guards.harms import Harm
from qiaoban_guards.output.labels import KINDS, known_labels, read_label


@pytest.mark.parametrize("harm", list(Harm))
def test_every_kind_of_harm_is_a_label(harm: Harm) -> None:
    assert read_label(str(harm)) == Truth(flagged=True, kind=harm)
    assert read_label(str(harm).replace("_", " ").title()) == Truth(flagged=True, kind=harm)
    assert str(harm) in KINDS


@pytest.mark.parametrize(
    ("label", "truth"),
    [
        (True, Truth(flagged=True)),
        ("true", Truth(flagged=True)),
        (False, Truth(flagged=False)),
        ("False", Truth(flagged=False)),
        (" SAFE ", Truth(flagged=False)),
        ("unsafe", Truth(flagged=True)),
        ("victim_blame", Truth(flagged=True, kind="victim_blaming")),
        ("human claim", Truth(flagged=True, kind="identity_claim")),
        ("relative-claim", Truth(flagged=True, kind="identity_claim")),
        ("self_harm_methods", Truth(flagged=True, kind="methods")),
        ("medication", Truth(flagged=True, kind="diagnosis")),
        ("something", None),
        ("", None),
        (None, None),
        (1, None),
        (0.0, None),
    ],
)
def test_labels_are_read_or_unknown(label: object, truth: Truth | None) -> None:
    assert read_label(label) == truth


def test_no_name_means_two_things_and_each_is_written_as_it_is_looked_up() -> None:
    text = (files("qiaoban_guards") / "output" / "labels.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    names = [*table["safe"], *table["unsafe"], *KINDS]
    names += [name for kind in table["kinds"].values() for name in kind]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert set(names) == set(known_labels())
    assert all(read_label(name) is not None for name in names)
