"""Composing at the RPC: what the manual asks of a send screen, asked of a running server through the client."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendout.client import AsyncClient, FailedPrecondition, InvalidArgument, ResourceExhausted
from sendout.storage.engine import Database
from sendout.v1 import contact_point_pb2, message_pb2, recipient_pb2
from sendout.v1.error_reason_pb2 import QUOTA_EXCEEDED
from sendout.v1.recipient_pb2 import Recipient
from tests.integration.gateway_site import server
from tests.integration.pipeline import GOOD

GARAGE = (
    "Our Garage had a power outage today and some trucks may be delayed. "
    "Please reply if you require additional information."
)


@pytest.fixture
async def address(database: Database, valkey_url: str) -> AsyncIterator[tuple[str, str]]:
    """Where a server listens, and an administrator's key."""
    with tempfile.TemporaryDirectory(prefix="soc") as folder:
        async with server(database, valkey_url, Path(folder)) as found:
            yield found


@pytest.fixture
async def client(address: tuple[str, str]) -> AsyncIterator[AsyncClient]:
    made = AsyncClient(*address)
    yield made
    await made.close()


async def test_the_manuals_example(client: AsyncClient) -> None:
    """S13: the garage text is one segment without a warning; typographic quotes make it two, and need the tick box."""
    plain = await client.preview([GOOD[0]], GARAGE)
    assert (plain.sendable, plain.segments, plain.acknowledgement_needed) == (True, 1, False)
    assert (plain.characters_used, plain.characters_left) == (119, 41)
    quoted = await client.preview([GOOD[0]], f"\u201c{GARAGE}\u201d")
    assert (quoted.sendable, quoted.segments, quoted.acknowledgement_needed) == (False, 2, True)
    assert list(quoted.ucs2_characters) == ["\u201c", "\u201d"]
    assert quoted.segments_without_ucs2_characters == 1
    assert quoted.smart_encoding.applies
    assert (quoted.smart_encoding.segments_before, quoted.smart_encoding.segments_after) == (2, 1)
    assert "COSTLY_CHARACTER" in [hint.kind for hint in quoted.hints]


async def test_a_long_text_needs_its_warning_acknowledged(client: AsyncClient) -> None:
    """S26-S29: a text over one SMS is refused until so many segments are accepted, or it is shortened."""
    with pytest.raises(FailedPrecondition) as caught:
        await client.send([GOOD[0]], "x" * 161)
    assert caught.value.reason == "SEGMENTS_NOT_ACCEPTED"
    assert caught.value.metadata == {"encoding": "GSM_7", "segments": "2", "max_segments": "1"}
    sent = await client.send([GOOD[0]], "x" * 161, max_segments=2)
    assert sent.notification.segments == 2
    assert (await client.send([GOOD[0]], "x" * 160)).notification.segments == 1


async def test_emoji_where_they_are_enabled(client: AsyncClient) -> None:
    """S24: emoji go out where the contact point allows them; elsewhere they are refused by name."""
    assert (await client.send([GOOD[0]], "Ready 🚗")).notification.encoding == message_pb2.ENCODING_UCS_2
    point = contact_point_pb2.ContactPoint(contact_point_id="main", emoji_enabled=False)
    await client.update_contact_point(point, ["emoji_enabled"])
    with pytest.raises(InvalidArgument) as caught:
        await client.send([GOOD[0]], "Ready 🚗")
    assert caught.value.reason == "EMOJI_NOT_ENABLED"
    assert "🚗" in str(caught.value)


async def test_a_snippet_is_copied(client: AsyncClient) -> None:
    """S25: what was sent with a snippet keeps its text as it was, whatever the snippet says later."""
    made = (await client.create_snippet("delay", "Trucks are delayed.")).snippet
    sent = await client.send([GOOD[0]], made.text)
    await client.update_snippet(made.snippet_id, text="Trucks are on time.")
    kept = await client.get_notification(sent.notification.notification_id)
    assert kept.notification.text == "Trucks are delayed."


