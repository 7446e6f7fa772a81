"""History on both databases: counts by topic, the most recent messages, one message in full."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.reports import arrived
from sendout.domain.states import FINAL, ReasonCode, State
from sendout.domain.tallies import Counts
from sendout.server.commands.export_messages import ExportMessages
from sendout.server.commands.history import History
from sendout.server.commands.topic_series import GetTopicSeries
from sendout.server.commands.topics import Topics
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.history import HistoryServicer
from sendout.storage import tallies
from sendout.storage.engine import Database
from sendout.storage.reading import Message
from sendout.storage.tables import message, notification
from sendout.v1 import history_service_pb2, message_pb2, topic_pb2
from tests.conftest import FakeClock
from tests.integration.pipeline import add_contact_point
from tests.integration.seed import DAY, HOUR, QUARTER, T0, TOKENS, Seed, caller, refusal, seeded

VIEWER = caller(Permission.VIEW_HISTORY)
MANAGER = caller(Permission.MANAGE_TOPICS)


@pytest.fixture
async def seed(database: Database) -> Seed:
    return await seeded(database)


@pytest.fixture
def history(database: Database, clock: FakeClock) -> History:
    return History(database, clock, TOKENS)


@pytest.fixture
def servicer(history: History, database: Database, clock: FakeClock) -> HistoryServicer:
    return HistoryServicer(history, GetTopicSeries(database), ExportMessages(database, clock))


@pytest.fixture
def topics(database: Database, clock: FakeClock) -> Topics:
    return Topics(database, clock, TOKENS)


# --- tallies by topic ---------------------------------------------------------------------------------------------


async def test_every_topic_appears(history: History, topics: Topics, seed: Seed) -> None:
    """S36, S37, S39: every topic of the filter is listed, zeros included, with a total of all of them."""
    for label in ("Storms", "Works"):
        await topics.create(MANAGER, label, label.lower())
    await seed.deltas(
        [
            ("storms", "main", T0, {"accepted": 4, "sent": 3, "delivered": 2, "segments": 6}),
            ("default", "main", T0, {"accepted": 1}),
        ]
    )
    found = await history.topic_tallies(VIEWER, start_us=T0, end_us=T0 + HOUR)
    assert [(topic.id, counts) for topic, counts in found.tallies] == [
        ("default", Counts(accepted=1)),
        ("storms", Counts(accepted=4, sent=3, delivered=2, segments=6)),
        ("works", Counts()),
    ]
    assert found.total == Counts(accepted=5, sent=3, delivered=2, segments=6)
    assert (found.start_us, found.end_us, found.time_zone) == (T0, T0 + HOUR, "UTC")


async def test_active_and_disabled_topics(history: History, topics: Topics, seed: Seed) -> None:
    """S40: the filter toggles between active and disabled topics; what disabled ones have counted stays viewable."""
    await topics.create(MANAGER, "Storms", "storms")
    await seed.deltas([("storms", "main", T0, {"sent": 3}), ("default", "main", T0, {"sent": 1})])
    await topics.disable(MANAGER, "storms")
    seen = {}
    for disabled in (False, True, None):
        found = await history.topic_tallies(VIEWER, start_us=T0, end_us=T0 + HOUR, disabled=disabled)
        seen[disabled] = ([topic.id for topic, _ in found.tallies], found.total.sent)
    assert seen == {False: (["default"], 1), True: (["storms"], 3), None: (["default", "storms"], 4)}


async def test_an_interval_is_rounded_outward(history: History, seed: Seed) -> None:
    """S39: ends between quarter hours are moved outward, and the answer says which interval was counted."""
    await seed.deltas([("default", "main", T0 + n * QUARTER, {"sent": 10**n}) for n in range(4)])
    found = await history.topic_tallies(VIEWER, start_us=T0 + QUARTER + 1, end_us=T0 + 2 * QUARTER + 1)
    assert found.total.sent == 110
    assert (found.start_us, found.end_us) == (T0 + QUARTER, T0 + 3 * QUARTER)


async def test_without_an_interval_everything_counts(history: History, seed: Seed, clock: FakeClock) -> None:
    """S39: without ends the interval runs from the first notification to now."""
    await seed.deltas([("default", "main", T0 - 4_000 * DAY, {"sent": 1}), ("default", "main", T0 + HOUR, {"sent": 1})])
    clock.us = T0 + HOUR + 1
    found = await history.topic_tallies(VIEWER)
    assert found.total.sent == 2
    assert (found.start_us, found.end_us) == (None, T0 + HOUR + QUARTER)


async def test_one_contact_point(history: History, seed: Seed, database: Database) -> None:
    """S39: with a contact point only its messages count; one that does not exist is refused."""
    await add_contact_point(database, "other")
    await seed.deltas([("default", "main", T0, {"sent": 1}), ("default", "other", T0, {"sent": 5})])
    async with database.write() as connection:
        await tallies.fold(connection, 1)
    for of, sent in (("", 6), ("main", 1), ("other", 5)):
        found = await history.topic_tallies(VIEWER, start_us=T0, end_us=T0 + HOUR, contact_point_id=of)
        assert found.total.sent == sent
    with pytest.raises(SendoutError) as caught:
        await history.topic_tallies(VIEWER, contact_point_id="none")
    assert refusal(caught) is Reason.CONTACT_POINT_NOT_FOUND


async def test_pages_of_tallies(history: History, topics: Topics, seed: Seed, clock: FakeClock) -> None:
    """S39: pages hold every topic once; each has the total of all, and the interval of the first page."""
    for n in range(7):
        await topics.create(MANAGER, f"L{n}", f"t{n}")
    await seed.deltas([(f"t{n}", "main", T0, {"sent": 1}) for n in range(7)])
    seen: list[str] = []
    token = ""
    while True:
        found = await history.topic_tallies(VIEWER, size=3, token=token)
        seen += [topic.id for topic, _ in found.tallies]
        assert (found.total.sent, found.end_us) == (7, T0 + QUARTER)
        clock.us += HOUR
        if not (token := found.next_page_token):
            break
    assert seen == ["default", *(f"t{n}" for n in range(7))]


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_us": T0, "end_us": T0},
        {"start_us": T0 + 1, "end_us": T0},
        {"time_zone": "Nowhere/City"},
        {"time_zone": "../etc/passwd"},
        {"size": -1},
    ],
)
async def test_what_is_no_interval(history: History, wrong: dict[str, int | str]) -> None:
    """An interval that does not end after its start, or a time zone that does not exist, is FIELD_INVALID."""
    with pytest.raises(SendoutError) as caught:
        await history.topic_tallies(VIEWER, **wrong)  # type: ignore[arg-type]
    assert refusal(caught) is Reason.FIELD_INVALID


async def test_history_needs_the_permission(history: History) -> None:
    """All of history needs VIEW_HISTORY, whatever is asked for."""
    for attempt in (
        history.topic_tallies(MANAGER),
        history.recent_messages(MANAGER, "none"),
        history.message(MANAGER, "none"),
    ):
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is Reason.ROLE_REQUIRED


# --- the most recent messages -------------------------------------------------------------------------------------


async def all_recent(history: History, topic_id: str, size: int) -> list[list[Message]]:
    """Every page of a topic's recent messages."""
    pages, token = [], ""
    while True:
        page = await history.recent_messages(VIEWER, topic_id, size=size, token=token)
        pages.append(list(page.messages))
        if not (token := page.next_page_token):
            return pages


