"""Usage, prices, snippets and the audit trail: what is asked and what is printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from sendout.v1 import audit_service_pb2 as audit_pb
from sendout.v1 import price_service_pb2 as prices_pb
from sendout.v1 import snippet_service_pb2 as snippets_pb
from sendout.v1 import usage_pb2
from sendout.v1 import usage_service_pb2 as usage_pb
from sendout.v1.audit_pb2 import AuditEntry
from sendout.v1.price_pb2 import Price
from sendout.v1.snippet_pb2 import SNIPPET_SCOPE_PERSONAL, SNIPPET_SCOPE_SHARED, Snippet
from sendout.v1.usage_pb2 import UsageRow
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer

SEVEN_CENTS = Money(currency_code="EUR", nanos=70_000_000)
ID = "0199b2c4-1d2e-7a3b-8c4d-5e6f7a8b9c0d"


def row(day: int, country: str, **values: object) -> UsageRow:
    return UsageRow(day=Date(year=2026, month=3, day=day), country=country, **values)  # type: ignore[arg-type]


TOTAL = UsageRow(
    messages=1_203, billable_segments=1_300, cost=Money(currency_code="EUR", units=1_234, nanos=5), unpriced_segments=1
)
PAGES = [
    usage_pb.GetUsageResponse(
        rows=[row(1, "GB", messages=1_200, billable_segments=1_299, cost=SEVEN_CENTS)],
        total=TOTAL,
        next_page_token="2",
    ),
    usage_pb.GetUsageResponse(
        rows=[row(2, "", messages=3, billable_segments=1, unpriced_segments=1)],
        total=TOTAL,
    ),
]


def test_usage_is_added_up_by_what_is_asked(server: FakeServer, run: Run) -> None:
    """S7: all pages come as one table in the order asked for, with the total, and what has no price is said."""
    server.on("GetUsage", *PAGES)
    done = run("usage", "--since", "30d", "--by", "day, country", "--time-zone", "Europe/Paris", "--topic", "outages")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "Day         Country  Messages  Segments  Cost",
        "2026-03-01  GB          1,200     1,299  0.07 EUR",
        "2026-03-02  -               3         1  -",
        "Total                   1,203     1,300  1,234.000000005 EUR",
    ]
    assert "leaves out 1 segment " in done.stderr
    request = server.requests("GetUsage")[0]
    assert list(request.group_by) == [usage_pb2.USAGE_DIMENSION_DAY, usage_pb2.USAGE_DIMENSION_COUNTRY]
    assert (request.time_zone, request.topic_id) == ("Europe/Paris", "outages")
    asked = datetime.now(UTC) - request.start_time.ToDatetime(tzinfo=UTC)
    assert abs(asked - timedelta(days=30)) < timedelta(minutes=1)
    assert abs(datetime.now(UTC) - request.end_time.ToDatetime(tzinfo=UTC)) < timedelta(minutes=1)


def test_usage_as_csv_has_exact_amounts(server: FakeServer, run: Run) -> None:
    """S7: the CSV has a column for each grouping and amounts that a program can add up."""
    server.on("GetUsage", *PAGES)
    done = run("usage", "--by", "month,country", "--csv")
    assert done.stdout.splitlines() == [
        "month,country,messages,billable_segments,cost,currency,unpriced_segments",
        "2026-03,GB,1200,1299,0.070000000,EUR,0",
        "2026-03,,3,1,,,1",
    ]


def test_usage_without_groups_is_one_sum(server: FakeServer, run: Run) -> None:
    """Without --by there is one line, also where nothing was used; JSON is the answer as it came."""
    server.on("GetUsage", usage_pb.GetUsageResponse(total=UsageRow()))
    assert run("usage").stdout.splitlines() == ["Messages  Segments  Cost", "       0         0  -"]
    assert json.loads(run("usage", "--output", "json").stdout)["total"]["billableSegments"] == "0"
    assert run("usage", "--csv").stdout.splitlines()[1:] == ["0,0,,,0"]


def test_usage_cannot_be_grouped_by_anything_else(server: FakeServer, run: Run) -> None:
    """An unknown grouping is wrong usage, and the sentence names those there are."""
    done = run("usage", "--by", "day,colour")
    assert done.exit_code == 2
    assert "'colour'" in done.output
    assert not server.calls


def test_prices_are_set_listed_and_deleted(server: FakeServer, run: Run) -> None:
    """An amount goes to the server exactly, with whom and from when it is for; the list shows both."""
    price = Price(
        price_id=ID, contact_point_id="main", country="GB", per_segment=SEVEN_CENTS, start_time=Timestamp(seconds=60)
    )
    server.on("CreatePrice", prices_pb.CreatePriceResponse(price=price))
    server.on("ListPrices", prices_pb.ListPricesResponse(prices=[price, Price(per_segment=SEVEN_CENTS)]))
    server.on("DeletePrice", prices_pb.DeletePriceResponse())
    options = ("--country", "GB", "--contact-point", "main", "--from", "2027-01-01T00:00+00:00")
    done = run("prices", "set", "0.07", "EUR", *options)
    assert done.stdout == f"A segment from main to GB costs 0.07 EUR from 1970-01-01 00:01:00 UTC on. Price {ID}.\n"
    asked = server.requests("CreatePrice")[0].price
    assert asked.per_segment == SEVEN_CENTS
    assert (asked.country, asked.contact_point_id, asked.start_time.seconds) == ("GB", "main", 1_798_761_600)
    run("prices", "set", "12.000000001", "EUR")
    assert server.requests("CreatePrice")[1].price == Price(per_segment=Money(currency_code="EUR", units=12, nanos=1))
    lines = run("prices", "list", "--country", "GB").stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [["main", "GB", "0.07", "EUR"], ["all", "all", "0.07", "EUR"]]
    assert run("prices", "delete", ID).stdout == f"Deleted price {ID}.\n"
    assert server.requests("DeletePrice")[0].price_id == ID


@pytest.mark.parametrize("typed", ["0,07", "1e-2", "0.0000000001", "free", "NaN", "1_0"])
def test_no_amount_is_wrong_usage(server: FakeServer, run: Run, typed: str) -> None:
    """What is no plain amount never gets to the server."""
    done = run("prices", "set", typed, "EUR")
    assert done.exit_code == 2
    assert f"'{typed}'" in done.output
    assert not server.calls


def test_snippets_are_kept_by_tag(server: FakeServer, run: Run) -> None:
    """S25: a snippet is saved, listed, changed and deleted by its tag; one's own goes before the shared one."""
    own = Snippet(snippet_id=ID, tag="closing", text="Bye\nnow", scope=SNIPPET_SCOPE_PERSONAL)
    shared = Snippet(snippet_id=ID[:-1] + "e", tag="closing", scope=SNIPPET_SCOPE_SHARED)
    server.on("CreateSnippet", snippets_pb.CreateSnippetResponse(snippet=own))
    server.on("ListSnippets", snippets_pb.ListSnippetsResponse(snippets=[shared, own]))
    server.on("UpdateSnippet", snippets_pb.UpdateSnippetResponse(snippet=own))
    server.on("DeleteSnippet", snippets_pb.DeleteSnippetResponse())
    done = run("snippets", "create", "closing", "Bye", "--shared")
    assert done.stdout == f"Saved the personal snippet closing ({ID}).\n"
    assert server.requests("CreateSnippet")[0].snippet.scope == SNIPPET_SCOPE_SHARED
    assert f"closing  personal  {ID}  Bye now" in run("snippets", "list").stdout
    assert run("snippets", "update", "closing", "--text", "").exit_code == 0
    changed = server.requests("UpdateSnippet")[0]
    assert (changed.snippet.snippet_id, changed.snippet.text, changed.update_mask.paths) == (ID, "", ["text"])
    assert run("snippets", "delete", ID[:-1] + "e").exit_code == 0
    assert server.requests("DeleteSnippet")[0].snippet_id == ID[:-1] + "e"
    assert run("snippets", "update", "closing").exit_code == 2
    missing = run("snippets", "delete", "nonsense")
    assert (missing.exit_code, 'no snippet "nonsense"' in missing.stderr) == (1, True)


