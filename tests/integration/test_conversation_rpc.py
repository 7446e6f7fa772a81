"""Replies from the simulator's phones to the wire and back: S8, S9, S10."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from sendout.client import FailedPrecondition
from sendout.domain.clock import SystemClock
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import role_grant
from sendout.v1 import conversation_pb2, event_pb2, simulator_service_pb2
from tests.integration.pipeline import GOOD, Pipeline
from tests.integration.test_consent_rpc import Running, running

__all__ = ["running"]
SENDER = "+14155550001"


def written(number: str, text: str) -> simulator_service_pb2.SendFromHandsetRequest:
    return simulator_service_pb2.SendFromHandsetRequest(phone_number=number, sender=SENDER, text=text)


async def test_from_a_phone_and_back(running: Running, valkey_url: str) -> None:
    """A notification to many opens nothing; one reply opens one conversation, is told, and is answered until STOP."""
    async with running.database.write() as connection:
        grant = {"contact_point_id": "main", "permission": "start_conversations", "role_id": "everyone"}
        await connection.execute(insert(role_grant).values(**grant))
    agent, rings = running.agent, Rings(connect(valkey_url))
    pipe = Pipeline(running.database, rings, valkey_url, SystemClock(), {"delivery_delay_s": 0.01})
    async with pipe.dispatcher():
        sent = await agent.send(GOOD[:3], "The garage is closed.", contact_point="main")
        identifier = sent.notification.notification_id
        await agent.wait(identifier)
        assert not (await agent.conversations().whole()).conversations
        await agent.rpc(written(GOOD[1], "Until when?"))
        (only,) = (await agent.conversations(notification_id=identifier).whole()).conversations
        assert (only.phone_number, only.message_id) == (GOOD[1], f"{identifier}.1")
        events = agent.events("EARLIEST")
        async for event in events:
            if event.type == event_pb2.DELIVERY_EVENT_TYPE_REPLY_RECEIVED:
                break
        assert (event.reply.text, event.reply.conversation_id) == ("Until when?", only.conversation_id)
        assert event.message.message_id == f"{identifier}.1"
        answer = await agent.reply_to_conversation(only.conversation_id, "Noon.")
        whole = await agent.conversation(only.conversation_id).whole()
        assert [entry.text for entry in whole.entries] == ["Until when?", "Noon."]
        assert whole.entries[1].message_id == answer.entry.message_id
        await agent.rpc(written(GOOD[1], "STOP"))
        with pytest.raises(FailedPrecondition) as caught:
            await agent.reply_to_conversation(only.conversation_id, "Sorry.")
        assert caught.value.reason == "NO_SENDABLE_RECIPIENTS"
        closed = await agent.close_conversation(only.conversation_id)
        assert closed.conversation.state == conversation_pb2.CONVERSATION_STATE_CLOSED
    await rings.close()
