"""Which types of carriers are installed, and the carriers that the configuration makes of them.

A type is installed by an entry point in the group `sendout.carriers`. The configuration names each carrier and its
type, so two accounts at one provider are two carriers of one type.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from sendout.domain.clock import Clock
from sendout.server.carriers.base import Carrier, CarrierContext, Intake

GROUP = "sendout.carriers"


def installed_types() -> dict[str, EntryPoint]:
    """Installed types of carriers by name; none is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def build_carriers(
    configured: Mapping[str, tuple[str, Mapping[str, Any]]],
    *,
    clock: Clock,
    intake: Intake,
    resources: Mapping[str, Any],
) -> dict[str, Carrier]:
    """The carriers by name, from the type and the settings of each; none is started.

    Raises RuntimeError with a sentence for an unknown type or a wrong setting.
    """
    installed = installed_types()
    for name, (kind, _) in configured.items():
        if kind not in installed:
            choice = f"Installed are: {', '.join(sorted(installed))}." if installed else "None is installed."
            raise RuntimeError(f"Carrier {name!r} is of the unknown type {kind!r}. {choice} Correct its type.")
    return {
        name: _build(installed[kind], CarrierContext(name, settings, clock, intake, resources))
        for name, (kind, settings) in configured.items()
    }


def _build(point: EntryPoint, context: CarrierContext) -> Carrier:
    try:
        carrier: Carrier = point.load()(context)
    except ValidationError as error:
        # Without the values: one of them may be a secret.
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise RuntimeError(f"The settings of carrier {context.name!r} cannot be used. {problems}.") from None
    return carrier