async def test_newest_first(history: History, topics: Topics, seed: Seed) -> None:
    """S42: the newest notification comes first, its messages by index; other topics do not show."""
    await topics.create(MANAGER, "Storms", "storms")
    older = await seed.notification([State.SENT] * 2, time_us=T0)
    await seed.notification([State.SENT], time_us=T0 + 1, topic_id="storms")
    newer = await seed.notification([State.SENT] * 3, time_us=T0 + 2_000)
    found = (await history.recent_messages(VIEWER, "default")).messages
    assert [(m.notification_id, m.index) for m in found] == [(newer, 0), (newer, 1), (newer, 2), (older, 0), (older, 1)]
    assert [m.accept_time for m in found] == [T0 + 2_000] * 3 + [T0] * 2


@pytest.mark.parametrize("size", [1_000, 999, 400, 333])
async def test_never_more_than_a_thousand(history: History, seed: Seed, size: int) -> None:
    """S42: all pages together hold exactly the 1,000 most recent messages, each once, however they are cut."""
    sizes = [600, 7, 1, 350, 1, 900]  # from the oldest to the newest: 1,859 in all
    made = [await seed.notification([State.SENT] * n, time_us=T0 + at * 1_000) for at, n in enumerate(sizes)]
    expected = [(made[at], index) for at in reversed(range(6)) for index in range(sizes[at])][:1_000]
    pages = await all_recent(history, "default", size)
    assert [(m.notification_id, m.index) for page in pages for m in page] == expected
    assert all(len(page) == size for page in pages[:-1])


