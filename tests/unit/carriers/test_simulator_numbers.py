"""The magic numbers and settings of the simulator."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sendout.domain.states import FINAL, State
from sendout.server.carriers.base import Capabilities, CarrierContext, OutcomeKind
from sendout.server.carriers.registry import build_carriers, capabilities_of, installed_types
from sendout.server.carriers.simulator import (
    BEHAVIOURS,
    SimulatorCarrier,
    SimulatorSettings,
    Wait,
    behaviour_of,
    numbers_table,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "simulator.md"


class StillClock:
    """A clock for objects that are only built."""

    def now_us(self) -> int:
        return 0

    def monotonic(self) -> float:
        return 0.0

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)


def test_the_documented_table_is_the_real_one() -> None:
    """The documentation's table is the one that the code makes."""
    assert numbers_table() in DOCUMENT.read_text()


def test_the_documented_settings_are_the_real_ones() -> None:
    """Each setting stands in the documentation with its default and its description."""
    text = DOCUMENT.read_text()
    for name, setting in SimulatorSettings.model_fields.items():
        assert f"| `{name}` | {setting.default} | {setting.description} |" in text


def test_every_ending_can_be_had_from_both_reserved_ranges() -> None:
    """Endings lie in 150..199, so +1 415 555 0101..0149 are ordinary and +1 415 555 0150..0199 hold them all."""
    assert all(150 <= int(ending) <= 199 for ending in BEHAVIOURS)
    for index in range(101, 150):
        assert behaviour_of(f"+14155550{index}").ending == "any other"
    for ending in BEHAVIOURS:
        assert behaviour_of(f"+14155550{ending}").ending == ending
        assert behaviour_of(f"+447700900{ending}").ending == ending


@pytest.mark.parametrize(
    ("ending", "answers"),
    [
        ("101", [None, None, None]),
        ("160", [OutcomeKind.NUMBER_REFUSED] * 3),
        ("161", [OutcomeKind.OPTED_OUT] * 3),
        ("162", [OutcomeKind.THROTTLED, OutcomeKind.THROTTLED, None]),
        ("163", [OutcomeKind.REFUSED_FOR_NOW, None, None]),
    ],
)
def test_refusals_by_attempt(ending: str, answers: list[OutcomeKind | None]) -> None:
    """Attempts are counted from 1 and refused as documented."""
    behaviour = behaviour_of(f"+14155550{ending}")
    refusals = [behaviour.refusal_of(attempt) for attempt in (1, 2, 3)]
    assert [refusal and refusal.kind for refusal in refusals] == answers


def test_what_arrives_is_what_is_receipted_as_delivered() -> None:
    """A phone shows a message exactly where its first final receipt is DELIVERED, or where none comes at all."""
    for behaviour in BEHAVIOURS.values():
        if behaviour.refusal and behaviour.refusal_of(1_000_000):
            continue
        finals = [step.state for step in behaviour.receipts if step.state in FINAL]
        assert (behaviour.arrives is not None) == (not finals or finals[0] is State.DELIVERED), behaviour.ending


def test_waits_in_microseconds() -> None:
    """The settings are seconds, the waits microseconds."""
    settings = SimulatorSettings(delivery_delay_s=0.25)
    assert [settings.micros(wait) for wait in Wait] == [0, 250_000, 30_000_000]


def test_the_simulator_is_an_installed_type() -> None:
    """The entry point leads to the carrier."""
    assert installed_types()["simulator"].load() is SimulatorCarrier


def build(kind: str, **settings: object) -> dict[str, object]:
    """Carriers with one entry of this type."""
    built = build_carriers(
        {"main": (kind, settings)},
        clock=StillClock(),
        intake=None,  # type: ignore[arg-type]
        resources={"handsets": None},
    )
    return dict(built)


def test_a_configured_carrier_is_built_under_its_own_name() -> None:
    """The name is the configuration's; the type says what it is."""
    assert isinstance(build("simulator", delivery_delay_s="0.5")["main"], SimulatorCarrier)


def test_capabilities_are_known_without_a_carrier() -> None:
    """The registry answers what each configured carrier does; the simulator reaches no phone and does not split."""
    can = capabilities_of({"main": ("simulator", {})})["main"]
    assert can == Capabilities(splits=False, receipts_per_part=False, replies=True, reaches_phones=False)
    with pytest.raises(RuntimeError, match="'main' cannot be used"):
        capabilities_of({"main": ("simulator", {"nonsense": 1})})


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    """An unknown type fails at start and the sentence lists what is installed."""
    with pytest.raises(RuntimeError, match=r"'main' is of the unknown type 'pigeon'\. Installed are: .*simulator"):
        build("pigeon")


@pytest.mark.parametrize(
    "settings",
    [{"delivery_delay_s": -1}, {"poll_interval_s": 0}, {"late_delay_s": "soon"}, {"answer_delay_s": "inf"}, {"x": 1}],
)
def test_a_wrong_setting_is_refused_by_name_and_never_quoted(settings: dict[str, object]) -> None:
    """A wrong setting fails at start; the sentence names it and leaves out its value, which might be a secret."""
    with pytest.raises(RuntimeError, match=f"{next(iter(settings))}: ") as caught:
        build("simulator", **settings)
    assert "soon" not in str(caught.value)


def test_a_context_without_phones_is_a_fault_of_the_application() -> None:
    """Without its store the simulator cannot be built."""
    with pytest.raises(KeyError, match="handsets"):
        SimulatorCarrier(CarrierContext("simulator", {}, StillClock(), None))  # type: ignore[arg-type]
