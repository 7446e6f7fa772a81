"""Composing end to end: personalised texts, smart encoding, quiet hours, caps, consent policy and guards, on phones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.numbers import NumberProblem, number_key
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import State
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.dispatch import claiming, submitting
from sendout.storage.engine import Database
from sendout.storage.ring import connect
from sendout.storage.tables import api_key, audit, consent, contact_point, message, notification, usage
from tests.integration.pipeline import CALLER, GOOD, NUMBER_SECRET, Pipeline, pipeline
from tests.integration.shifted_clock import ShiftedClock

NIGHT = {"start": "22:00", "end": "06:00", "fallback_time_zone": "UTC"}


@pytest.fixture
async def pipe(database: Database, valkey_url: str) -> AsyncIterator[Pipeline]:
    async with pipeline(database, valkey_url) as made:
        made.clock = ShiftedClock()
        yield made


async def configure(pipe: Pipeline, **settings: Any) -> None:
    """Change the contact point."""
    async with pipe.database.write() as connection:
        await connection.execute(update(contact_point).values(**settings))


async def rows(pipe: Pipeline, table: Any) -> list[Any]:
    """Everything in a table."""
    async with pipe.database.read() as connection:
        return list(await connection.execute(select(table)))


async def record(pipe: Pipeline, number: str, *, opted_out: bool) -> None:
    """A word for the contact point."""
    async with pipe.database.write() as connection:
        await connection.execute(
            insert(consent).values(
                number_key=number_key(number, NUMBER_SECRET),
                contact_point_id="main",
                opted_out=opted_out,
                source="RECORDED",
                evidence="",
                principal_id="",
                consent_time=0,
                update_time=0,
            )
        )


def to(number: str, **variables: str) -> NewRecipient:
    return NewRecipient(number, variables=variables)


async def test_everyone_gets_their_own_text(pipe: Pipeline) -> None:
    """A personalised text arrives filled in, in its own encoding, and each message is charged its own segments."""
    recipients = [to(GOOD[0], name="Ann"), to(GOOD[1], name="Зоя"), to(GOOD[2], name="x" * 200)]
    accepted = await pipe.send_command()(CALLER, Header("main", "Dear {{ name }}!", max_segments=2), recipients)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 3})
    assert {m.number: (m.text, m.segments) for m in await pipe.log()} == {
        GOOD[0]: ("Dear Ann!", 1),
        GOOD[1]: ("Dear Зоя!", 1),
        GOOD[2]: (f"Dear {'x' * 200}!", 2),
    }
    assert (accepted.notification["segments"], accepted.notification["encoding"]) == (2, 2)
    assert accepted.notification["text"] == "Dear {{ name }}!"
    assert sorted(row.segments for row in await rows(pipe, usage)) == [1, 1, 2]


async def test_a_recipient_without_a_value_is_named(pipe: Pipeline) -> None:
    """A missing variable is that recipient's problem: the send is refused with all of them, or goes to the others."""
    recipients = [to(GOOD[0], name="Ann"), to(GOOD[1]), to(GOOD[2], Name="Bob")]
    header = Header("main", "Dear {{name}}", request_id="r1")
    with pytest.raises(SendoutError) as caught:
        await pipe.send_command()(CALLER, header, recipients)
    assert caught.value.reason is Reason.VARIABLE_MISSING
    assert [v.field for v in caught.value.violations] == ["recipients[1].variables", "recipients[2].variables"]
    assert "'name'" in caught.value.violations[0].description
    skipping = Header("main", "Dear {{name}}", request_id="r2", skip_invalid=True)
    accepted = await pipe.send_command()(CALLER, skipping, recipients)
    assert [(p.index, p.problem) for p in accepted.skipped] == [
        (1, NumberProblem.VARIABLE_MISSING),
        (2, NumberProblem.VARIABLE_MISSING),
    ]
    again = await pipe.send_command()(CALLER, skipping, recipients)
    assert again.replayed
    assert again.skipped == accepted.skipped


async def test_what_a_variable_makes_too_long_is_refused_with_its_size(pipe: Pipeline) -> None:
    """S28: one recipient whose own text takes more segments than accepted refuses the send and says how many."""
    recipients = [to(GOOD[0], name="Ann"), to(GOOD[1], name="x" * 200), to(GOOD[2], name="я" * 200)]
    with pytest.raises(SendoutError) as caught:
        await pipe.send_command()(CALLER, Header("main", "Dear {{name}}", max_segments=1), recipients)
    assert caught.value.reason is Reason.SEGMENTS_NOT_ACCEPTED
    assert caught.value.metadata == {"encoding": "UCS_2", "segments": "4", "max_segments": "1"}
    assert [v.field for v in caught.value.violations] == ["recipients[1].phone_number", "recipients[2].phone_number"]


