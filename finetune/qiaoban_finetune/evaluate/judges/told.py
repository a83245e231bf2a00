"""What is known of a judge, in words."""

from __future__ import annotations

from qiaoban_finetune.evaluate.results import Kappa

NO_AGREEMENT = "no human agreement known"


def agreement_told(kappa: Kappa | None) -> str:
    """The agreement of a judge with people, in words."""
    if kappa is None:
        return NO_AGREEMENT
    people = "" if kappa.among_people is None else f"; among people {kappa.among_people:.2f}"
    return (
        f"κ with people {kappa.value:.2f} ({kappa.low:.2f} – {kappa.high:.2f}), "
        f"{kappa.replies} replies, {kappa.raters} raters{people}"
    )
