"""Accepting: what is refused is refused whole, what is accepted is kept whole, and repeats change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update

from sendout.domain import limits
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.numbers import NumberProblem
from sendout.domain.paging import PageTokens
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.topics import Topics
from sendout.storage.engine import Database
from sendout.storage.tables import (
    audit,
    conversation,
    event,
    message,
    notification,
    role_grant,
    tally_delta,
    topic,
    usage,
)
from tests.integration.pipeline import CALLER, GOOD, Pipeline, add_contact_point, add_principal, pipeline, plain_numbers

GARAGE = (
    "Our Garage had a power outage today and some trucks may be delayed. "
    "Please reply if you require additional information."
)


@pytest.fixture
async def pipe(database: Database, valkey_url: str) -> AsyncIterator[Pipeline]:
    async with pipeline(database, valkey_url) as made:
        yield made


async def refused(pipe: Pipeline, *args: Any, **header: Any) -> SendoutError:
    """The refusal of a send, after making sure that it left nothing behind."""
    before = await kept(pipe)
    with pytest.raises(SendoutError) as refusal:
        await pipe.send(*args, **header)
    assert await kept(pipe) == before
    return refusal.value


async def kept(pipe: Pipeline) -> list[int]:
    """Rows in every table that a send writes to."""
    async with pipe.database.read() as connection:
        return [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (notification, message, event, tally_delta, usage, audit)
        ]


async def test_one_message_per_distinct_recipient(pipe: Pipeline) -> None:
    """S1, S8: several recipients make one message each; repeats in any spelling collapse and are reported."""
    accepted = await pipe.send(["+447400123456", "+44 7400 123456", GOOD[0], "(+44) 7400-123456"])
    assert accepted.notification["message_count"] == 2
    assert [(p.index, p.typed, p.problem) for p in accepted.skipped] == [
        (1, "+44 7400 123456", NumberProblem.DUPLICATE),
        (3, "(+44) 7400-123456", NumberProblem.DUPLICATE),
    ]


async def test_a_caller_without_a_role_on_the_list_is_refused(pipe: Pipeline) -> None:
    """S2, S5: off the contact point's list the very next send is refused, and nothing is kept."""
    await pipe.send(GOOD[:1])
    async with pipe.database.write() as connection:
        await connection.execute(delete(role_grant))
    assert (await refused(pipe, GOOD[:1])).reason is Reason.SEND_NOT_PERMITTED


async def test_a_refused_send_leaves_no_usage(pipe: Pipeline) -> None:
    """S7: a send refused at validation leaves no usage record."""
    assert (await refused(pipe, ["12"])).reason is Reason.RECIPIENT_INVALID


async def test_a_send_opens_no_conversation(pipe: Pipeline) -> None:
    """S9: after a notification is delivered there is no conversation."""
    accepted = await pipe.send(GOOD[:2])
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 2})
    async with pipe.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(conversation))).scalar_one() == 0


async def test_the_manuals_example_is_one_segment(pipe: Pipeline) -> None:
    """S13: the garage text sends without acknowledgement; in typographic quotes it needs two segments accepted."""
    accepted = await pipe.send(GOOD[:1], GARAGE, max_segments=0)
    assert accepted.notification["segments"] == 1
    refusal = await refused(pipe, GOOD[:1], f"\u201c{GARAGE}\u201d", max_segments=0)
    assert refusal.reason is Reason.SEGMENTS_NOT_ACCEPTED
    assert refusal.metadata == {"encoding": "UCS_2", "segments": "2", "max_segments": "1"}


async def test_a_connectors_send_is_like_any_other(pipe: Pipeline) -> None:
    """S14, S16: a send to one contact with a CRM reference is kept under its topic with that reference."""
    record = {"system": "salesforce", "object": "Contact", "record_id": "003A"}
    accepted = await pipe.send_command()(CALLER, Header("main", "Hello"), [NewRecipient(GOOD[0], record)])
    async with pipe.database.read() as connection:
        row = (await connection.execute(select(message.c.crm_record))).one()
        owner = (await connection.execute(select(notification.c.topic_id, notification.c.principal_id))).one()
    assert row.crm_record == record
    assert owner == ("default", "tester")
    assert accepted.notification["message_count"] == 1