async def test_problem_numbers_are_shown_as_typed(client: AsyncClient) -> None:
    """S22, S31: a comma-separated list with blanks is taken; every number that is none comes back as it was typed."""
    with pytest.raises(InvalidArgument) as caught:
        await client.send(f" {GOOD[0]}, , 12345,{GOOD[1]},CALL-ME, ", "Hello")
    assert caught.value.reason == "RECIPIENT_INVALID"
    assert [(v.field, v.description.split(":")[0]) for v in caught.value.violations] == [
        ("recipients[1].phone_number", "'12345'"),
        ("recipients[3].phone_number", "'CALL-ME'"),
    ]
    shown = await client.preview(f"{GOOD[0]}, 12345", "Hello")
    assert [(one.phone_number, one.reason) for one in shown.recipients] == [
        (GOOD[0], recipient_pb2.RECIPIENT_PROBLEM_REASON_UNSPECIFIED),
        ("12345", recipient_pb2.RECIPIENT_PROBLEM_REASON_TOO_SHORT),
    ]


async def test_a_personalised_preview(client: AsyncClient) -> None:
    """A preview names the variables, reads the first text aloud, and says who has no value."""
    people = [Recipient(phone_number=GOOD[0], variables={"name": "Ann"}), Recipient(phone_number=GOOD[1])]
    shown = await client.preview(people, "Dear {{name}}, your car is ready.")
    assert list(shown.variables) == ["name"]
    assert shown.sample_text == "Dear Ann, your car is ready."
    assert shown.problems[0].field == "recipients[1].variables"
    assert shown.recipients[1].reason == recipient_pb2.RECIPIENT_PROBLEM_REASON_VARIABLE_MISSING


async def test_what_quiet_hours_hold_is_told(client: AsyncClient) -> None:
    """A preview and the answer of the send say how many are held, until when, and that URGENT is not."""
    hour = datetime.now(UTC).hour
    number = "+2348031234567"  # Lagos has one zone and no summer time
    lagos = contact_point_pb2.QuietHours(
        start=f"{(hour + 1) % 24:02}:00", end=f"{(hour + 4) % 24:02}:00", fallback_time_zone="UTC"
    )
    await client.update_contact_point(
        contact_point_pb2.ContactPoint(contact_point_id="main", quiet_hours=lagos), ["quiet_hours"]
    )
    shown = await client.preview([number], "Hello")
    assert shown.held_count == 1
    opening = shown.recipients[0].held_until.ToDatetime(UTC)
    assert timedelta(0) < opening - datetime.now(UTC) <= timedelta(hours=3, minutes=10)
    assert shown.estimated_finish_time.ToDatetime(UTC) >= opening
    sent = await client.send([number], "Hello")
    assert [(c.state, c.count) for c in sent.notification.progress.counts] == [(message_pb2.MESSAGE_STATE_HELD, 1)]
    assert sent.notification.progress.next_release_time.ToDatetime(UTC) == opening
    (held,) = [message async for message in client.messages(sent.notification.notification_id)]
    assert (held.reason_code, held.due_time.ToDatetime(UTC)) == ("QUIET_HOURS", opening)
    assert (await client.preview([number], "Hello", urgent=True)).held_count == 0


async def test_a_key_with_a_quota(client: AsyncClient, address: tuple[str, str]) -> None:
    """A key sends as many segments a day as it may; then it is told that, and by the preview before."""
    made = await client.create_api_key("Billing", role_ids=["agents"], daily_segment_quota=2)
    assert made.api_key.daily_segment_quota == 2
    limited = AsyncClient(address[0], made.secret)
    assert (await limited.send(GOOD[:2], "Hello")).accepted_count == 2
    assert [problem.reason for problem in (await limited.preview(GOOD[:1], "Hello")).problems] == [QUOTA_EXCEEDED]
    with pytest.raises(ResourceExhausted) as caught:
        await limited.send(GOOD[:1], "Hello")
    assert caught.value.reason == "QUOTA_EXCEEDED"
    assert caught.value.retry_after is not None
    await limited.close()
