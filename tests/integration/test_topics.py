"""Topics on both databases: who may change them, labels that stay apart, nothing that goes away."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.topics import Topic
from sendout.server.commands.topics import Topics
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.topics import TopicServicer
from sendout.storage import tallies
from sendout.storage import topics as store
from sendout.storage.engine import Database
from sendout.storage.tables import audit, notification
from sendout.storage.tables import topic as topic_table
from sendout.v1 import topic_pb2, topic_service_pb2
from tests.conftest import FakeClock
from tests.integration.seed import DAY, T0, TOKENS, caller, refusal, seeded

MANAGER = caller(Permission.MANAGE_TOPICS)
READER = caller()


@pytest.fixture
def topics(database: Database, clock: FakeClock) -> Topics:
    return Topics(database, clock, TOKENS)


async def labels(topics: Topics, disabled: bool | None = False) -> list[str]:
    """Labels in the order of the listing."""
    return [topic.label for topic in (await topics.list_topics(disabled)).topics]


async def test_a_default_topic_always_exists(topics: Topics) -> None:
    """S34: a fresh installation has the default topic, and it is active."""
    default = await topics.get("default")
    assert default.is_default
    assert not default.disabled
    assert await labels(topics) == ["Default"]


async def test_every_notification_has_a_topic(database: Database) -> None:
    """S33: the database itself refuses a notification without a topic, or with one that does not exist."""
    seed = await seeded(database)
    for topic_id in (None, "nothing"):
        with pytest.raises(IntegrityError):
            await seed.notification([], topic_id=topic_id)
    async with database.read() as connection:
        assert (await connection.execute(select(notification.c.id))).first() is None


async def test_create(topics: Topics, clock: FakeClock) -> None:
    """S45: a topic is created active, with the id asked for and its label without blanks around it."""
    created = await topics.create(MANAGER, "  Road works ", "road-works")
    assert created == Topic("road-works", "Road works", "road works", False, False, clock.now_us(), None)
    assert await topics.get("road-works") == created
    assert await labels(topics) == ["Default", "Road works"]


async def test_an_id_is_made_from_the_label(topics: Topics) -> None:
    """S45: without an id one is made that shows the label."""
    created = await topics.create(MANAGER, "Übung 24")
    assert created.id.startswith("ubung-24-")
    assert (await topics.get(created.id)).label == "Übung 24"


@pytest.mark.parametrize("label", ["", "  ", "a\nb", "a\x00b", "x" * 101, "ﷺ" * 50])
async def test_what_is_no_label(topics: Topics, label: str) -> None:
    """S45: empty labels, control characters and labels beyond 100 characters (also once written out) are refused."""
    with pytest.raises(SendoutError) as caught:
        await topics.create(MANAGER, label, "one")
    assert refusal(caught) is Reason.FIELD_INVALID
    assert caught.value.violations[0].field == "topic.label"


async def test_the_longest_label_is_taken(topics: Topics) -> None:
    """S45: a label of exactly 100 characters is one."""
    assert (await topics.create(MANAGER, "x" * 100)).label == "x" * 100


async def test_an_id_is_taken_once(topics: Topics) -> None:
    """A second topic with the same id is refused, whatever its label."""
    await topics.create(MANAGER, "One", "one")
    with pytest.raises(SendoutError) as caught:
        await topics.create(MANAGER, "Another", "one")
    assert refusal(caught) is Reason.ID_TAKEN


@pytest.mark.parametrize("label", ["Storms", "STORMS", " storms ", "ｓｔｏｒｍｓ"])
async def test_active_topics_do_not_share_a_label(topics: Topics, label: str) -> None:
    """Labels that differ only in case, blanks around them or width are the same; the refusal names the other topic."""
    await topics.create(MANAGER, "Storms", "storms")
    with pytest.raises(SendoutError) as caught:
        await topics.create(MANAGER, label, "second")
    assert refusal(caught) is Reason.TOPIC_LABEL_TAKEN
    assert caught.value.metadata == {"topic_id": "storms", "label": "Storms"}
    assert "'Storms' (id storms)" in caught.value.message


async def test_concurrent_creators(topics: Topics) -> None:
    """Of many creators of one label at the same moment one succeeds, and the others are told of its topic."""
    outcomes = await asyncio.gather(
        *(topics.create(MANAGER, label, f"t{n}") for n, label in enumerate(["Flood", "FLOOD", "flood", "fLOOD"] * 2)),
        return_exceptions=True,
    )
    created = [outcome for outcome in outcomes if isinstance(outcome, Topic)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, SendoutError)]
    assert (len(created), len(refused)) == (1, 7)
    for error in refused:
        assert error.reason is Reason.TOPIC_LABEL_TAKEN
        assert error.metadata["topic_id"] == created[0].id


async def test_rename(topics: Topics, database: Database) -> None:
    """S47: a new label changes neither the id nor what was sent and counted under it."""
    seed = await seeded(database)
    before = await topics.create(MANAGER, "Old", "old")
    await seed.deltas([("old", "main", T0, {"accepted": 3})])
    renamed = await topics.update(MANAGER, "old", "New")
    assert (renamed.id, renamed.label, renamed.create_time) == ("old", "New", before.create_time)
    async with database.read() as connection:
        assert (await tallies.read(connection, T0, T0 + DAY))["old"].accepted == 3


async def test_rename_to_a_taken_label(topics: Topics) -> None:
    """A label of another active topic is refused on renaming and nothing changes; a change of case alone is fine."""
    await topics.create(MANAGER, "One", "one")
    await topics.create(MANAGER, "Two", "two")
    with pytest.raises(SendoutError) as caught:
        await topics.update(MANAGER, "two", "ONE")
    assert refusal(caught) is Reason.TOPIC_LABEL_TAKEN
    assert caught.value.metadata["topic_id"] == "one"
    assert (await topics.get("two")).label == "Two"
    assert (await topics.update(MANAGER, "two", "TWO")).label == "TWO"


async def test_the_default_topic_is_immutable(topics: Topics) -> None:
    """S35, S48, S49: the default topic can be neither renamed nor disabled."""
    for attempt in (topics.update(MANAGER, "default", "Other"), topics.disable(MANAGER, "default")):
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is Reason.DEFAULT_TOPIC_IMMUTABLE
    assert (await topics.get("default")).label == "Default"
    assert not (await topics.activate(MANAGER, "default")).disabled


async def test_the_database_keeps_the_default_topic_active(database: Database) -> None:
    """S35: not even a statement past the rules disables the default topic."""
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(update(topic_table).where(topic_table.c.is_default).values(disabled=True))


async def test_disable_and_activate(topics: Topics, clock: FakeClock) -> None:
    """S46, S50, S52, S53: a disabled topic leaves the active list for the disabled one, and comes back the same."""
    created = await topics.create(MANAGER, "Storms", "storms")
    clock.advance(60)
    disabled = await topics.disable(MANAGER, "storms")
    assert disabled.disable_time == clock.now_us()
    assert await labels(topics) == ["Default"]
    assert await labels(topics, True) == ["Storms"]
    assert await labels(topics, None) == ["Default", "Storms"]
    assert await topics.activate(MANAGER, "storms") == created
    assert await labels(topics) == ["Default", "Storms"]
    assert await labels(topics, True) == []


async def test_disabling_and_activating_are_idempotent(topics: Topics, clock: FakeClock, database: Database) -> None:
    """S46, S53: doing it twice is doing it once, and what changed nothing leaves no audit entry."""
    await topics.create(MANAGER, "Storms", "storms")
    first = await topics.disable(MANAGER, "storms")
    clock.advance(60)
    assert await topics.disable(MANAGER, "storms") == first
    active = await topics.activate(MANAGER, "storms")
    assert await topics.activate(MANAGER, "storms") == active
    async with database.read() as connection:
        rows = await connection.execute(select(audit.c.action, audit.c.object_id).order_by(audit.c.id))
        assert [tuple(row) for row in rows] == [
            (action, "storms") for action in ("CreateTopic", "DisableTopic", "ActivateTopic")
        ]


async def test_a_send_sees_that_a_topic_is_disabled(topics: Topics, database: Database) -> None:
    """S52: whoever accepts a send under the lock of its topic is told that it is disabled."""
    await topics.create(MANAGER, "Storms", "storms")
    await topics.disable(MANAGER, "storms")
    async with database.write() as connection:
        held = await store.lock(connection, "storms")
        assert held is not None
        assert held.disabled


async def test_disabling_waits_for_a_send(postgres_url: str, clock: FakeClock) -> None:
    """S52, I9: a topic that a send holds cannot be disabled before the send is committed."""
    database = Database(postgres_url)
    topics = Topics(database, clock, TOKENS)
    await topics.create(MANAGER, "Storms", "storms")
    async with database.write() as connection:
        await store.lock(connection, "storms")
        disabling = asyncio.create_task(topics.disable(MANAGER, "storms"))
        await asyncio.wait([disabling], timeout=0.2)
        assert not disabling.done()
    assert (await disabling).disabled
    await database.close()


async def test_activation_meets_a_taken_label(topics: Topics) -> None:
    """A disabled topic whose label another active one has taken since cannot come back before one is renamed."""
    await topics.create(MANAGER, "Storms", "old")
    await topics.disable(MANAGER, "old")
    await topics.create(MANAGER, "STORMS", "new")
    with pytest.raises(SendoutError) as caught:
        await topics.activate(MANAGER, "old")
    assert refusal(caught) is Reason.TOPIC_LABEL_TAKEN
    assert caught.value.metadata["topic_id"] == "new"
    await topics.update(MANAGER, "old", "Old storms")
    assert not (await topics.activate(MANAGER, "old")).disabled


async def test_concurrent_activations(topics: Topics) -> None:
    """Of two disabled topics with one label only one can be activated, also at the same moment."""
    for topic_id in ("one", "two"):
        await topics.create(MANAGER, "Storms", topic_id)
        await topics.disable(MANAGER, topic_id)
    outcomes = await asyncio.gather(
        topics.activate(MANAGER, "one"), topics.activate(MANAGER, "two"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(Topic) == 1
    assert await labels(topics) == ["Default", "Storms"]


async def test_tallies_continue_after_activation(topics: Topics, database: Database) -> None:
    """S53: what was counted before a topic was disabled is there when it is active again, and counting goes on."""
    seed = await seeded(database)
    await topics.create(MANAGER, "Storms", "storms")
    await seed.deltas([("storms", "main", T0, {"sent": 2})])
    await topics.disable(MANAGER, "storms")
    await topics.activate(MANAGER, "storms")
    await seed.deltas([("storms", "main", T0, {"sent": 1})])
    async with database.read() as connection:
        assert (await tallies.read(connection, T0, T0 + DAY))["storms"].sent == 3


@pytest.mark.parametrize("statement", ["DELETE FROM topic", "DELETE FROM topic WHERE id = 'storms'"])
async def test_a_topic_cannot_be_deleted(topics: Topics, database: Database, statement: str) -> None:
    """S51: there is no call to delete a topic, and the database refuses the statement."""
    await topics.create(MANAGER, "Storms", "storms")
    with pytest.raises(DBAPIError, match="never deleted"):
        async with database.write() as connection:
            await connection.execute(text(statement))
    assert await labels(topics) == ["Default", "Storms"]
    methods = topic_service_pb2.DESCRIPTOR.services_by_name["TopicService"].methods_by_name
    assert not [name for name in methods if "Delete" in name]


async def test_changing_topics_needs_the_permission(topics: Topics) -> None:
    """Every change needs MANAGE_TOPICS; reading needs nothing."""
    attempts = (
        topics.create(READER, "Storms"),
        topics.update(READER, "default", "Storms"),
        topics.disable(READER, "default"),
        topics.activate(READER, "default"),
    )
    for attempt in attempts:
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is Reason.ROLE_REQUIRED


async def test_unknown_topics(topics: Topics) -> None:
    """An id that no topic has is TOPIC_NOT_FOUND everywhere."""
    attempts = (
        topics.get("none"),
        topics.update(MANAGER, "none", "Storms"),
        topics.disable(MANAGER, "none"),
        topics.activate(MANAGER, "none"),
    )
    for attempt in attempts:
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is Reason.TOPIC_NOT_FOUND


async def test_pages(topics: Topics, database: Database) -> None:
    """S50: pages hold every topic once, the default first, then by label, even when labels change in between."""
    async with database.write() as connection:
        rows = [
            {"id": f"t{n}", "label": f"L{n:02d}", "label_key": f"l{n:02d}", "create_time": 0, "disabled": n % 2 == 1}
            for n in range(20)
        ]
        await connection.execute(insert(topic_table), rows)
    seen: list[str] = []
    token = ""
    while True:
        page = await topics.list_topics(None, 6, token)
        seen += [found.id for found in page.topics]
        if not (token := page.next_page_token):
            break
        assert len(page.topics) == 6
    assert seen == ["default", *(f"t{n}" for n in range(20))]
    assert len((await topics.list_topics(True)).topics) == 10


async def test_a_page_token_keeps_its_filter(topics: Topics) -> None:
    """A page token asked with another filter is refused."""
    await topics.create(MANAGER, "Storms")
    token = (await topics.list_topics(False, 1)).next_page_token
    with pytest.raises(SendoutError) as caught:
        await topics.list_topics(None, 1, token)
    assert refusal(caught) is Reason.PAGE_TOKEN_INVALID


async def test_on_the_wire(topics: Topics) -> None:
    """S45 to S53: the servicer converts every field and filter, and an update needs no mask."""
    set_caller(MANAGER)
    servicer = TopicServicer(topics)
    made = await servicer.CreateTopic(
        topic_service_pb2.CreateTopicRequest(topic=topic_pb2.Topic(label="Storms", topic_id="storms")), None
    )
    assert made.topic.state == topic_pb2.TOPIC_STATE_ACTIVE
    assert made.topic.create_time.ToMicroseconds() == T0
    assert not made.topic.HasField("disable_time")
    renamed = await servicer.UpdateTopic(
        topic_service_pb2.UpdateTopicRequest(topic=topic_pb2.Topic(label="Gales", topic_id="storms")), None
    )
    assert renamed.topic.label == "Gales"
    disabled = await servicer.DisableTopic(topic_service_pb2.DisableTopicRequest(topic_id="storms"), None)
    assert disabled.topic.state == topic_pb2.TOPIC_STATE_DISABLED
    assert disabled.topic.HasField("disable_time")
    listed = await servicer.ListTopics(
        topic_service_pb2.ListTopicsRequest(state=topic_pb2.TOPIC_STATE_FILTER_DISABLED), None
    )
    assert [topic.topic_id for topic in listed.topics] == ["storms"]
    active = await servicer.ListTopics(topic_service_pb2.ListTopicsRequest(), None)
    assert [topic.is_default for topic in active.topics] == [True]
    back = await servicer.ActivateTopic(topic_service_pb2.ActivateTopicRequest(topic_id="storms"), None)
    got = await servicer.GetTopic(topic_service_pb2.GetTopicRequest(topic_id="storms"), None)
    assert back.topic == got.topic == renamed.topic
    for mask in (["topic_id"], ["label", "state"]):
        request = topic_service_pb2.UpdateTopicRequest(topic=topic_pb2.Topic(topic_id="storms", label="x"))
        request.update_mask.paths.extend(mask)
        with pytest.raises(SendoutError) as caught:
            await servicer.UpdateTopic(request, None)
        assert refusal(caught) is Reason.FIELD_INVALID