async def test_a_notification_counts_under_its_topic_and_no_other(pipe: Pipeline) -> None:
    """S21, S33, S34, S36: the default topic unless one is named; the tally counts messages there alone."""
    async with pipe.database.write() as connection:
        await connection.execute(insert(topic).values(id="garage", label="Garage", label_key="garage", create_time=0))
    await pipe.send(GOOD[:2])
    await pipe.send(GOOD[:3], topic_id="garage")
    assert await pipe.tally("default") == {"accepted": 2}
    assert await pipe.tally("garage") == {"accepted": 3}


async def test_an_empty_text_is_refused(pipe: Pipeline) -> None:
    """S23: a text of nothing or of blanks is refused."""
    assert (await refused(pipe, GOOD[:1], " \n ")).reason is Reason.TEXT_EMPTY


async def test_a_long_text_must_be_accepted_or_shortened(pipe: Pipeline) -> None:
    """S26, S28, S29: 161 characters need two segments: refused at one, sent at two, sent unasked when shortened."""
    assert (await refused(pipe, GOOD[:1], "x" * 161, max_segments=1)).reason is Reason.SEGMENTS_NOT_ACCEPTED
    assert (await pipe.send(GOOD[:1], "x" * 161, max_segments=2)).notification["segments"] == 2
    assert (await pipe.send(GOOD[:1], "x" * 160, max_segments=0)).notification["segments"] == 1


async def test_an_acknowledgement_for_two_does_not_cover_three(pipe: Pipeline) -> None:
    """S28: max_segments 2 refuses a text of three segments."""
    assert (await refused(pipe, GOOD[:1], "x" * 320, max_segments=2)).reason is Reason.SEGMENTS_NOT_ACCEPTED


async def test_every_problem_number_is_named(pipe: Pipeline) -> None:
    """S31, S32: all bad numbers are reported as typed, with place and reason; nothing is sent to the good ones."""
    refusal = await refused(pipe, [GOOD[0], "12345", "+1 415 CALL", "+1415555267", "4155552671 ext 5"])
    assert refusal.reason is Reason.RECIPIENT_INVALID
    assert [v.field for v in refusal.violations] == [f"recipients[{n}].phone_number" for n in (1, 2, 3, 4)]
    assert "'12345'" in refusal.violations[0].description
    assert "'+1 415 CALL'" in refusal.message


async def test_invalid_recipients_can_be_skipped(pipe: Pipeline) -> None:
    """S30, S31: with SKIP the valid ones are sent to and the problem ones come back as typed."""
    accepted = await pipe.send([GOOD[0], "12345"], skip_invalid=True)
    assert accepted.notification["message_count"] == 1
    assert [(p.index, p.typed) for p in accepted.skipped] == [(1, "12345")]
    refusal = await refused(pipe, ["12345"], skip_invalid=True)
    assert refusal.reason is Reason.NO_SENDABLE_RECIPIENTS
    assert str(refusal) == "None of the recipients can be sent to: 1 with a problem. Nothing was sent."


async def test_the_same_request_id_is_one_notification(pipe: Pipeline) -> None:
    """Twenty concurrent calls with one request id leave one notification and all answer it."""
    calls = [pipe.send(GOOD[:5], request_id="r1") for _ in range(20)]
    answers = await asyncio.gather(*calls)
    assert len({answer.notification["id"] for answer in answers}) == 1
    assert sum(answer.replayed for answer in answers) == 19
    assert (await kept(pipe))[:2] == [1, 5]


async def test_a_replay_answers_the_same(pipe: Pipeline) -> None:
    """A repeat answers with the same id and the same skipped recipients, also after the topic was disabled."""
    first = await pipe.send([*GOOD[:2], "12345"], skip_invalid=True, request_id="r1")
    again = await pipe.send([*GOOD[:2], "12345"], skip_invalid=True, request_id="r1")
    assert again.replayed
    assert (again.notification["id"], again.skipped) == (first.notification["id"], first.skipped)
    reordered = await pipe.send([GOOD[1], GOOD[0], "12345"], skip_invalid=True, request_id="r1")
    assert reordered.notification["id"] == first.notification["id"]


async def test_a_request_id_for_something_else_is_refused(pipe: Pipeline) -> None:
    """Another text, recipient or option under the same request id is refused and changes nothing."""
    await pipe.send(GOOD[:2], request_id="r1")
    for arguments in ((GOOD[:3], "Hello"), (GOOD[:2], "Other")):
        assert (await refused(pipe, *arguments, request_id="r1")).reason is Reason.REQUEST_ID_REUSED
    assert (await refused(pipe, GOOD[:2], urgent=True, request_id="r1")).reason is Reason.REQUEST_ID_REUSED


