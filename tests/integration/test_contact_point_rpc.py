"""The later settings of a contact point over a real socket: what is written reads back, and what is refused."""

from __future__ import annotations

import pytest

from sendout.client import InvalidArgument
from sendout.v1.contact_point_pb2 import (
    CONSENT_POLICY_BLOCK_OPTED_OUT,
    CONSENT_POLICY_REQUIRE_OPT_IN,
    ContactPoint,
)
from tests.integration.test_consent_rpc import Running, running

__all__ = ["running"]

LATER = {
    "consent_policy": CONSENT_POLICY_REQUIRE_OPT_IN,
    "number_messages_per_hour": 5,
    "max_backlog_hours": 12,
    "fallback_carriers": ["spare"],
    "opt_out_reply": "You get no more from us.",
    "opt_in_reply": "Welcome back 🎉",
    "help_reply": "The Garage. Call +1 415 555 0100.",
}
DEFAULTS = {
    "consent_policy": CONSENT_POLICY_BLOCK_OPTED_OUT,
    "number_messages_per_hour": 0,
    "max_backlog_hours": 72,
    "fallback_carriers": [],
    "opt_out_reply": "",
    "opt_in_reply": "",
    "help_reply": "",
}


def later(point: ContactPoint) -> dict[str, object]:
    """These settings, as they came over the wire."""
    return {name: list(point.fallback_carriers) if name == "fallback_carriers" else getattr(point, name)
            for name in LATER}  # fmt: skip


def garage(**settings: object) -> ContactPoint:
    """A contact point as a caller would write it."""
    base = {"contact_point_id": "garage", "label": "Garage", "sender": "+14155550100", "carrier": "simulator"}
    return ContactPoint(**(base | settings))  # type: ignore[arg-type]


async def test_what_is_written_reads_back(running: Running) -> None:
    """Each setting survives create, get and list; one update changes one of them, another brings back the default."""
    admin = running.admin
    assert later((await admin.create_contact_point(garage())).contact_point) == DEFAULTS
    fields = sorted(LATER)
    assert later((await admin.update_contact_point(garage(**LATER), fields=fields)).contact_point) == LATER
    assert later((await admin.get_contact_point("garage")).contact_point) == LATER
    listed = {one.contact_point_id: one async for one in admin.contact_points()}
    assert later(listed["garage"]) == LATER
    for name in fields:
        changed = await admin.update_contact_point(garage(), fields=[name])
        assert later(changed.contact_point) == LATER | {name: DEFAULTS[name]}
        await admin.update_contact_point(garage(**LATER), fields=[name])
    made = await admin.create_contact_point(garage(**LATER, contact_point_id="second"))
    assert later(made.contact_point) == LATER


@pytest.mark.parametrize(
    ("name", "value", "field", "quoted"),
    [
        ("consent_policy", 7, "contact_point.consent_policy", "7"),
        ("number_messages_per_hour", 1_001, "contact_point.number_messages_per_hour", "1001"),
        ("max_backlog_hours", -1, "contact_point.max_backlog_hours", "-1"),
        ("fallback_carriers", ["pigeons"], "contact_point.fallback_carriers[0]", "pigeons"),
        ("opt_out_reply", "STOP", "contact_point.opt_out_reply", "STOP"),
        ("opt_in_reply", "a\u202eb", "contact_point.opt_in_reply", "U+202E"),
        ("help_reply", "x" * 161, "contact_point.help_reply", "161 characters"),
    ],
)
async def test_what_is_refused(running: Running, name: str, value: object, field: str, quoted: str) -> None:
    """A value out of its limits is refused by its field and quoted, in create and in update, and changes nothing."""
    admin = running.admin
    with pytest.raises(InvalidArgument) as created:
        await admin.create_contact_point(garage(**{name: value}))
    await admin.create_contact_point(garage())
    with pytest.raises(InvalidArgument) as updated:
        await admin.update_contact_point(garage(**{name: value}), fields=[name])
    for caught in (created, updated):
        (problem,) = caught.value.violations
        assert problem.field == field
        assert quoted in problem.description
    assert later((await admin.get_contact_point("garage")).contact_point) == DEFAULTS