async def test_a_request_id_covers_the_variables(pipe: Pipeline) -> None:
    """The same request id with other variables is another request."""
    header = Header("main", "Dear {{name}}", request_id="r1")
    await pipe.send_command()(CALLER, header, [to(GOOD[0], name="Ann")])
    with pytest.raises(SendoutError) as caught:
        await pipe.send_command()(CALLER, header, [to(GOOD[0], name="Bob")])
    assert caught.value.reason is Reason.REQUEST_ID_REUSED


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({f"v{n}": "x" for n in range(21)}, "At most 20"),
        ({"name": "x" * 256}, "256 characters"),
        ({"n" * 64: "x"}, "1 to 63"),
    ],
)
async def test_variables_have_limits(pipe: Pipeline, variables: dict[str, str], problem: str) -> None:
    """A variable beyond the contract's limits is refused by its field, without quoting a long value."""
    with pytest.raises(SendoutError, match=problem) as caught:
        await pipe.send_command()(
            CALLER, Header("main", "Hello"), [to(GOOD[0]), NewRecipient(GOOD[1], None, variables)]
        )
    assert caught.value.reason is Reason.FIELD_INVALID
    assert caught.value.violations[0].field == "recipients[1].variables"


async def test_smart_encoding_is_kept_beside_what_was_given(pipe: Pipeline) -> None:
    """Look-alikes are replaced where that helps: the phone gets the plain text, both texts are kept, and the count."""
    typed = "\u201cHello\u201d \u2013 it\u2019s 5 o\u2019clock\u2026"
    accepted = await pipe.send([GOOD[0]], typed, smart_encoding=True)
    untouched = await pipe.send([GOOD[1]], "Привет \u201cx\u201d", smart_encoding=True)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1})
        await pipe.until(untouched.notification["id"], {"DELIVERED": 1})
    assert [m.text for m in await pipe.log()] == ["\"Hello\" - it's 5 o'clock...", "Привет \u201cx\u201d"]
    kept = {row.id: row for row in await rows(pipe, notification)}
    assert kept[accepted.notification["id"]].given_text == typed
    assert kept[accepted.notification["id"]].replacement_count == 6
    assert kept[untouched.notification["id"]].given_text is None


async def test_quiet_hours_hold_and_release(pipe: Pipeline) -> None:
    """What is sent at night is HELD with its release, in the night no phone rings, and in the morning all do."""
    await configure(pipe, quiet_hours=NIGHT)
    pipe.clock.set(23)
    accepted = await pipe.send([*GOOD[:3], "+14155552671"])
    held = await rows(pipe, message)
    assert [(m.state, m.reason) for m in held[:3]] == [(State.HELD, "QUIET_HOURS")] * 3
    assert [m.state for m in held[3:]] == [State.QUEUED]  # it is afternoon in California
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"HELD": 3, "DELIVERED": 1})
        opening = pipe.clock.set(6)
        assert all(opening <= m.due_time < opening + 600_000_000 for m in held[:3])
        pipe.clock.set(6, 10)
        await pipe.until(accepted.notification["id"], {"DELIVERED": 4})
    early = [m for m in await pipe.log() if m.number in GOOD and m.receive_time < opening]
    assert early == []
    states = [row.state for row in await rows(pipe, message)]
    assert states == [State.DELIVERED] * 4


async def test_the_night_that_comes_while_it_waits_holds_it_too(pipe: Pipeline) -> None:
    """A message that is still queued when quiet hours begin is held at its claim, and leaves after they end."""
    await configure(pipe, quiet_hours=NIGHT)
    pipe.clock.set(21, 59)
    accepted = await pipe.send(GOOD[:5])
    assert accepted.counts == {State.QUEUED: 5}
    pipe.clock.set(23)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"HELD": 5})
        assert await pipe.log() == []
        pipe.clock.set(6, 30)
        await pipe.until(accepted.notification["id"], {"DELIVERED": 5})
    assert (await pipe.counts(accepted.notification["id"])) == {"DELIVERED": 5, "done": True}


async def test_urgent_does_not_wait_for_the_morning(pipe: Pipeline) -> None:
    """URGENT goes out in quiet hours, and the audit trail says that it did."""
    await configure(pipe, quiet_hours=NIGHT)
    pipe.clock.set(23)
    accepted = await pipe.send(GOOD[:2], urgent=True)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 2})
    found = [(row.action, row.object_id) for row in await rows(pipe, audit)]
    identifier = str(accepted.notification["id"])
    assert found == [("SendNotification", identifier), ("BypassQuietHours", identifier)]


