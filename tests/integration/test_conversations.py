"""ConversationService on both databases: who may, paging, answers through the same pipeline, closing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from sendout.domain.errors import Reason, SendoutError
from sendout.server.carriers.base import Reply
from sendout.server.commands.conversations import ConversationQuery, Conversations
from sendout.server.commands.read_notifications import ReadNotifications
from sendout.storage.engine import Database
from sendout.storage.tables import notification, role_grant
from tests.integration.pipeline import CALLER, GOOD, pipeline
from tests.integration.seed import TOKENS
from tests.integration.test_replies import SENDER, Rig

GRANT = {"contact_point_id": "main", "role_id": "everyone"}


class Desk(Rig):
    """A rig with somebody who answers; replies come in at real time."""

    @property
    def command(self) -> Conversations:
        return Conversations(self.database, self.pipe.clock, self.pipe.send_command())

    async def id(self) -> str:
        return str((await self.conversations())[-1].id)

    async def grant(self, permission: str, given: bool) -> None:
        async with self.database.write() as connection:
            await connection.execute(
                insert(role_grant).values(permission=permission, **GRANT)
                if given
                else delete(role_grant).where(role_grant.c.permission == permission)
            )


@pytest.fixture
async def desk(database: Database, valkey_url: str) -> AsyncIterator[Desk]:
    async with pipeline(database, valkey_url) as pipe:
        made = Desk(pipe, pipe.clock)
        await made.grant("start_conversations", True)
        yield made
        made.close()


def reason(caught: Any) -> Reason:
    error: SendoutError = caught.value
    return error.reason


async def test_an_answer_leaves_like_a_message_and_is_no_notification(desk: Desk) -> None:
    """An answer is delivered, stands in the thread, is counted under the topic, and is not listed as a notification.

    Its permission is that for conversations alone.
    """
    await desk.sent()
    await desk.write("When?")
    await desk.grant("send_notifications", False)
    entry, replayed = await desk.command.reply(CALLER, await desk.id(), "At {{noon}}", 1, "r1")
    again, repeated = await desk.command.reply(CALLER, await desk.id(), "At {{noon}}", 1, "r1")
    assert (entry.id, replayed, again.id, repeated) == (again.id, False, entry.id, True)
    async with desk.database.read() as connection:
        statement = select(notification.c.id).where(notification.c.purpose == 1)
        answer = (await connection.execute(statement)).scalar_one()
    async with desk.pipe.dispatcher():
        await desk.pipe.until(answer, {"DELIVERED": 1})
    whole, rows = await desk.command.get(CALLER, await desk.id(), 10, None)
    assert [(row.inbound, row.text) for row in rows] == [(True, "When?"), (False, "At {{noon}}")]
    assert whole.entry_count == 2
    assert [row.text for row in await desk.pipe.log()][-1] == "At {{noon}}"
    listed = await ReadNotifications(desk.database, desk.pipe.clock, TOKENS).list_notifications(CALLER)
    assert answer not in [one.notification.id for one in listed.notifications]
    assert (await desk.pipe.tally("default"))["accepted"] == 2


async def test_a_revoked_list_stops_what_is_queued(desk: Desk) -> None:
    """I8: an answer that waits is suppressed by its claim once its author may no longer converse."""
    await desk.write("When?")
    await desk.command.reply(CALLER, await desk.id(), "Noon", 1, "")
    await desk.grant("start_conversations", False)
    async with desk.database.read() as connection:
        (answer,) = (await connection.execute(select(notification.c.id))).scalars()
    async with desk.pipe.dispatcher():
        await desk.pipe.until(answer, {"SUPPRESSED": 1})


async def test_who_opted_out_is_not_answered(desk: Desk) -> None:
    """NO_SENDABLE_RECIPIENTS, and nothing is kept."""
    await desk.write("When?")
    await desk.write("STOP")
    with pytest.raises(SendoutError) as caught:
        await desk.command.reply(CALLER, await desk.id(), "Noon", 1, "")
    assert reason(caught) is Reason.NO_SENDABLE_RECIPIENTS
    assert (await desk.conversations())[0].entry_count == 1


async def test_a_closed_one_takes_no_answer(desk: Desk) -> None:
    """Closing twice is closing once; then ALREADY_FINISHED; it also ends the review."""
    await desk.write("please stop texting me")
    listed = await desk.command.list_page(CALLER, 10, None, ConversationQuery(needs_review=True))
    assert len(listed) == 1
    for _ in range(2):
        closed = await desk.command.close(CALLER, await desk.id())
        assert (closed.open, closed.review) == (False, False)
    with pytest.raises(SendoutError) as caught:
        await desk.command.reply(CALLER, await desk.id(), "Noon", 1, "")
    assert reason(caught) is Reason.ALREADY_FINISHED


async def test_without_the_list_nothing_is_seen(desk: Desk) -> None:
    """SEND_NOT_PERMITTED for whoever is on no list for conversations, and an empty listing."""
    await desk.write("When?")
    await desk.grant("start_conversations", False)
    with pytest.raises(SendoutError) as caught:
        await desk.command.get(CALLER, await desk.id(), 10, None)
    assert reason(caught) is Reason.SEND_NOT_PERMITTED
    assert await desk.command.list_page(CALLER, 10, None, ConversationQuery()) == []
    with pytest.raises(SendoutError) as caught:
        await desk.command.close(CALLER, "99x")
    assert reason(caught) is Reason.CONVERSATION_NOT_FOUND


async def test_pages_hold_every_text_once(desk: Desk) -> None:
    """A thread read three at a time has each text once, in order, whoever wrote it."""
    for n in range(4):
        await desk.replies.take("simulator", [Reply(f"p{n}", GOOD[0], SENDER, f"in {n}")])
        await desk.command.reply(CALLER, await desk.id(), f"out {n}", 1, "")
    texts: list[str] = []
    place = None
    while True:
        _, rows = await desk.command.get(CALLER, await desk.id(), 3, place)
        texts += [row.text for row in rows]
        if len(rows) < 3:
            break
        place = rows[-1].place
    assert texts == [f"{way} {n}" for n in range(4) for way in ("in", "out")]
