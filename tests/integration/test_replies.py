"""What becomes of replies on both databases: keywords, answers, parts, conversations, and the events of them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from sendout.domain.keywords import Keyword
from sendout.domain.numbers import number_key
from sendout.domain.replies import Purpose, answer_text
from sendout.server.carriers.base import Reply
from sendout.server.config import load_settings
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import PARTS_WITHIN_S, Replies
from sendout.server.telemetry import setup
from sendout.storage import replies as store
from sendout.storage.consents import words_of
from sendout.storage.engine import Database
from sendout.storage.tables import consent, contact_point, conversation, event, inbound, message, notification
from tests.integration.event_writing import Streams, positions, streams
from tests.integration.pipeline import GOOD, NUMBER_SECRET, Pipeline, add_contact_point, pipeline, plain_numbers

SENDER = "+14155550001"
MINUTE = 60.0


class Rig:
    """A pipeline whose replies come in at a clock of their own."""

    def __init__(self, pipe: Pipeline, clock: Any) -> None:
        self.pipe, self.clock, self.database = pipe, clock, pipe.database
        self._telemetry = setup("test", load_settings())
        measures = Measures(self._telemetry, "simulator")
        self.replies = Replies(pipe.database, clock, pipe.rings, NUMBER_SECRET, measures)
        self._count = 0

    def close(self) -> None:
        self._telemetry.shutdown()

    async def write(self, text: str, number: str = GOOD[0], sender: str = SENDER, **more: Any) -> None:
        """A person writes."""
        self._count += 1
        await self.replies.take("simulator", [Reply(f"r{self._count}", number, sender, text, **more)])

    async def answers(self) -> list[str]:
        """Texts that the server answered by itself, in order."""
        automatic = notification.c.purpose.in_([Purpose.ANSWER, Purpose.LAST_WORD])
        async with self.database.read() as connection:
            rows = await connection.execute(select(notification.c.text).where(automatic).order_by(notification.c.id))
            return [str(text) for text in rows.scalars()]

    async def opted_out(self, number: str = GOOD[0]) -> bool | None:
        """The word on record at `main`."""
        async with self.database.read() as connection:
            words = await words_of(connection, "main", number_key(number, NUMBER_SECRET))
        return words[0].opted_out if words else None

    async def conversations(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(select(conversation).order_by(conversation.c.id)))

    async def kinds(self) -> list[int]:
        """Events that are no change of state, in order."""
        async with self.database.read() as connection:
            rows = await connection.execute(select(event.c.kind).where(event.c.kind > 0).order_by(event.c.position))
            return list(rows.scalars())

    async def sent(self, number: str = GOOD[0], **header: Any) -> Any:
        """A notification that the number got."""
        accepted = await self.pipe.send([number], **header)
        async with self.database.write() as connection:
            of = message.c.notification_id == accepted.notification["id"]
            await connection.execute(update(message).where(of).values(sent_time=1))
        return accepted.notification["id"]


@pytest.fixture
async def rig(database: Database, valkey_url: str, clock: Any) -> AsyncIterator[Rig]:
    async with pipeline(database, valkey_url) as pipe:
        made = Rig(pipe, clock)
        yield made
        made.close()


async def test_a_notification_alone_opens_no_conversation(rig: Rig) -> None:
    """S9: sending opens no conversation and tells of no reply."""
    await rig.sent()
    assert (await rig.conversations(), await rig.kinds()) == ([], [])


async def test_a_reply_opens_a_conversation_on_what_was_sent_last(rig: Rig) -> None:
    """S10: it names notification, message and recipient; a second reply continues it, and is told too."""
    await rig.sent()
    last = await rig.sent()
    await rig.write("Which door?")
    await rig.write("I mean the red one.")
    (only,) = await rig.conversations()
    assert (only.number, only.notification_id, only.message_index, only.entry_count) == (GOOD[0], last, 0, 2)
    assert await rig.kinds() == [1, 1]


async def test_what_never_arrived_is_not_replied_to(rig: Rig) -> None:
    """A conversation names no notification that is still queued; without one it begins all the same."""
    await rig.pipe.send([GOOD[0]])
    await rig.write("Hello?")
    (only,) = await rig.conversations()
    assert (only.notification_id, only.message_index) == (None, None)


async def test_after_closing_a_new_one_opens(rig: Rig) -> None:
    """A closed conversation is not opened again: the next reply begins another."""
    await rig.write("One")
    async with rig.database.write() as connection:
        await connection.execute(update(conversation).values(open=False))
    await rig.write("Two")
    assert [row.open for row in await rig.conversations()] == [False, True]


@pytest.mark.parametrize("text", ["STOP", "stop.", " Stop! ", '"stop"', "STOP ALL", "opt-out", "END", "Arrêt", "QUIT"])
async def test_every_spelling_of_stop(rig: Rig, text: str) -> None:
    """STOP is recorded, confirmed once, told once, and opens no conversation."""
    await rig.sent()
    await rig.write(text)
    await rig.write(text)
    assert await rig.opted_out() is True
    assert await rig.answers() == [answer_text(Keyword.OPT_OUT, "Main", "")]
    assert await rig.kinds() == [2, 1]
    assert await rig.conversations() == []


@pytest.mark.parametrize("text", ["Stop. Thank you", "please stop texting me", "Don't stop now", "the end"])
async def test_what_sounds_like_stop_is_for_a_person(rig: Rig, text: str) -> None:
    """A soft match changes nothing by itself: it is a conversation that asks to be looked at."""
    await rig.write(text)
    (only,) = await rig.conversations()
    assert only.review
    assert (await rig.opted_out(), await rig.answers()) == (None, [])


async def test_start_takes_it_back_and_start_alone_is_silent(rig: Rig) -> None:
    """START after STOP opts in again and is confirmed; START from someone not opted out changes nothing."""
    await rig.write("START")
    assert (await rig.opted_out(), await rig.answers()) == (None, [])
    await rig.write("STOP")
    rig.clock.advance(2 * MINUTE)
    await rig.write("start")
    assert await rig.opted_out() is False
    assert await rig.answers() == [answer_text(one, "Main", "") for one in (Keyword.OPT_OUT, Keyword.OPT_IN)]
    assert await rig.kinds() == [1, 2, 3]


async def test_yes_opts_in_only_who_opted_out(rig: Rig) -> None:
    """YES is an ordinary reply, but after STOP it opts in."""
    await rig.write("YES")
    assert len(await rig.conversations()) == 1
    await rig.write("STOP")
    await rig.write("YES")
    assert await rig.opted_out() is False
    assert len(await rig.conversations()) == 1


async def test_a_start_is_not_confirmed_to_who_left_the_organisation(rig: Rig) -> None:
    """Who opted out of everything is promised nothing by a START at one contact point."""
    await rig.write("STOP")
    rig.clock.advance(2 * MINUTE)
    async with rig.database.write() as connection:
        values = {"source": "RECORDED", "evidence": "", "principal_id": "tester", "consent_time": 1, "update_time": 1}
        key = number_key(GOOD[0], NUMBER_SECRET)
        await connection.execute(insert(consent).values(number_key=key, contact_point_id="", opted_out=True, **values))
    await rig.write("START")
    assert len(await rig.answers()) == 1


async def test_help_is_answered_once_also_while_opted_out(rig: Rig) -> None:
    """HELP gets one answer, and whoever opted out stays so; own words go before the built-in ones."""
    async with rig.database.write() as connection:
        await connection.execute(update(contact_point).values(help_reply="Garage: call 555-0100."))
    await rig.write("STOP")
    rig.clock.advance(2 * MINUTE)
    await rig.write("HELP")
    await rig.write("help")
    assert (await rig.answers())[1:] == ["Garage: call 555-0100."]
    assert await rig.opted_out() is True


@pytest.mark.parametrize("address", ["12345", "INFO", "+1234", ""])
async def test_nobody_answers_a_short_code_or_a_name(rig: Rig, address: str) -> None:
    """Keywords of what is no phone are never answered."""
    await rig.write("HELP", number=address)
    await rig.write("STOP", number=address)
    assert await rig.answers() == []


@pytest.mark.timeout(240)
async def test_two_machines_do_not_talk_for_ever(rig: Rig) -> None:
    """1,000 rounds of keywords, one every three seconds, get at most one answer a minute."""
    words = random.Random(7)
    for _ in range(1_000):
        await rig.write(words.choice(["HELP", "STOP", "START", "INFO"]))
        rig.clock.advance(3.0)
    async with rig.database.read() as connection:
        rows = await connection.execute(select(notification.c.create_time).order_by(notification.c.create_time))
        times = list(rows.scalars())
    assert 1 <= len(times) <= 50
    assert all(later - earlier >= 60_000_000 for earlier, later in pairwise(times))


async def test_a_late_stop_is_obeyed_and_not_confirmed(rig: Rig) -> None:
    """More than five minutes after the word no confirmation leaves any more."""
    await rig.write("STOP", reference=1, part=1, parts=1)
    rig.clock.advance(400.0)
    async with rig.database.read() as connection:
        until = (await connection.execute(select(notification.c.expire_time - notification.c.create_time))).scalar_one()
    assert until == 300_000_000


async def test_stop_while_a_thousand_wait(rig: Rig) -> None:
    """I7: what waits for the number ends with the STOP, the others get theirs, and the confirmation leaves."""
    rig.clock.us = rig.pipe.clock.now_us()  # the dispatcher keeps real time
    numbers = plain_numbers(1000)
    accepted = await rig.pipe.send(numbers)
    await rig.write("STOP", number=numbers[500])
    async with rig.pipe.dispatcher():
        await rig.pipe.until(accepted.notification["id"], {"DELIVERED": 999, "SUPPRESSED": 1}, seconds=60)
        async with rig.database.read() as connection:
            answer = (
                await connection.execute(select(notification.c.id).where(notification.c.purpose == 3))
            ).scalar_one()
        await rig.pipe.until(answer, {"DELIVERED": 1})
    assert [row.text for row in await rig.pipe.log() if row.number == numbers[500]] == await rig.answers()


async def test_only_the_last_word_passes_an_opt_out(rig: Rig) -> None:
    """The confirmation of STOP waits on; the answer to a START ends with the next STOP."""
    await rig.write("STOP")
    rig.clock.advance(2 * MINUTE)
    await rig.write("START")
    await rig.write("STOP")
    async with rig.database.read() as connection:
        rows = await connection.execute(
            select(notification.c.purpose, message.c.state)
            .join(message, message.c.notification_id == notification.c.id)
            .order_by(notification.c.id)
        )
        assert [tuple(row) for row in rows] == [(3, 2), (2, 12)]


async def test_parts_in_any_order(rig: Rig) -> None:
    """A text in parts is one reply, whatever the order and however often a part comes."""
    text = "".join(f"part {n} of a long text; " for n in range(6)) + "😀"
    pieces = [text[n : n + 25] for n in range(0, len(text), 25)]
    order = [*range(len(pieces)), 0, 2]
    random.Random(3).shuffle(order)
    for n in order:
        if await rig.conversations():
            break
        await rig.write(pieces[n], reference=77, part=n + 1, parts=len(pieces))
    assert len(await rig.conversations()) == 1
    async with rig.database.read() as connection:
        ids = set((await connection.execute(select(inbound.c.reply_id))).scalars())
        (whole,) = (await store.written(connection, ids)).values()
    assert whole.text == text


async def test_what_stays_incomplete_is_handled_in_time(rig: Rig) -> None:
    """Parts that never come are waited for some minutes; half a text is a conversation and never a STOP."""
    await rig.write("STOP", reference=5, part=2, parts=2)
    await rig.replies.sweep()
    assert await rig.conversations() == []
    rig.clock.advance(PARTS_WITHIN_S + 1.0)
    await rig.replies.sweep()
    (only,) = await rig.conversations()
    assert (only.review, await rig.opted_out()) == (True, None)


async def test_the_same_reply_twice_is_one(rig: Rig) -> None:
    """A carrier that tells a reply again changes nothing."""
    for _ in range(3):
        await rig.replies.take("simulator", [Reply("same", GOOD[0], SENDER, "Hello")])
    (only,) = await rig.conversations()
    assert (only.entry_count, await rig.kinds()) == (1, [1])


HOSTILE = [
    "<script>alert(1)</script>",
    "\u202egnp.exe\u2066",
    "nul\x00here",
    "=cmd|' /C calc'!A0",
    "\ud83d half",
    "x" * 9000,
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_kept_unharmed(rig: Rig, text: str) -> None:
    """What was written is stored and given back as it came; half a character alone becomes U+FFFD."""
    await rig.write(text)
    async with rig.database.read() as connection:
        row = (await connection.execute(select(inbound))).one()
        whole = (await store.written(connection, [row.reply_id]))[row.reply_id]
    assert row.text == text
    assert whole.text == text.replace("\ud83d", "\ufffd")


async def test_a_stranger_to_every_contact_point(rig: Rig) -> None:
    """A reply to an address that none of ours sends as is kept, dealt with, and does nothing else."""
    await rig.write("STOP", sender="+14155559999")
    async with rig.database.read() as connection:
        row = (await connection.execute(select(inbound))).one()
    assert (row.handled, row.contact_point_id, row.text) == (True, "", "STOP")
    assert (await rig.kinds(), await rig.opted_out()) == ([], None)


async def test_contact_points_that_share_a_number_share_its_stop(rig: Rig) -> None:
    """People opt out of the number they see: all contact points behind it stop, with one confirmation."""
    await add_contact_point(rig.database, "second")
    await rig.write("STOP")
    async with rig.database.read() as connection:
        points = set((await connection.execute(select(consent.c.contact_point_id))).scalars())
    assert points == {"main", "second"}
    assert len(await rig.answers()) == 1


async def test_a_carriers_opt_out_is_recorded_and_told(rig: Rig) -> None:
    """A carrier that knows of an opt-out is believed: consent, event with the message, and what else waits ends."""
    number = "+14155550161"
    first = await rig.pipe.send([number])
    held = await rig.pipe.send([number], send_time=rig.pipe.clock.now_us() + 3_600_000_000)
    async with rig.pipe.dispatcher():
        await rig.pipe.until(first.notification["id"], {"REJECTED": 1})
    assert await rig.pipe.states(held.notification["id"]) == {"SUPPRESSED": 1}
    assert await rig.opted_out(number) is True
    async with rig.database.read() as connection:
        told = (await connection.execute(select(event).where(event.c.kind == 2))).one()
    assert told.notification_id == first.notification["id"]


async def test_replies_in_the_stream(rig: Rig) -> None:
    """Replies come with their text, message and conversation, at dense positions, through every filter."""
    identifier = await rig.sent()
    await rig.write("Hello <b>there</b>")
    await rig.write("STOP")
    made: Streams
    async with streams(rig.database) as made:
        reader = await made.reader(token="EARLIEST", notification_id=str(identifier))
        await reader.until(4)
        elsewhere = await made.reader(token="EARLIEST", contact_point_ids=["main"], crm_system="salesforce")
        await elsewhere.until_batches(2)
    changes = [delivery.change for delivery in reader.deliveries]
    assert [change.kind.name for change in changes] == ["STATE_CHANGED", "REPLY_RECEIVED", "STATE_CHANGED", "OPTED_OUT"]
    reply, stop = changes[1], changes[3]
    assert reply.reply is not None
    assert stop.reply is not None
    assert reply.message is not None
    (only,) = await rig.conversations()
    assert (reply.reply.text, reply.reply.number) == ("Hello <b>there</b>", GOOD[0])
    assert (reply.reply.conversation_id, stop.reply.conversation_id) == (only.id, None)
    assert (reply.message.notification_id, reply.message.index, reply.old_state) == (identifier, 0, None)
    assert not elsewhere.deliveries
    rows, last, head = await positions(rig.database)
    assert rows == last == head


async def test_a_purged_text_is_told_empty(rig: Rig) -> None:
    """Events hold no text: once a reply is purged, its event comes without one."""
    await rig.sent()
    await rig.write("secret")
    async with rig.database.write() as connection:
        await connection.execute(update(inbound).values(text="", number=""))
    async with streams(rig.database) as made:
        reader = await made.reader(token="EARLIEST")
        await reader.until(2)
    reply = reader.deliveries[-1].change.reply
    assert reply is not None
    assert (reply.text, reply.number) == ("", "")


async def test_a_fault_of_ours_keeps_the_reply_for_the_round(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that cannot be handled is stored all the same, and a later round handles it."""

    async def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rig.replies, "_handle", fail)
    await rig.write("Hello")
    monkeypatch.undo()
    assert await rig.conversations() == []
    await rig.replies.sweep()
    assert len(await rig.conversations()) == 1
    async with rig.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(inbound))).scalar_one() == 1