async def test_many_small_notifications(history: History, seed: Seed) -> None:
    """S42: the limit counts messages, not notifications, and a page may cross many notifications."""
    made = [await seed.notification([State.SENT], time_us=T0 + n * 1_000) for n in range(30)]
    pages = await all_recent(history, "default", 7)
    assert [m.notification_id for page in pages for m in page] == made[::-1]
    assert [len(page) for page in pages] == [7, 7, 7, 7, 2]


async def test_no_empty_last_page(history: History, seed: Seed) -> None:
    """S42: where a page ends with the last message there is no token for a page after it."""
    await seed.notification([State.SENT] * 4)
    assert [len(page) for page in await all_recent(history, "default", 2)] == [2, 2]


async def test_new_sends_do_not_disturb_pages(history: History, seed: Seed) -> None:
    """S42: what is sent while somebody pages is not shown twice and makes nothing be left out."""
    first = await seed.notification([State.SENT] * 4)
    page = await history.recent_messages(VIEWER, "default", size=2)
    await seed.notification([State.SENT] * 3, time_us=T0 + HOUR)
    rest = await history.recent_messages(VIEWER, "default", size=2, token=page.next_page_token)
    assert [(m.notification_id, m.index) for m in rest.messages] == [(first, 2), (first, 3)]


async def test_whether_each_was_delivered(history: History, seed: Seed) -> None:
    """S43: each row says yes only for a handset receipt, no for every other end, and unknown before."""
    await seed.notification(list(State))
    found = (await history.recent_messages(VIEWER, "default")).messages
    indicator = {m.state: arrived(m.state) for m in found}
    assert [state for state, said in indicator.items() if said] == [State.DELIVERED]
    assert {state for state, said in indicator.items() if said is False} == FINAL - {State.DELIVERED, State.UNKNOWN}
    assert {state for state, said in indicator.items() if said is None} == {*State} - FINAL | {State.UNKNOWN}


async def test_recent_of_an_unknown_or_disabled_topic(history: History, topics: Topics, seed: Seed) -> None:
    """S40, S41: a disabled topic still shows its messages; a topic that does not exist is TOPIC_NOT_FOUND."""
    await topics.create(MANAGER, "Storms", "storms")
    await seed.notification([State.SENT], topic_id="storms")
    await topics.disable(MANAGER, "storms")
    assert len((await history.recent_messages(VIEWER, "storms")).messages) == 1
    with pytest.raises(SendoutError) as caught:
        await history.recent_messages(VIEWER, "none")
    assert refusal(caught) is Reason.TOPIC_NOT_FOUND


