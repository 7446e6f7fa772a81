"""Which types of carriers are installed, and the carriers that the configuration makes of them.

A type is installed by an entry point in the group `sendout.carriers`. The configuration names each carrier and its
type, so two accounts at one provider are two carriers of one type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from sendout.domain.clock import Clock
from sendout.server.carriers.base import Capabilities, Carrier, CarrierContext, Intake

GROUP = "sendout.carriers"


def installed_types() -> dict[str, EntryPoint]:
    """Installed types of carriers by name; none is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


Configured = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Per name of a carrier its type and its settings."""


def capabilities_of(configured: Configured) -> dict[str, Capabilities]:
    """What each of these carriers does; none is built. Raises as `build_carriers` does."""
    types = _types(configured)
    found = {}
    for name, (_, settings) in configured.items():
        with _settings_refused(name):
            found[name] = types[name].capabilities(settings)
    return found


def build_carriers(
    configured: Configured, *, clock: Clock, intake: Intake, resources: Mapping[str, Any]
) -> dict[str, Carrier]:
    """The carriers by name, from the type and the settings of each; none is started.

    Raises RuntimeError with a sentence for an unknown type or a wrong setting.
    """
    types = _types(configured)
    built = {}
    for name, (_, settings) in configured.items():
        with _settings_refused(name):
            built[name] = types[name](CarrierContext(name, settings, clock, intake, resources))
    return built


def _types(configured: Configured) -> dict[str, Any]:
    installed = installed_types()
    for name, (kind, _) in configured.items():
        if kind not in installed:
            choice = f"Installed are: {', '.join(sorted(installed))}." if installed else "None is installed."
            raise RuntimeError(f"Carrier {name!r} is of the unknown type {kind!r}. {choice} Correct its type.")
    return {name: installed[kind].load() for name, (kind, _) in configured.items()}


@contextmanager
def _settings_refused(name: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        # Without the values: one of them may be a secret.
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise RuntimeError(f"The settings of carrier {name!r} cannot be used. {problems}.") from None
