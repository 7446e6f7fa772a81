"""What tests arrange: topics, messages on the simulator's phones, replies from them, and who may do what."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sendout.client import AsyncClient
from sendout.v1 import contact_point_pb2, role_pb2, role_service_pb2, role_service_pb2_grpc, simulator_service_pb2
from sendout.v1.topic_pb2 import Topic

_LABELS = itertools.count(1)
_POINTS = itertools.count(1)
NOTICE = "The garage is closed. Please reply if you require additional information."


def label(word: str) -> str:
    """A topic's label that no other test has."""
    return f"{word} {next(_LABELS)}"


async def new_topic(client: AsyncClient, word: str = "Outages") -> Topic:
    """A topic of the test's own."""
    return (await client.create_topic(label(word))).topic


async def sent(client: AsyncClient, topic: Topic, numbers: Sequence[str], text: str = "Power is back.") -> str:
    """Sends and does not wait; answers with the notification's id."""
    answer = await client.send(numbers, text, contact_point="main", topic=topic.topic_id)
    return str(answer.notification.notification_id)


async def permit(client: AsyncClient, permissions: list[role_pb2.Permission]) -> None:
    """Give everybody these permissions."""
    role = role_pb2.Role(role_id="everyone", permissions=permissions)
    request = role_service_pb2.UpdateRoleRequest(role=role)
    request.update_mask.paths.append("permissions")
    await client.stub(role_service_pb2_grpc.RoleServiceStub).UpdateRole(request)


async def notified(client: AsyncClient, number: str, *roles: str) -> contact_point_pb2.ContactPoint:
    """A contact point of the test's own that has sent one notification to a number."""
    count = next(_POINTS)
    point = contact_point_pb2.ContactPoint(
        contact_point_id=f"replies-{count}",
        label=f"Replies {count}",
        sender=f"+1415555{3000 + count}",
        carrier="simulator",
        segments_per_second=100,
        start_conversation_roles=roles,
    )
    await client.create_contact_point(point)
    sent = await client.send([number], NOTICE, contact_point=point.contact_point_id)
    await client.wait(sent.notification.notification_id)
    return point


async def written(client: AsyncClient, number: str, sender: str, text: str) -> None:
    """A recipient writes."""
    await client.rpc(simulator_service_pb2.SendFromHandsetRequest(phone_number=number, sender=sender, text=text))