async def test_a_forged_page_token(history: History, seed: Seed) -> None:
    """S42: a token of another topic or another call is refused, so nobody pages past the limit."""
    await seed.notification([State.SENT] * 3)
    token = (await history.recent_messages(VIEWER, "default", size=1)).next_page_token
    other = TOKENS.issue({"rpc": "ListMessages"}, [0])
    for attempt in (
        history.recent_messages(VIEWER, "storms", token=token),
        history.recent_messages(VIEWER, "default", token=other),
    ):
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is Reason.PAGE_TOKEN_INVALID


# --- one message --------------------------------------------------------------------------------------------------


async def test_one_message_in_full(history: History, seed: Seed) -> None:
    """S44: a message shows the text that was sent, its sender, number, carrier's id and where it belongs."""
    identifier = await seed.notification([State.SENT, State.DELIVERED], text="Trucks may be late")
    await seed.carrier_refs(identifier, 1, ["ref-a", "ref-b"])
    found = (await history.message(VIEWER, f"{identifier}.1")).full
    assert found.text == "Trucks may be late"
    assert (found.sender, found.contact_point_id, found.topic_id) == ("+14155550001", "main", "default")
    assert (found.message.number, found.message.carrier_ref, found.trace_id) == ("+14155550001", "ref-a", "ab" * 16)


async def test_a_personal_text(history: History, seed: Seed) -> None:
    """S44: where texts differ each message shows its own; a purged text is gone, the message is not."""
    identifier = await seed.notification([State.SENT] * 2, text="Hello {{name}}", texts=["Hello Ada", None])
    assert (await history.message(VIEWER, f"{identifier}.0")).full.text == "Hello Ada"
    assert (await history.message(VIEWER, f"{identifier}.1")).full.text == "Hello {{name}}"
    async with seed.database.write() as connection:
        await connection.execute(update(notification).values(text=None))
        await connection.execute(update(message).values(text=None, number=None))
    purged = (await history.message(VIEWER, f"{identifier}.0")).full
    assert (purged.text, purged.message.number) == (None, None)


async def test_the_timeline(history: History, seed: Seed) -> None:
    """S44: every state change of this message and of no other, oldest first, found in runs of neighbours."""
    identifier = await seed.notification([State.DELIVERED] * 2_000)
    another = await seed.notification([State.DELIVERED] * 2_000)
    at = T0
    for first, last, before, state in (
        (0, 511, State.QUEUED, State.SENDING),
        (512, 1_023, State.QUEUED, State.SENDING),
        (1_024, 1_535, State.QUEUED, State.SENDING),
        (700, 800, State.SENDING, State.SENT),
        (1_023, 1_023, State.SENDING, State.SENT),
        (1_022, 1_030, State.SENT, State.DELIVERED),
    ):
        at += 1_000_000
        await seed.event(identifier, first, last, int(before), state, at)
        await seed.event(another, first, last, int(before), state, at + 7)
    assert [(step.state, step.time - T0) for step in (await history.message(VIEWER, f"{identifier}.1023")).steps] == [
        (State.QUEUED, 0),
        (State.SENDING, 2_000_000),
        (State.SENT, 5_000_000),
        (State.DELIVERED, 6_000_000),
    ]
    for index, states in ((0, 2), (511, 2), (512, 2), (1_024, 3), (1_535, 2), (1_536, 1), (1_999, 1)):
        assert len((await history.message(VIEWER, f"{identifier}.{index}")).steps) == states


@pytest.mark.parametrize(
    ("message_id", "reason"),
    [
        ("", Reason.FIELD_INVALID),
        ("x.1", Reason.FIELD_INVALID),
        ("01890000-0000-7000-8000-000000000000", Reason.FIELD_INVALID),
        ("01890000-0000-7000-8000-000000000000.0", Reason.MESSAGE_NOT_FOUND),
    ],
)
async def test_unknown_messages(history: History, message_id: str, reason: Reason) -> None:
    """What is no message id is FIELD_INVALID; an id that no message has is MESSAGE_NOT_FOUND."""
    with pytest.raises(SendoutError) as caught:
        await history.message(VIEWER, message_id)
    assert refusal(caught) is reason


