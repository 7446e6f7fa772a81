"""What tests of History, Topics and Handsets arrange: topics, and messages on the simulator's phones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sendout.client import AsyncClient
from sendout.v1 import role_pb2, role_service_pb2, role_service_pb2_grpc
from sendout.v1.topic_pb2 import Topic

_LABELS = itertools.count(1)


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
