"""Look before sending: what a preview shows is what a send of the same request does, for any request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from sendout.domain.errors import SendoutError
from sendout.domain.numbers import number_key
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import State
from sendout.server.commands.drafting import Drafts
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.preview_notification import Preview, PreviewNotification
from sendout.server.commands.send_notification import Accepted, SendNotification
from sendout.storage.engine import Database
from sendout.storage.prices import PriceBook
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import api_key, consent, message, role_grant, topic
from tests.conftest import FakeClock
from tests.integration.pipeline import NUMBER_SECRET, add_contact_point, add_principal, plain_numbers

NUMBERS = plain_numbers(30)
OPTED_OUT, OPTED_IN = NUMBERS[:4], NUMBERS[4:12]
TYPED = (
    *NUMBERS[:14],
    *(
        "+14155550101",
        "(415) 555-2671",
        "12345",
        "+44 7700 900123",
        "abc",
        "",
        "+1 415 555 2671 ext 5",
        "+4915112345678",
    ),
)
POINTS: dict[str, dict[str, Any]] = {
    "main": {},
    "plain": {"emoji_enabled": False, "max_segments": 2, "smart_encoding": True, "allowed_countries": ["GB"]},
    "agreed": {"consent_policy": "REQUIRE_OPT_IN"},
    "asleep": {"quiet_hours": {"start": "22:00", "end": "06:00", "fallback_time_zone": "UTC"}},
    "shy": {"number_messages_per_hour": 2},
    "slow": {"segments_per_second": 0.001, "max_backlog_hours": 2},
    "off": {"enabled": False},
    "closed": {},
}
PIECES = (
    *("Hello", " ", "{{name}}", "{{ place }}", "\u2019", "\u201cquoted\u201d", "Я", "€[]", "😀", "x" * 150, "y" * 70),
    *("\t", "\x00", "\u200b", "é", "{{", "}}", "e\u0301", "", "STOP", "bit.ly/x"),
)
GOOD_PIECES = ("Hello", "{{name}}", "\u2019", "Я", "€[]", "x" * 150, "é")
_texts = st.one_of(
    st.lists(st.sampled_from(GOOD_PIECES), min_size=2, max_size=4).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
)
_values = st.lists(st.sampled_from(("Ann", "Zoë", "😀", "Я", "z" * 120, "", "{{name}}", "\x01")), max_size=2).map(
    "".join
)
_variables = st.one_of(
    st.just({"name": "Ann", "place": "Rome"}),
    st.dictionaries(st.sampled_from(("name", "place", "other")), _values, max_size=3),
)
_recipients = st.one_of(
    *(
        st.lists(st.builds(NewRecipient, st.sampled_from(typed), st.none(), _variables), min_size=low, max_size=8)
        for typed, low in ((NUMBERS, 3), (TYPED, 0), (NUMBERS[4:], 1))
    )
)
_headers = st.builds(
    Header,
    contact_point_id=st.sampled_from(sorted(POINTS)),
    text=_texts,
    topic_id=st.sampled_from(("", "default", "gone", "away")),
    max_segments=st.sampled_from((0, 1, 2, 4, 10)),
    skip_invalid=st.booleans(),
    smart_encoding=st.booleans(),
    urgent=st.booleans(),
    send_time=st.sampled_from((None, 1_767_225_600_000_000 + 3_600_000_000 * 30)),
)


@dataclass
class Both:
    """The two commands over one database, and a loop to run them in."""

    run: asyncio.Runner
    database: Database
    clock: FakeClock
    rings: Rings
    caller: Caller

    def preview(self, header: Header, recipients: list[NewRecipient]) -> Preview | SendoutError:
        command = PreviewNotification(self._drafts(), self.database, self.clock, PriceBook(self.clock))
        return self._outcome(command(self.caller, header, recipients))

    def send(self, header: Header, recipients: list[NewRecipient]) -> Accepted | SendoutError:
        command = SendNotification(self._drafts(), self.database, self.clock, self.rings)
        return self._outcome(command(self.caller, header, recipients))

    def messages(self, accepted: Accepted) -> list[Any]:
        async def read() -> list[Any]:
            async with self.database.read() as connection:
                of = message.c.notification_id == accepted.notification["id"]
                return list(await connection.execute(select(message).where(of).order_by(message.c.index)))

        return self.run.run(read())

    def _drafts(self) -> Drafts:
        return Drafts(self.database, self.clock, NUMBER_SECRET, frozenset({"simulator"}), {})

    def _outcome(self, call: Any) -> Any:
        async def caught() -> Any:
            try:
                return await call
            except SendoutError as error:
                return error

        return self.run.run(caught())


@pytest.fixture
def both(database_url: str, valkey_url: str, clock: FakeClock) -> Iterator[Both]:
    """A loop of its own, because hypothesis calls a test many times and none of them may be a coroutine."""
    with asyncio.Runner() as run:
        database = Database(database_url)
        rings = run.run(_connected(valkey_url))
        run.run(_furnish(database))
        caller = Caller("tester", "key1", "Tester", frozenset({"everyone"}), frozenset(Permission))
        yield Both(run, database, clock, rings, caller)
        run.run(rings.close())
        run.run(database.close())


async def _connected(url: str) -> Rings:
    return Rings(connect(url))


async def _furnish(database: Database) -> None:
    await add_principal(database)
    for identifier, values in POINTS.items():
        await add_contact_point(database, identifier, **values)
    async with database.write() as connection:
        await connection.execute(role_grant.delete().where(role_grant.c.contact_point_id == "closed"))
        await connection.execute(
            insert(topic).values(id="gone", label="Gone", label_key="gone", disabled=True, create_time=0)
        )
        words = [(number, True) for number in OPTED_OUT] + [(number, False) for number in OPTED_IN]
        for number, out in words:
            await connection.execute(
                insert(consent).values(
                    number_key=number_key(number, NUMBER_SECRET),
                    contact_point_id="",
                    opted_out=out,
                    source="RECORDED",
                    evidence="",
                    principal_id="tester",
                    consent_time=0,
                    update_time=0,
                )
            )
        await connection.execute(
            insert(api_key).values(
                id="key1",
                principal_id="tester",
                label="k",
                secret_hash=b"h" * 32,
                create_time=0,
                daily_segment_quota=600,
            )
        )


def test_a_preview_shows_what_a_send_does(both: Both) -> None:
    """S11, S24, S26, S31: for any request the preview names the refusal of the send, or what it will keep."""
    sent = refused = 0
    why: Counter[str] = Counter()

    @settings(
        max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(_headers, _recipients)
    def holds(header: Header, recipients: list[NewRecipient]) -> None:
        nonlocal sent, refused
        shown = both.preview(header, recipients)
        done = both.send(header, recipients)
        why[f"{done.reason}: {done.message[:60]}" if isinstance(done, SendoutError) else "sent"] += 1
        if isinstance(shown, SendoutError):
            assert isinstance(done, SendoutError)
            assert done.reason is shown.reason
        elif shown.refusals:
            assert isinstance(done, SendoutError), shown.refusals
            assert done.reason is shown.refusals[0].reason
            assert done.message == shown.refusals[0].message
            refused += 1
        else:
            assert isinstance(done, Accepted), done
            _equal(both, shown, done)
            sent += 1

    holds()
    assert sent > 20, why
    assert refused > 20


def _equal(both: Both, shown: Preview, done: Accepted) -> None:
    kept = both.messages(done)
    going = [one for one in shown.recipients if one.problem is None]
    assert shown.message_count == done.notification["message_count"] == len(kept) == len(going)
    assert [(one.e164, one.country, one.segments) for one in going] == [(m.number, m.country, m.segments) for m in kept]
    assert [one.held_until for one in going] == [m.due_time if m.reason == "QUIET_HOURS" else None for m in kept]
    assert shown.held_count == sum(m.reason == "QUIET_HOURS" for m in kept)
    assert shown.billable_segments == done.segments == sum(m.segments for m in kept)
    first = kept[0].text if kept[0].text is not None else done.notification["text"]
    assert shown.sample_text == first
    assert (int(shown.draft.encoding), shown.draft.segments) == (
        done.notification["encoding"],
        done.notification["segments"],
    )
    assert [(one.place, one.problem.problem) for one in shown.recipients if one.problem] == [
        (problem.index, problem.problem) for problem in done.skipped
    ]
    assert done.counts.get(State.HELD, 0) == sum(m.state == State.HELD for m in kept)


def test_a_preview_keeps_nothing(both: Both) -> None:
    """Previewing leaves no notification, no message and no charge on the key's quota."""
    for _ in range(5):
        shown = both.preview(Header("main", "x" * 400, max_segments=3), [NewRecipient(n) for n in NUMBERS[12:]])
        assert isinstance(shown, Preview)
        assert not shown.refusals
        assert shown.billable_segments == 3 * len(NUMBERS[12:])

    async def count() -> int:
        async with both.database.read() as connection:
            return len((await connection.execute(select(message.c.index))).all())

    assert both.run.run(count()) == 0


def test_everything_wrong_is_told_at_once(both: Both) -> None:
    """A form gets every problem in one answer: the text, the numbers, the topic, the contact point."""

    async def switch_off() -> None:
        async with both.database.write() as connection:
            await connection.execute(update(topic).where(topic.c.id == "default").values(label="Default"))

    both.run.run(switch_off())
    shown = both.preview(
        Header("off", "😀" * 40, topic_id="gone"), [NewRecipient("12"), NewRecipient(OPTED_OUT[0]), NewRecipient("+12")]
    )
    assert isinstance(shown, Preview)
    assert [refusal.reason.value for refusal in shown.refusals] == [
        "SEGMENTS_NOT_ACCEPTED",
        "RECIPIENT_INVALID",
        "CONTACT_POINT_DISABLED",
        "TOPIC_DISABLED",
    ]
    assert [(one.typed, one.problem.problem.value if one.problem else "") for one in shown.recipients] == [
        ("12", "TOO_SHORT"),
        (OPTED_OUT[0], "OPTED_OUT"),
        ("+12", "TOO_SHORT"),
    ]