# --- on the wire --------------------------------------------------------------------------------------------------


async def test_tallies_on_the_wire(servicer: HistoryServicer, seed: Seed) -> None:
    """S39, S40: the servicer converts the interval, the filter and every count."""
    set_caller(VIEWER)
    counts = {name: n for n, name in enumerate(("accepted", "sent", "delivered", "undelivered", "failed", "other"), 1)}
    await seed.deltas([("default", "main", T0, {**counts, "segments": 7})])
    request = history_service_pb2.ListTopicTalliesRequest(
        state=topic_pb2.TOPIC_STATE_FILTER_BOTH, time_zone="Europe/Paris", contact_point_id="main"
    )
    request.start_time.FromMicroseconds(T0 + 1)
    request.end_time.FromMicroseconds(T0 + 2)
    answer = await servicer.ListTopicTallies(request, None)
    (only,) = answer.tallies
    assert only.topic.topic_id == "default"
    assert only.tally == answer.total
    assert [value for _, value in answer.total.ListFields()] == [1, 2, 3, 4, 5, 6, 7]
    assert answer.start_time.ToMicroseconds() == T0
    assert answer.end_time.ToMicroseconds() == T0 + QUARTER
    assert answer.time_zone == "Europe/Paris"


async def test_recent_messages_on_the_wire(servicer: HistoryServicer, seed: Seed) -> None:
    """S43: each row carries the full number, its state with plain words, and whether it was delivered."""
    set_caller(VIEWER)
    await seed.notification([State.DELIVERED, State.QUEUED], time_us=T0)
    await seed.notification([State.SUPPRESSED], time_us=T0 + HOUR, reason=ReasonCode.OPTED_OUT.value)
    answer = await servicer.ListRecentMessages(history_service_pb2.ListRecentMessagesRequest(topic_id="default"), None)
    suppressed, delivered, queued = answer.messages
    assert delivered.phone_number == "+14155550000"
    assert delivered.delivered == message_pb2.DELIVERY_INDICATOR_YES
    assert delivered.reason_text == "The phone confirmed it."
    assert delivered.final_time.ToMicroseconds() == T0 + 2_000_000
    assert queued.delivered == message_pb2.DELIVERY_INDICATOR_UNKNOWN
    assert not queued.HasField("sent_time")
    assert suppressed.delivered == message_pb2.DELIVERY_INDICATOR_NO
    assert (suppressed.reason_code, suppressed.reason_text) == ("OPTED_OUT", "The recipient has opted out.")


@pytest.mark.parametrize(("state", "may_change"), [(State.SENT, True), (State.UNKNOWN, True), (State.FAILED, False)])
async def test_one_message_on_the_wire(servicer: HistoryServicer, seed: Seed, state: State, may_change: bool) -> None:
    """S44: the detail says what each state means and whether the last may still change."""
    set_caller(VIEWER)
    identifier = await seed.notification([state])
    await seed.event(identifier, 0, 0, int(State.QUEUED), state, T0 + 1, ReasonCode.CARRIER_REFUSED.value)
    answer = await servicer.GetMessage(history_service_pb2.GetMessageRequest(message_id=f"{identifier}.0"), None)
    detail = answer.message
    assert (detail.text, detail.encoding) == ("Hello", message_pb2.ENCODING_GSM_7)
    assert [change.state for change in detail.changes] == [int(State.QUEUED), int(state)]
    assert detail.changes[0].state_text == "Waiting for its turn; it has not left."
    assert detail.changes[1].reason_text == "The carrier refused it."
    assert detail.may_still_change is may_change
    assert detail.message.state == int(state)
