"""Consent on both databases: words and their scopes, what waits is suppressed at once, and nobody is sent to again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from sendout.domain.clock import SystemClock
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.numbers import NumberProblem, number_key
from sendout.domain.permissions import Permission
from sendout.server.commands.consents import Consents, GivenConsent, Numbers, Stops
from sendout.server.config_sections import RetentionSettings
from sendout.server.retention import Retention
from sendout.storage import consents as store
from sendout.storage import notifications
from sendout.storage.consents import Consent, Source
from sendout.storage.engine import Database
from sendout.storage.ring import Asked, Rate, Rings, connect
from sendout.storage.tables import audit, event, event_head, message
from tests.conftest import FakeClock, Valkey
from tests.integration.pipeline import (
    CALLER,
    GOOD,
    NUMBER_SECRET,
    Pipeline,
    add_contact_point,
    add_principal,
    pipeline,
    plain_numbers,
)
from tests.integration.seed import DAY, caller, refusal

AGENT = caller()
ACCOUNTS = frozenset({"simulator", "other"})
READING = Numbers(NUMBER_SECRET, frozenset({"simulator"}))


@pytest.fixture
async def pipe(database: Database, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pipeline]:
    monkeypatch.setattr("sendout.storage.ring.OFFER_S", 10.0)  # on a busy machine Redis is slow and not away
    async with pipeline(database, valkey_url) as made:
        await add_contact_point(database, "garage")
        yield made


@pytest.fixture
def consents(pipe: Pipeline) -> Consents:
    return Consents(pipe.database, pipe.clock, READING, Stops(pipe.rings, ACCOUNTS))


def word(number: str, state: str = "OPTED_OUT", point: str = "main", **more: Any) -> GivenConsent:
    """A word as a caller gives it; for the organisation where `point` is empty."""
    return GivenConsent(number, "CONTACT_POINT" if point else "ORGANISATION", point, state, **more)


def key(number: str) -> bytes:
    return number_key(number, NUMBER_SECRET)


async def audited(database: Database) -> list[tuple[str, str]]:
    """(action, object) of every entry, in order."""
    async with database.read() as connection:
        rows = await connection.execute(select(audit.c.action, audit.c.object_id).order_by(audit.c.id))
        return [(row.action, row.object_id) for row in rows]


async def test_a_word_is_kept_without_its_number(pipe: Pipeline, consents: Consents) -> None:
    """What is kept of a number, in the words and in the audit trail, is a keyed hash; the answer says it in E.164."""
    e164, standing = await consents.record(CALLER, word("(415) 555-0101", evidence="By phone\non Monday"))
    assert e164 == "+14155550101"
    assert standing == Consent(
        key("+14155550101"),
        *("main", True, Source.RECORDED, "By phone\non Monday", "tester", standing.consent_time, standing.update_time),
    )
    looked = await consents.get(AGENT, "+1 415 555 0101", "main")
    assert (looked.words, looked.sendable) == ([standing], False)
    assert await audited(pipe.database) == [("RecordConsent", f"main#{key(e164)[:5].hex()}")]


async def test_a_newer_word_replaces_and_an_older_one_does_not(pipe: Pipeline, consents: Consents) -> None:
    """The latest word by the time it was given holds, in whatever order words are recorded."""
    await consents.record(CALLER, word(GOOD[0], "OPTED_OUT", consent_time=2_000_000))
    _, standing = await consents.record(CALLER, word(GOOD[0], "OPTED_IN", consent_time=1_000_000))
    assert (standing.opted_out, standing.consent_time) == (True, 2_000_000)
    _, standing = await consents.record(CALLER, word(GOOD[0], "OPTED_IN", consent_time=2_000_000))
    assert not standing.opted_out
    _, standing = await consents.record(CALLER, word(GOOD[0], "OPTED_OUT"))
    assert standing.opted_out
    assert len(await audited(pipe.database)) == 3  # the older word changed nothing


async def test_the_same_word_twice_is_one_word(pipe: Pipeline, consents: Consents) -> None:
    """A repeat changes nothing, and leaves no second entry in the audit trail."""
    said = word(GOOD[0], consent_time=1_000_000, evidence="letter")
    first = await consents.record(CALLER, said)
    await asyncio.sleep(0.002)  # so that a second recording would show
    assert await consents.record(CALLER, said) == first
    assert len(await audited(pipe.database)) == 1
    _, corrected = await consents.record(CALLER, replace(said, evidence="letter of 3 March"))
    assert corrected.evidence == "letter of 3 March"


async def test_a_time_ahead_of_ours_counts_as_now(pipe: Pipeline, consents: Consents) -> None:
    """A caller's clock that runs ahead cannot outdo what the recipient says next; a time far ahead is refused."""
    _, standing = await consents.record(
        CALLER, word(GOOD[0], "OPTED_IN", consent_time=pipe.clock.now_us() + 60_000_000)
    )
    assert standing.consent_time == standing.update_time
    with pytest.raises(SendoutError) as caught:
        await consents.record(CALLER, word(GOOD[0], consent_time=pipe.clock.now_us() + 3_600_000_000))
    assert caught.value.violations[0].field == "consent.consent_time"