async def test_request_ids_belong_to_their_caller(pipe: Pipeline) -> None:
    """Two principals may use the same request id for different sends."""
    await add_principal(pipe.database, "other")
    await pipe.send(GOOD[:1], request_id="r1")
    other = replace(CALLER, principal_id="other")
    accepted = await pipe.send_command()(other, Header("main", "Hi", request_id="r1"), [NewRecipient(GOOD[5])])
    assert not accepted.replayed


async def test_a_disabled_topic_takes_no_new_sends(pipe: Pipeline) -> None:
    """S52: a send that names a disabled topic by id is refused."""
    async with pipe.database.write() as connection:
        await connection.execute(
            insert(topic).values(id="old", label="Old", label_key="old", disabled=True, create_time=0)
        )
    assert (await refused(pipe, GOOD[:1], topic_id="old")).reason is Reason.TOPIC_DISABLED
    assert (await refused(pipe, GOOD[:1], topic_id="none")).reason is Reason.TOPIC_NOT_FOUND


async def test_a_topic_disabled_later_lets_accepted_sends_finish(pipe: Pipeline) -> None:
    """A topic disabled while its sends are queued: they finish and count."""
    async with pipe.database.write() as connection:
        await connection.execute(insert(topic).values(id="t", label="T", label_key="t", create_time=0))
    accepted = await pipe.send(GOOD[:2], topic_id="t")
    async with pipe.database.write() as connection:
        await connection.execute(update(topic).where(topic.c.id == "t").values(disabled=True))
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 2})
    assert await pipe.tally("t") == {"accepted": 2, "sent": 2, "delivered": 2, "segments": 2}


async def test_rules_of_the_contact_point_hold(pipe: Pipeline) -> None:
    """Unknown or switched-off contact points, emoji, countries and ceilings refuse with their own reasons."""
    await add_contact_point(
        pipe.database, "strict", emoji_enabled=False, max_segments=2, allowed_countries=["US"], default_region="US"
    )
    await add_contact_point(pipe.database, "off", enabled=False)
    strict = {"contact_point_id": "strict"}
    assert (await refused(pipe, GOOD[:1], contact_point_id="none")).reason is Reason.CONTACT_POINT_NOT_FOUND
    assert (await refused(pipe, GOOD[:1], contact_point_id="off")).reason is Reason.CONTACT_POINT_DISABLED
    assert (await refused(pipe, ["4155550101"], "Hi \U0001f600", **strict)).reason is Reason.EMOJI_NOT_ENABLED
    assert (await refused(pipe, ["4155550101"], "x" * 320, **strict)).reason is Reason.SEGMENTS_NOT_ACCEPTED
    assert (await refused(pipe, GOOD[:1], **strict)).reason is Reason.COUNTRY_NOT_ALLOWED


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ({"request_id": "r" * 129}, "request_id"),
        ({"max_segments": -1}, "max_segments"),
        ({"expire_time": 1}, "expire_time"),
        ({"send_time": 2**52}, "send_time"),
        ({"request_id": "r\x00"}, "request_id"),
        ({"labels": {"": "x"}}, "labels['']"),
        ({"labels": {"k": "x" * 256}}, "labels['k']"),
        ({"labels": {"k": "\x00"}}, "labels['k']"),
        ({"labels": {str(n): "x" for n in range(21)}}, "labels"),
    ],
)
async def test_bad_headers_name_the_field(pipe: Pipeline, header: dict[str, Any], field: str) -> None:
    """Each limit of the header is refused with the field's name."""
    refusal = await refused(pipe, GOOD[:1], **header)
    assert [v.field for v in refusal.violations] == [field]


async def test_ten_thousand_are_taken_and_one_more_is_not(pipe: Pipeline) -> None:
    """The unary form takes 10,000 recipients and refuses 10,001."""
    assert (await pipe.send(plain_numbers(10_000))).notification["message_count"] == limits.MAX_RECIPIENTS
    assert (await refused(pipe, plain_numbers(10_001))).reason is Reason.FIELD_INVALID


async def test_a_topic_added_in_place_can_be_used_at_once(pipe: Pipeline) -> None:
    """S20: a topic created a moment ago is in the list and takes the send."""
    topics = Topics(pipe.database, pipe.clock, PageTokens(b"t" * 32))
    created = await topics.create(CALLER, "Harbour closures")
    assert created.id in {listed.id for listed in (await topics.list_topics()).topics}
    accepted = await pipe.send(GOOD[:1], topic_id=created.id)
    assert accepted.notification["topic_id"] == created.id
