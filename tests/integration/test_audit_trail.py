"""The audit trail: filters, times and pages, beside a plain look at every entry."""

from __future__ import annotations

import random
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import delete, insert

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.server.commands.audit_trail import AuditTrail
from sendout.server.rpc.audit import AuditServicer
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.pages import Pages
from sendout.storage.audit import AuditEntry
from sendout.storage.engine import Database
from sendout.storage.tables import audit
from sendout.v1 import audit_service_pb2 as pb
from tests.integration.seed import HOUR, T0, TOKENS, caller, refusal

ADMIN = caller(Permission.ADMINISTER)
MINUTE = HOUR // 60


async def keep(database: Database, count: int, seed: int) -> list[AuditEntry]:
    """So many entries, a minute apart but for what writers at work mix up, some of the first ones deleted again."""
    rng = random.Random(seed)
    entries = [
        AuditEntry(
            number,
            T0 + number * MINUTE + rng.randrange(-2 * MINUTE, 2 * MINUTE),
            rng.choice(["ada", "bob"]),
            rng.choice(["k1", ""]),
            rng.choice(["DisableTopic", "SendNotification"]),
            f"t{rng.randrange(4)}",
            "ab" * 16,
        )
        for number in range(1, count + 1)
    ]
    names = AuditEntry.__slots__
    async with database.write() as connection:
        await connection.execute(insert(audit), [{name: getattr(one, name) for name in names} for one in entries])
        await connection.execute(delete(audit).where(audit.c.id <= 7))
    return entries[7:]


async def test_entries_are_those_of_a_plain_look(database: Database) -> None:
    """For random filters, intervals and page sizes the pages hold exactly the entries that fit, newest first."""
    kept, rng, trail = await keep(database, 300, 5), random.Random(9), AuditTrail(database)
    for _ in range(40):
        start = rng.choice([None, T0 + rng.randrange(-HOUR, 6 * HOUR)])
        end = rng.choice([None, (T0 if start is None else start) + rng.randrange(1, 6 * HOUR)])
        only = {
            "principal_id": rng.choice(["", "ada"]),
            "action": rng.choice(["", "DisableTopic"]),
            "object_id": rng.choice(["", "t1", "nothing"]),
        }
        expected = [
            one
            for one in reversed(kept)
            if (start is None or one.time >= start)
            and (end is None or one.time < end)
            and all(not value or getattr(one, name) == value for name, value in only.items())
        ]
        size, found, after = rng.choice([1, 7, 400]), [], None
        while page := await trail.list_page(ADMIN, size, after, start_us=start, end_us=end, **only):
            found += page
            after = [page[-1].id]
        assert found == expected


async def test_an_empty_trail(database: Database) -> None:
    """Without entries every interval is empty."""
    assert await AuditTrail(database).list_page(ADMIN, 9, None, start_us=T0, end_us=T0 + 1) == []


async def test_who_may_not_and_what_cannot_be_asked(database: Database) -> None:
    """It takes ADMINISTER, and an interval that ends after its start."""
    trail = AuditTrail(database)
    for attempt, reason in (
        (trail.list_page(caller(Permission.VIEW_HISTORY), 9, None), Reason.ROLE_REQUIRED),
        (trail.list_page(ADMIN, 9, None, start_us=T0, end_us=T0), Reason.FIELD_INVALID),
    ):
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is reason


async def test_the_trail_over_the_wire(database: Database) -> None:
    """Entries go out with all they hold; a page token fits no other filter."""
    kept = await keep(database, 30, 1)
    set_caller(ADMIN)
    servicer = AuditServicer(AuditTrail(database), Pages(TOKENS))
    start = Timestamp()
    start.FromMicroseconds(T0 + HOUR // 4)
    asked: dict[str, Any] = {"start_time": start, "principal_id": "ada", "page_size": 2}
    first = await servicer.ListAuditEntries(pb.ListAuditEntriesRequest(**asked), None)
    expected = [one for one in reversed(kept) if one.principal_id == "ada" and one.time >= T0 + HOUR // 4]
    assert [
        (one.audit_entry_id, one.time.ToMicroseconds(), one.api_key_id, one.action, one.object_id, one.trace_id)
        for one in first.entries
    ] == [(str(one.id), one.time, one.api_key_id, one.action, one.object_id, one.trace_id) for one in expected[:2]]
    asked["page_token"] = first.next_page_token
    second = await servicer.ListAuditEntries(pb.ListAuditEntriesRequest(**asked), None)
    assert [one.audit_entry_id for one in second.entries] == [str(one.id) for one in expected[2:4]]
    with pytest.raises(SendoutError) as caught:
        await servicer.ListAuditEntries(pb.ListAuditEntriesRequest(**asked | {"principal_id": "bob"}), None)
    assert refusal(caught) is Reason.PAGE_TOKEN_INVALID