def test_audit_lists_changes(server: FakeServer, run: Run) -> None:
    """Who changed what comes newest first, filtered and limited over pages."""
    entries = [
        AuditEntry(audit_entry_id=str(n), principal_id="ada", action="DisableTopic", object_id=f"t{n}")
        for n in (3, 2, 1)
    ]
    server.on(
        "ListAuditEntries",
        audit_pb.ListAuditEntriesResponse(entries=entries[:1], next_page_token="2"),
        audit_pb.ListAuditEntriesResponse(entries=entries[1:]),
    )
    done = run("audit", "--since", "7d", "--action", "DisableTopic", "--principal", "ada", "--limit", "2")
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.stdout.splitlines()[1:]] == [
        ["ada", "-", "DisableTopic", "t3", "-"],
        ["ada", "-", "DisableTopic", "t2", "-"],
    ]
    request = server.requests("ListAuditEntries")[0]
    assert (request.action, request.principal_id, request.page_size) == ("DisableTopic", "ada", 2)
    assert request.HasField("start_time")


def test_a_refusal_is_a_sentence(server: FakeServer, run: Run) -> None:
    """A price in another currency ends with the server's sentence and status 1."""
    said = "price.per_segment.currency_code: Prices here are in EUR. You gave 'USD'."
    refused = Fail(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", said)
    server.on("CreatePrice", refused)
    done = run("prices", "set", "0.07", "USD")
    assert done.exit_code == 1
    assert "Prices here are in EUR" in done.stderr