async def test_scopes(pipe: Pipeline, consents: Consents) -> None:
    """A contact point's word holds for it alone, the organisation's for all; lookups give the narrower first."""
    await add_contact_point(pipe.database, "strict", consent_policy="REQUIRE_OPT_IN")
    await consents.record(CALLER, word(GOOD[0], "OPTED_IN", ""))
    await consents.record(CALLER, word(GOOD[0], "OPTED_OUT", "main"))
    main = await consents.get(AGENT, GOOD[0], "main")
    assert [(one.contact_point_id, one.opted_out) for one in main.words] == [("main", True), ("", False)]
    assert not main.sendable
    assert (await consents.get(AGENT, GOOD[0], "garage")).sendable
    assert (await consents.get(AGENT, GOOD[0], "strict")).sendable
    assert [one.contact_point_id for one in (await consents.get(AGENT, GOOD[0], "")).words] == [""]
    await consents.record(CALLER, word(GOOD[0], "OPTED_OUT", ""))
    assert not (await consents.get(AGENT, GOOD[0], "garage")).sendable
    with pytest.raises(SendoutError) as caught:
        await consents.get(AGENT, GOOD[1], "strict")
    assert refusal(caught) is Reason.CONSENT_NOT_FOUND
    assert "may not be sent to" in caught.value.message


@pytest.mark.parametrize(
    ("given", "reason", "field"),
    [
        (word("12"), Reason.RECIPIENT_INVALID, "consent.phone_number"),
        (word(GOOD[0], "UNSPECIFIED"), Reason.FIELD_INVALID, "consent.state"),
        (replace(word(GOOD[0]), scope="7"), Reason.FIELD_INVALID, "consent.scope"),
        (replace(word(GOOD[0]), scope="ORGANISATION"), Reason.FIELD_INVALID, "consent.contact_point_id"),
        (replace(word(GOOD[0]), contact_point_id=""), Reason.FIELD_INVALID, "consent.contact_point_id"),
        (word(GOOD[0], evidence="x" * 1_001), Reason.FIELD_INVALID, "consent.evidence"),
        (word(GOOD[0], evidence="a\x00b"), Reason.FIELD_INVALID, "consent.evidence"),
        (word(GOOD[0], time_problem="No such time."), Reason.FIELD_INVALID, "consent.consent_time"),
    ],
)
async def test_what_is_no_word(consents: Consents, given: GivenConsent, reason: Reason, field: str) -> None:
    """A bad word is refused with the field at fault; a number is quoted as typed, evidence never."""
    with pytest.raises(SendoutError) as caught:
        await consents.record(CALLER, given)
    assert (refusal(caught), caught.value.violations[0].field) == (reason, field)
    assert "xxx" not in str(caught.value.violations)
    if reason is Reason.RECIPIENT_INVALID:
        assert "'12'" in caught.value.violations[0].description


async def test_an_unknown_contact_point_is_refused(consents: Consents) -> None:
    """Nobody's word is recorded for a contact point that is not there."""
    with pytest.raises(SendoutError) as caught:
        await consents.record(CALLER, word(GOOD[0], point="nowhere"))
    assert refusal(caught) is Reason.CONTACT_POINT_NOT_FOUND
    with pytest.raises(SendoutError) as caught:
        await consents.list_page(CALLER, 10, None, "nowhere", "")
    assert refusal(caught) is Reason.CONTACT_POINT_NOT_FOUND