async def test_the_daily_cap_holds_until_midnight_in_its_zone(pipe: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight segments under a cap of five, five leave today, also where Redis forgets, and three after midnight."""
    _look_often(monkeypatch)
    await configure(pipe, daily_segment_cap=5, cap_time_zone="America/Los_Angeles")
    pipe.clock.set(20)  # noon in Los Angeles
    accepted = await pipe.send(GOOD[:8])
    async with pipe.dispatcher():
        while [m.reason for m in await rows(pipe, message) if m.reason] != ["DAILY_CAP"] * 3:
            await asyncio.sleep(0.05)
        client = connect(pipe.redis_url)
        await client.flushall()
        await client.aclose()
        pipe.clock.set(23)
        await _settled(pipe)
        await pipe.until(accepted.notification["id"], {"DELIVERED": 5, "QUEUED": 3})
        assert len(await pipe.log()) == 5
        pipe.clock.set(8, 30)  # past midnight there, in winter and in summer
        await pipe.until(accepted.notification["id"], {"DELIVERED": 8})


def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capped contact points rest for a moment only."""
    for module in (claiming, submitting):
        monkeypatch.setattr(module, "CAPPED_S", 0.2)


async def _settled(pipe: Pipeline) -> None:
    """Wait until the dispatcher has been told once more that the day is used up, on a Redis that had forgotten."""
    client = connect(pipe.redis_url)
    while not await client.keys("so:{simulator}:day:main:*"):
        await asyncio.sleep(0.05)
    for _ in range(2):
        before = await client.zscore("so:{simulator}:points", "main")
        while await client.zscore("so:{simulator}:points", "main") == before:
            await asyncio.sleep(0.05)
    await client.aclose()


async def test_half_a_message_is_never_sent(pipe: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one segment left of the day a message of two waits, whole."""
    _look_often(monkeypatch)
    await configure(pipe, daily_segment_cap=3)
    pipe.clock.set(12)
    accepted = await pipe.send(GOOD[:2], "x" * 200)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1, "QUEUED": 1})
        pipe.clock.set(0, 1)
        await pipe.until(accepted.notification["id"], {"DELIVERED": 2})


async def test_refused_tries_do_not_use_up_the_day(pipe: Pipeline) -> None:
    """What a carrier throttled or refused for now is not counted against the cap."""
    await configure(pipe, daily_segment_cap=2)
    numbers = ["+447400100162", "+447400100163"]
    accepted = await pipe.send(numbers)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 2}, seconds=40.0)


async def test_without_an_opt_in_nothing_leaves(pipe: Pipeline) -> None:
    """S11: with REQUIRE_OPT_IN only those who agreed are sent to; the others are reported, also if agreed no more."""
    await configure(pipe, consent_policy="REQUIRE_OPT_IN")
    await record(pipe, GOOD[0], opted_out=False)
    await record(pipe, GOOD[1], opted_out=False)
    accepted = await pipe.send(GOOD[:3])
    assert [(p.index, p.problem) for p in accepted.skipped] == [(2, NumberProblem.NOT_OPTED_IN)]
    async with pipe.database.write() as connection:
        await connection.execute(consent.delete().where(consent.c.number_key == number_key(GOOD[1], NUMBER_SECRET)))
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1, "SUPPRESSED": 1})
    assert [row.reason for row in await rows(pipe, message) if row.state == State.SUPPRESSED] == ["NOT_OPTED_IN"]


async def test_a_number_is_not_bombarded(pipe: Pipeline) -> None:
    """A number that had its messages of the hour is left out and reported, until the hour is over."""
    await configure(pipe, number_messages_per_hour=2)
    for _ in range(2):
        assert (await pipe.send(GOOD[:2])).skipped == []
    third = await pipe.send(GOOD[:3])
    assert [(p.index, p.problem) for p in third.skipped] == [
        (0, NumberProblem.TOO_MANY_MESSAGES),
        (1, NumberProblem.TOO_MANY_MESSAGES),
    ]
    with pytest.raises(SendoutError) as caught:
        await pipe.send(GOOD[:2])
    assert caught.value.reason is Reason.NO_SENDABLE_RECIPIENTS
    pipe.clock.set((pipe.clock.now_us() // 3_600_000_000 + 2) % 24)
    assert (await pipe.send(GOOD[:2])).skipped == []


async def test_a_full_backlog_says_how_long(pipe: Pipeline) -> None:
    """Beyond what leaves in the contact point's hours a send is refused, with the time after which it fits."""
    await configure(pipe, segments_per_second=0.01, max_backlog_hours=1)
    await pipe.send(GOOD[:30])
    with pytest.raises(SendoutError) as caught:
        await pipe.send(GOOD[30:40])
    assert caught.value.reason is Reason.BACKLOG_FULL
    assert caught.value.retry_after == pytest.approx(400.0)
    with pytest.raises(SendoutError) as alone:
        await pipe.send(GOOD[:37])
    assert alone.value.retry_after is None
    assert "alone" in alone.value.message


async def test_a_quota_is_exact_among_many_callers(pipe: Pipeline) -> None:
    """Of 64 sends at once with one key, exactly as many are accepted as its quota has segments for."""
    async with pipe.database.write() as connection:
        await connection.execute(
            insert(api_key).values(
                id="key9",
                principal_id="tester",
                label="k",
                secret_hash=b"h" * 32,
                create_time=0,
                daily_segment_quota=50,
            )
        )
    caller = Caller("tester", "key9", "Tester", frozenset({"everyone"}), frozenset(Permission))
    command = pipe.send_command()

    async def send(number: str) -> str:
        try:
            await command(caller, Header("main", "x" * 200, max_segments=2), [NewRecipient(number)])
        except SendoutError as error:
            return error.reason.value if error.retry_after else "without a time to wait"
        return "accepted"

    outcomes = Counter(await asyncio.gather(*(send(number) for number in GOOD[:64])))
    assert outcomes == {"accepted": 25, "QUOTA_EXCEEDED": 39}
