"""Topics: created, renamed, disabled and activated by those who hold MANAGE_TOPICS, read by everyone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.paging import PageTokens, page_size
from sendout.domain.permissions import Caller, Permission
from sendout.domain.topics import Topic, check_topic_label, label_key
from sendout.server.commands.refusals import id_taken, known_topic
from sendout.storage import audit
from sendout.storage import topics as store
from sendout.storage.engine import Database


@dataclass(frozen=True, slots=True)
class TopicPage:
    """Some topics, and the token for those after them."""

    topics: Sequence[Topic]
    next_page_token: str


class Topics:
    """The use cases of TopicService. `disabled` as a filter: False active, True disabled, None both."""

    def __init__(self, database: Database, clock: Clock, page_tokens: PageTokens) -> None:
        self._database, self._clock, self._page_tokens = database, clock, page_tokens

    async def create(self, caller: Caller, label: str, topic_id: str = "") -> Topic:
        """A new active topic (S45); the id is made from the label where none is given."""
        caller.require(Permission.MANAGE_TOPICS)
        checked = check_topic_label(label)
        slug = ids.slug_or_made("topic.topic_id", topic_id, checked, lambda: self._clock.random_bytes(3).hex())
        fresh = Topic(slug, checked, label_key(checked), False, False, self._clock.now_us(), None)
        try:
            async with self._database.write() as connection:
                await store.create(connection, fresh)
                await audit.record(connection, caller, "CreateTopic", slug, self._clock.now_us())
        except IntegrityError:
            async with self._database.read() as connection:
                if await store.get(connection, slug) is not None:
                    raise id_taken("topic", slug) from None
            raise await self._label_taken(fresh) from None
        return fresh

    async def get(self, topic_id: str) -> Topic:
        """One topic, active or disabled."""
        async with self._database.read() as connection:
            return known_topic(await store.get(connection, topic_id), topic_id)

    async def list_topics(self, disabled: bool | None = False, size: int = 0, token: str = "") -> TopicPage:
        """Topics of this kind (S50): the default one first, then by label."""
        wanted = page_size(size)
        query = {"rpc": "ListTopics", "disabled": disabled}
        place = self._page_tokens.read(query, token)
        async with self._database.read() as connection:
            found = await store.list_topics(
                connection, disabled=disabled, after=place[0] if place else None, limit=wanted + 1
            )
        page = found[:wanted]
        following = self._page_tokens.issue(query, [page[-1].id]) if len(found) > wanted else ""
        return TopicPage(page, following)

    async def update(self, caller: Caller, topic_id: str, label: str | None) -> Topic:
        """Change the label (S47); None leaves it as it is."""
        caller.require(Permission.MANAGE_TOPICS)
        checked = None if label is None else check_topic_label(label)

        def renamed(topic: Topic) -> Topic:
            _refuse_default(topic, "renamed")
            return topic if checked is None else replace(topic, label=checked, label_key=label_key(checked))

        return await self._change(caller, "UpdateTopic", topic_id, renamed)

    async def disable(self, caller: Caller, topic_id: str) -> Topic:
        """No new notifications under it (S46, S52); accepted ones finish and count. Twice is once."""
        caller.require(Permission.MANAGE_TOPICS)

        def disabled(topic: Topic) -> Topic:
            _refuse_default(topic, "disabled")
            return topic if topic.disabled else replace(topic, disabled=True, disable_time=self._clock.now_us())

        return await self._change(caller, "DisableTopic", topic_id, disabled)

    async def activate(self, caller: Caller, topic_id: str) -> Topic:
        """It can be chosen again and its tallies continue (S53). Twice is once."""
        caller.require(Permission.MANAGE_TOPICS)
        return await self._change(
            caller, "ActivateTopic", topic_id, lambda topic: replace(topic, disabled=False, disable_time=None)
        )

    async def _change(self, caller: Caller, action: str, topic_id: str, alter: Callable[[Topic], Topic]) -> Topic:
        """Write what `alter` makes of the topic, if that is anything new. The unique index decides who has a label."""
        after: Topic | None = None
        try:
            async with self._database.write() as connection:
                before = known_topic(await store.lock_to_change(connection, topic_id), topic_id)
                after = alter(before)
                if after != before:
                    await store.save(connection, after)
                    await audit.record(connection, caller, action, topic_id, self._clock.now_us())
        except IntegrityError:
            if after is None:
                raise
            raise await self._label_taken(after) from None
        return after

    async def _label_taken(self, refused: Topic) -> SendoutError:
        async with self._database.read() as connection:
            other = await store.active_with_key(connection, refused.label_key)
        if other is None:  # it had the label a moment ago
            return SendoutError(
                Reason.TOPIC_LABEL_TAKEN, f"Another topic had the label {refused.label!r} just now. Try again."
            )
        return SendoutError(
            Reason.TOPIC_LABEL_TAKEN,
            f"The active topic {other.label!r} (id {other.id}) has this label already. Choose another label, or rename "
            "or disable that topic first.",
            metadata={"topic_id": other.id, "label": other.label},
        )


def _refuse_default(topic: Topic, done: str) -> None:
    if topic.is_default:
        raise SendoutError(
            Reason.DEFAULT_TOPIC_IMMUTABLE,
            f"The default topic cannot be {done}: it is used where no other is chosen.",
        )