async def test_who_may(pipe: Pipeline, consents: Consents) -> None:
    """Recording and listing need ADMINISTER; a lookup needs a contact point that the caller may use."""
    with pytest.raises(SendoutError) as caught:
        await consents.record(AGENT, word(GOOD[0]))
    assert refusal(caught) is Reason.ROLE_REQUIRED
    with pytest.raises(SendoutError) as caught:
        await consents.list_page(AGENT, 10, None, "", "")
    assert refusal(caught) is Reason.ROLE_REQUIRED
    await consents.record(CALLER, word(GOOD[0]))
    stranger = caller(Permission.VIEW_HISTORY, principal_id="stranger")  # who is on no list: no such principal
    with pytest.raises(SendoutError) as caught:
        await consents.get(stranger, GOOD[0], "main")
    assert refusal(caught) is Reason.CONTACT_POINT_NOT_FOUND


async def test_an_opt_out_ends_what_waits(pipe: Pipeline, consents: Consents) -> None:
    """I7: QUEUED and HELD messages of the number become SUPPRESSED with the word; counts, tallies, events say so."""
    queued = (await pipe.send(GOOD[:3])).notification["id"]
    later = pipe.clock.now_us() + 3_600_000_000
    held = (await pipe.send(GOOD[1:4], send_time=later)).notification["id"]
    elsewhere = (await pipe.send(GOOD[1:2], contact_point_id="garage")).notification["id"]
    await consents.record(CALLER, word(GOOD[1]))
    assert await pipe.states_by_index(queued) == ["QUEUED", "SUPPRESSED", "QUEUED"]
    assert await pipe.states_by_index(held) == ["SUPPRESSED", "HELD", "HELD"]
    assert await pipe.states_by_index(elsewhere) == ["QUEUED"]
    assert await pipe.counts(queued) == {"QUEUED": 2, "SUPPRESSED": 1, "done": False}
    assert await pipe.counts(held) == {"HELD": 2, "SUPPRESSED": 1, "done": False}
    assert await pipe.tally("default") == {"accepted": 7, "other": 2}
    async with pipe.database.read() as connection:
        rows = (await connection.execute(select(event).where(event.c.reason == "OPTED_OUT"))).all()
        positions = (await connection.execute(select(event.c.position).order_by(event.c.position))).scalars().all()
        head = (await connection.execute(select(event_head.c.position))).scalar_one()
    assert {(row.notification_id, row.first, row.last) for row in rows} == {(queued, 1, 1), (held, 0, 0)}
    assert list(positions) == list(range(1, head + 1))


async def test_an_opt_out_of_the_organisation_ends_everything(pipe: Pipeline, consents: Consents) -> None:
    """I7: with the scope ORGANISATION what waits at any contact point is suppressed; the last one ends its count."""
    sent = [(await pipe.send(GOOD[:1], contact_point_id=point)).notification["id"] for point in ("main", "garage")]
    await consents.record(CALLER, word(GOOD[0], point=""))
    for identifier in sent:
        assert await pipe.counts(identifier) == {"SUPPRESSED": 1, "done": True}


async def test_other_words_end_nothing(pipe: Pipeline, consents: Consents) -> None:
    """An opt-in, and an opt-out that is older than the opt-in on record, leave what waits where it is."""
    sent = (await pipe.send(GOOD[:1])).notification["id"]
    await consents.record(CALLER, word(GOOD[0], "OPTED_IN", consent_time=2_000_000))
    await consents.record(CALLER, word(GOOD[0], "OPTED_OUT", consent_time=1_000_000))
    assert await pipe.states_by_index(sent) == ["QUEUED"]
    assert await pipe.stopped() == []


