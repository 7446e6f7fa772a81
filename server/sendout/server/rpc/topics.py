"""TopicService: what notifications are counted under."""

from __future__ import annotations

from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.topics import Topic
from sendout.server.commands.topics import Topics
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import changes, timestamp
from sendout.v1 import topic_pb2, topic_service_pb2, topic_service_pb2_grpc

_READERS = {"label": lambda typed: typed.label}
_DISABLED: dict[int, bool | None] = {
    topic_pb2.TOPIC_STATE_FILTER_UNSPECIFIED: False,
    topic_pb2.TOPIC_STATE_FILTER_ACTIVE: False,
    topic_pb2.TOPIC_STATE_FILTER_DISABLED: True,
    topic_pb2.TOPIC_STATE_FILTER_BOTH: None,
}


class TopicServicer(topic_service_pb2_grpc.TopicServiceServicer):
    """Parses, calls `Topics` and converts."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    async def CreateTopic(
        self, request: topic_service_pb2.CreateTopicRequest, context: Any
    ) -> topic_service_pb2.CreateTopicResponse:
        """A new topic."""
        created = await self._topics.create(current_caller(), request.topic.label, request.topic.topic_id)
        return topic_service_pb2.CreateTopicResponse(topic=topic_message(created))

    async def GetTopic(
        self, request: topic_service_pb2.GetTopicRequest, context: Any
    ) -> topic_service_pb2.GetTopicResponse:
        """One topic."""
        return topic_service_pb2.GetTopicResponse(topic=topic_message(await self._topics.get(request.topic_id)))

    async def ListTopics(
        self, request: topic_service_pb2.ListTopicsRequest, context: Any
    ) -> topic_service_pb2.ListTopicsResponse:
        """The default topic, then the others by label."""
        page = await self._topics.list_topics(disabled_of(request.state), request.page_size, request.page_token)
        return topic_service_pb2.ListTopicsResponse(
            topics=[topic_message(topic) for topic in page.topics], next_page_token=page.next_page_token
        )

    async def UpdateTopic(
        self, request: topic_service_pb2.UpdateTopicRequest, context: Any
    ) -> topic_service_pb2.UpdateTopicResponse:
        """Change the label."""
        wanted = changes(request.topic, request.update_mask, _READERS, "a topic")
        changed = await self._topics.update(current_caller(), request.topic.topic_id, wanted.get("label"))
        return topic_service_pb2.UpdateTopicResponse(topic=topic_message(changed))

    async def DisableTopic(
        self, request: topic_service_pb2.DisableTopicRequest, context: Any
    ) -> topic_service_pb2.DisableTopicResponse:
        """No new notifications under it."""
        changed = await self._topics.disable(current_caller(), request.topic_id)
        return topic_service_pb2.DisableTopicResponse(topic=topic_message(changed))

    async def ActivateTopic(
        self, request: topic_service_pb2.ActivateTopicRequest, context: Any
    ) -> topic_service_pb2.ActivateTopicResponse:
        """It can be chosen again."""
        changed = await self._topics.activate(current_caller(), request.topic_id)
        return topic_service_pb2.ActivateTopicResponse(topic=topic_message(changed))


def disabled_of(state_filter: int) -> bool | None:
    """Which topics a filter wants: False active ones, True disabled ones, None both."""
    if state_filter not in _DISABLED:
        raise field_invalid("state", state_filter, "Choose active, disabled or both.")
    return _DISABLED[state_filter]


def topic_message(topic: Topic) -> topic_pb2.Topic:
    """A topic as it goes out."""
    return topic_pb2.Topic(
        topic_id=topic.id,
        label=topic.label,
        state=topic_pb2.TOPIC_STATE_DISABLED if topic.disabled else topic_pb2.TOPIC_STATE_ACTIVE,
        is_default=topic.is_default,
        create_time=timestamp(topic.create_time),
        disable_time=timestamp(topic.disable_time),
    )
