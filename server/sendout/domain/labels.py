"""Labels: the names that people give to contact points, roles and keys."""

from __future__ import annotations

from sendout.domain import limits
from sendout.domain.errors import field_invalid


def label_problem(label: str) -> str:
    """What is wrong with a label, in a sentence; empty where nothing is."""
    if not label.strip():
        return "A label is needed."
    if len(label) > limits.MAX_LABEL:
        return f"A label has at most {limits.MAX_LABEL} characters; this one has {len(label)}."
    if not label.isprintable():
        return "A label has no line breaks and no invisible characters."
    return ""


def check_label(field: str, typed: str) -> str:
    """The label without blanks around it; FIELD_INVALID naming `field` where it is none."""
    label = typed.strip()
    if problem := label_problem(label):
        raise field_invalid(field, typed, problem)
    return label