async def test_an_accept_at_the_same_time_is_caught_by_its_claim(
    pipe: Pipeline, consents: Consents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I7: a send that looked at consent before the opt-out and commits after it sends nothing to that number."""
    looked, go_on = asyncio.Event(), asyncio.Event()
    book_accept = notifications.book_accept

    async def held_up(*args: Any) -> None:
        looked.set()
        await go_on.wait()
        await book_accept(*args)

    monkeypatch.setattr(notifications, "book_accept", held_up)
    sending = asyncio.create_task(pipe.send(GOOD[:2]))
    await looked.wait()
    recording = asyncio.create_task(consents.record(CALLER, word(GOOD[0])))
    await asyncio.wait([recording], timeout=0.3)  # on SQLite it waits for the send, on PostgreSQL it does not
    go_on.set()
    accepted = await sending
    await recording
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"SUPPRESSED": 1, "DELIVERED": 1})
    assert [row.number for row in await pipe.log()] == [GOOD[1]]


async def test_opt_outs_beside_claims_leave_true_counts(pipe: Pipeline, consents: Consents) -> None:
    """I4, I7: while a dispatcher claims, each message is either sent or suppressed, once, and counted so."""
    numbers = plain_numbers(200)
    accepted = await pipe.send(numbers)
    identifier = accepted.notification["id"]
    async with pipe.dispatcher():
        for number in reversed(numbers[::4]):
            await consents.record(CALLER, word(number))
        async with asyncio.timeout(20):
            while not (await pipe.counts(identifier))["done"]:
                await asyncio.sleep(0.02)
    states = await pipe.states(identifier)
    assert set(states) <= {"DELIVERED", "SUPPRESSED"}
    assert await pipe.counts(identifier) == {**states, "done": True}
    assert len(await pipe.log()) == states["DELIVERED"]
    tally = await pipe.tally("default")
    assert (tally["accepted"], tally["delivered"], tally.get("other", 0)) == (
        *(200, states["DELIVERED"], states["SUPPRESSED"]),
    )


async def test_permits_are_told(pipe: Pipeline, consents: Consents) -> None:
    """An opt-out stands in the stop set of its carrier, or of all carriers for the organisation; an opt-in ends it."""
    await consents.record(CALLER, word(GOOD[0]))
    await consents.record(CALLER, word(GOOD[1], point=""))
    mine, everywhere = f"main|{key(GOOD[0]).hex()}", f"|{key(GOOD[1]).hex()}"
    assert await pipe.stopped() == sorted([mine, everywhere])
    assert await pipe.stopped("other") == [everywhere]
    await consents.record(CALLER, word(GOOD[0], "OPTED_IN"))
    await consents.record(CALLER, word(GOOD[1], "OPTED_IN", ""))
    assert await pipe.stopped() == await pipe.stopped("other") == []


async def test_who_opted_out_gets_no_permit(pipe: Pipeline) -> None:
    """I7: a message that was claimed before the opt-out gets no permit, by either scope; the others do."""
    ring = pipe.rings.of("simulator")
    epoch, _ = await ring.open("m")
    await ring.stop("main", [key(GOOD[0])])
    await ring.stop("", [key(GOOD[1])])
    await ring.stop("garage", [key(GOOD[2])])
    asked = [Asked(f"m{n}", 1, key(GOOD[n])) for n in range(4)]
    permits = await ring.permit(epoch, 1, "main", Rate(100.0, 1), None, asked, grace=0.05, horizon=5.0)
    assert [wait is None for wait in permits.waits] == [True, True, False, False]


async def test_the_stop_set_forgets(pipe: Pipeline) -> None:
    """A stop is kept for an hour by Redis' own clock; what is over is dropped by the next one."""
    client = connect(pipe.redis_url)
    await client.zadd("so:{simulator}:stop", {"main|00": 1})
    assert await pipe.rings.stop("simulator", "main", b"\x01" * 16)
    ((member, score),) = await client.zrange("so:{simulator}:stop", 0, -1, withscores=True)
    seconds, _ = await client.time()
    assert member == f"main|{'01' * 16}"
    assert 3_590 < score / 1e6 - seconds < 3_610
    await client.aclose()


async def test_without_redis_nothing_fails(database: Database, own_valkey: Valkey) -> None:
    """Redis dead or frozen: words are recorded and what waits is suppressed all the same."""
    await add_principal(database)
    await add_contact_point(database)
    rings = Rings(connect(own_valkey.url))
    consents = Consents(database, SystemClock(), READING, Stops(rings, ACCOUNTS))
    own_valkey.freeze()
    await consents.record(CALLER, word(GOOD[0], point=""))
    own_valkey.thaw()
    own_valkey.kill()
    await consents.record(CALLER, word(GOOD[0], "OPTED_IN", ""))
    assert not await rings.stop("simulator", "main", key(GOOD[0]))
    assert (await consents.get(CALLER, GOOD[0], "")).sendable
    await rings.close()
    await own_valkey.start()


async def test_pages_are_stable(pipe: Pipeline, consents: Consents) -> None:
    """Newest first; words that come in between pages neither repeat nor hide what was there."""
    numbers = plain_numbers(7)
    for number in numbers:
        await consents.record(CALLER, word(number, "OPTED_OUT" if number != numbers[3] else "OPTED_IN"))
    seen: list[bytes] = []
    after = None
    while page := await consents.list_page(CALLER, 2, after, "main", ""):
        seen += [one.number_key for one in page]
        after = store.place(page[-1])
        await consents.record(CALLER, word(plain_numbers(1, 100 + len(seen))[0]))
    assert seen == [key(number) for number in reversed(numbers)]
    assert [one.number_key for one in await consents.list_page(CALLER, 9, None, "", "OPTED_IN")] == [key(numbers[3])]
    assert await consents.list_page(CALLER, 9, None, "garage", "") == []
    with pytest.raises(SendoutError) as caught:
        await consents.list_page(CALLER, 9, None, "", "7")
    assert caught.value.violations[0].field == "state"


async def test_words_recorded_at_once_are_listed_once(database: Database) -> None:
    """Words with one and the same time, as an import leaves them, are paged by key without repeats."""
    words = [Consent(bytes([n]) * 16, "main", True, Source.IMPORTED, "", "", 0, 5) for n in range(50)]
    async with database.write() as connection:
        assert len((await store.record(connection, words)).changed) == 50
    seen: list[bytes] = []
    after = None
    async with database.read() as connection:
        while page := await store.list_page(connection, 7, after):
            seen += [one.number_key for one in page]
            after = store.place(page[-1])
    assert seen == [one.number_key for one in reversed(words)]


async def test_an_opt_out_outlives_the_number(pipe: Pipeline, consents: Consents) -> None:
    """S11: once retention has erased the number, a send to it is still refused."""
    sent = (await pipe.send(GOOD[:1])).notification["id"]
    await consents.record(CALLER, word(GOOD[0]))
    clock = FakeClock(pipe.clock.now_us() + 10 * DAY)
    forget = RetentionSettings(text_days=0, number_days=1, message_days=0, event_days=0, receipt_days=0, audit_days=0)
    done: Counter[str] = Counter()
    async for step in Retention(pipe.database, clock, forget).run():
        done[step.what] += step.rows
    async with pipe.database.read() as connection:
        rows = await connection.execute(select(message.c.number).where(message.c.notification_id == sent))
        assert rows.scalars().all() == [None]
        assert (await connection.execute(select(func.count()).select_from(store.consent))).scalar_one() == 1
    with pytest.raises(SendoutError) as caught:
        await pipe.send(GOOD[:1])
    assert refusal(caught) is Reason.NO_SENDABLE_RECIPIENTS
    assert "1 opted out" in str(caught.value)
    again = await pipe.send(GOOD[:2])
    assert [(skipped.typed, skipped.problem) for skipped in again.skipped] == [(GOOD[0], NumberProblem.OPTED_OUT)]


async def test_one_statement_takes_many(database: Database) -> None:
    """More words than fit into one statement are kept, and only those that changed are answered."""
    words: Sequence[Consent] = [
        Consent(n.to_bytes(16, "big"), "main", n % 2 == 0, Source.IMPORTED, "", "", 10, 10) for n in range(7_001)
    ]
    async with database.write() as connection:
        assert len((await store.record(connection, words)).changed) == 7_001
        again = [replace(one, consent_time=10 + (n == 3), update_time=11) for n, one in enumerate(words)]
        assert (await store.record(connection, again)).changed == {("main", words[3].number_key)}
