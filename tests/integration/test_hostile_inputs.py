"""What people and programs may type to deceive or to do harm: a real gateway before a real server with real stores."""

from __future__ import annotations

import csv
import io
import json
import time
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from sendout.storage.engine import Database
from sendout.v1.notification_service_pb2 import SendNotificationRequest
from tests.integration.gateway_site import Answer, Web, gateway_before_server

NUMBER = "+14155550101"
SMS = {"contactPointId": "main", "text": "The bridge is closed.", "recipients": [{"phoneNumber": NUMBER}]}
POINT = {"contactPointId": "side", "label": "Side", "sender": "+14155550009", "carrier": "simulator"}
PASSWORD = "correct horse battery"
HERE = "HERE"

# What phones and people get to read, and where else a text may be put: (path, body).
READ: list[tuple[str, dict[str, Any]]] = [
    ("/v1/notifications", SMS | {"text": HERE}),
    ("/v1/notifications", SMS | {"text": "{{a}}", "recipients": [{"phoneNumber": NUMBER, "variables": {"a": HERE}}]}),
    ("/v1/snippets", {"tag": "a", "text": HERE}),
    ("/v1/contact-points", POINT | {"optOutReply": HERE}),
    ("/v1/contact-points", POINT | {"label": HERE}),
    ("/v1/topics", {"label": HERE}),
    ("/v1/users", {"user": {"label": HERE}}),
    ("/v1/simulator/handsets/%2B14155550101:send", {"sender": "+14155550100", "text": HERE}),
]
ELSEWHERE: list[tuple[str, dict[str, Any]]] = [
    ("/v1/notifications:preview", SMS | {"text": HERE}),
    ("/v1/notifications", SMS | {"recipients": [{"phoneNumber": HERE}]}),
    ("/v1/notifications", SMS | {"recipients": [{"phoneNumber": NUMBER, "variables": {HERE: "a"}}]}),
    ("/v1/notifications", SMS | {"requestId": HERE}),
    ("/v1/notifications", SMS | {"contactPointId": HERE}),
    ("/v1/notifications", SMS | {"topicId": HERE}),
    ("/v1/notifications", SMS | {"labels": {"team": HERE}}),
    ("/v1/notifications", SMS | {"labels": {HERE: "roads"}}),
    ("/v1/topics", {"topicId": HERE, "label": "Roads"}),
    ("/v1/snippets", {"tag": HERE, "text": "Hello"}),
    ("/v1/users", {"user": {"label": "Robin"}, "password": HERE}),
    ("/v1/users", {"user": {"label": "Robin", "externalId": HERE}}),
    ("/v1/sessions", {"password": {"userId": "robin", "password": HERE}}),
    ("/v1/sessions", {"password": {"userId": HERE, "password": PASSWORD}}),
    ("/v1/sessions", {"signInToken": HERE}),
    ("/v1/contact-points", POINT | {"sender": HERE}),
    ("/v1/contact-points", POINT | {"capTimeZone": HERE}),
    ("/v1/consents:lookup", {"phoneNumber": HERE}),
    ("/v1/webhook-subscriptions", {"url": f"https://{HERE}.example.com/"}),
]

DECEIVING = {
    "NUL": "\0",
    "C0/C1": "".join(map(chr, (*range(1, 0x0A), 0x0B, *range(0x0E, 0x20), *range(0x7F, 0xA0)))),
    "bidi overrides and isolates": "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "zero-width": "\u200b\u2060\ufeff",
    "tag characters": "\U000e0001\U000e0020\U000e0041\U000e007f",
    "lone surrogates": "\ud800\udbff\udc00\udfff",
}


@pytest.fixture
async def site(database: Database, valkey_url: str) -> AsyncIterator[Web]:
    async with gateway_before_server(database, valkey_url) as made:
        yield made


async def put(site: Web, path: str, body: dict[str, Any], typed: str) -> Answer:
    """A call with something in the place of HERE; half a surrogate pair goes as JSON can spell it."""
    content = json.dumps(body).replace(HERE, json.dumps(typed)[1:-1])
    return await site.call("POST", path, data=content, headers={"Content-Type": "application/json"})


async def kept(site: Web) -> list[Any]:
    """Everything that the calls above could have left behind."""
    paths = ("notifications", "snippets", "contact-points", "topics", "users", "conversations", "simulator/handsets")
    return [(await site.call("GET", f"/v1/{path}")).json for path in paths]


@pytest.mark.parametrize(
    "characters",
    [
        pytest.param(DECEIVING["NUL"], marks=pytest.mark.security("inputs", "NUL")),
        pytest.param(DECEIVING["C0/C1"], marks=pytest.mark.security("inputs", "C0/C1")),
        pytest.param(
            DECEIVING["bidi overrides and isolates"],
            marks=pytest.mark.security("inputs", "bidi overrides and isolates"),
        ),
        pytest.param(DECEIVING["zero-width"], marks=pytest.mark.security("inputs", "zero-width")),
        pytest.param(DECEIVING["tag characters"], marks=pytest.mark.security("inputs", "tag characters")),
        pytest.param(DECEIVING["lone surrogates"], marks=pytest.mark.security("inputs", "lone surrogates")),
    ],
    ids=DECEIVING,
)
async def test_no_text_hides_or_deceives(site: Web, characters: str) -> None:
    """Nothing that phones or people read takes such a character: it is named, and nothing is kept; elsewhere it is no
    fault either."""
    before = await kept(site)
    for character in characters:
        for path, body in READ:
            answer = await put(site, path, body, f"Pay{character}now")
            assert (answer.status, answer.reason) in ((400, "TEXT_INVALID"), (400, "FIELD_INVALID")), (path, character)
    assert await kept(site) == before
    for path, body in ELSEWHERE:
        assert (await put(site, path, body, f"Pay{characters[0]}now")).status < 500, (path, body)
    preview = await put(site, "/v1/notifications:preview", SMS | {"text": HERE}, f"Pay{characters[0]}now")
    assert "sendable" not in preview.json


@pytest.mark.security("inputs", "invalid UTF-8")
async def test_what_is_not_utf_8_is_refused(site: Web) -> None:
    """Stray, overlong, cut, surrogate and too large sequences are refused in bodies, addresses and over gRPC; nothing
    is kept and the server goes on."""
    before = await kept(site)
    kind = {"Content-Type": "application/json"}
    request = SendNotificationRequest(contact_point_id="main", text="TEXT", recipients=[{"phone_number": NUMBER}])
    async with grpc.aio.insecure_channel(site.target) as channel:
        send = channel.unary_unary("/sendout.v1.NotificationService/SendNotification")
        stream = channel.stream_unary("/sendout.v1.NotificationService/SendNotificationStream")
        key = (("authorization", f"Bearer {site.key}"),)
        for octets in (b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            content = json.dumps(SMS | {"text": "HERE"}).encode().replace(b"HERE", octets)
            assert (await site.call("POST", "/v1/notifications", data=content, headers=kind)).status == 400
            spelled = "".join(f"%{octet:02x}" for octet in octets)
            for path in (f"/v1/topics/{spelled}", f"/v1/topics?pageToken={spelled}"):
                assert (await site.call("GET", path)).status == 400
            raw = request.SerializeToString().replace(b"TEXT", octets.ljust(4, b"\x80"))
            for call in (send(raw, metadata=key, timeout=10), stream(iter((raw,)), metadata=key, timeout=10)):
                with pytest.raises(grpc.aio.AioRpcError, match="UTF-8") as caught:
                    await call
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await send(raw, timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED  # a stranger's is not even read
    assert await kept(site) == before


@pytest.mark.security("inputs", "Arabic-Indic and superscript digits in numbers")
async def test_digits_are_those_of_ascii(site: Web) -> None:
    """No other script's digit and no footnote mark is read as a digit, in phone numbers and in any other number."""
    for digit in "٦۶६᭖⁶₆⑥❻𝟔":
        for typed in (f"+1415555010{digit}", f"{NUMBER}{digit}", f"+{digit}4155550101"):
            refused = await put(site, "/v1/notifications", SMS | {"recipients": [{"phoneNumber": HERE}]}, typed)
            assert (refused.status, refused.reason) == (400, "RECIPIENT_INVALID"), typed
            assert refused.fields == ["recipients[0].phone_number"]
            assert (await put(site, "/v1/consents:lookup", {"phoneNumber": HERE}, typed)).status == 400, typed
        for path, body in (
            ("/v1/notifications", SMS | {"maxSegments": HERE}),
            ("/v1/contact-points", POINT | {"sender": HERE}),
            ("/v1/contact-points", POINT | {"sender": f"+1415555000{HERE}"}),
        ):
            assert (await put(site, path, body, digit * (1 if path == "/v1/notifications" else 5))).status == 400, digit
        found = await site.call("GET", f"/v1/topics?pageSize={''.join(f'%{octet:02x}' for octet in digit.encode())}")
        assert (found.status, found.fields) == (400, ["page_size"])
    assert "notifications" not in (await site.call("GET", "/v1/notifications")).json


@pytest.mark.security("inputs", "100 k combining marks")
async def test_a_hundred_thousand_combining_marks_hold_nobody_up(site: Web) -> None:
    """Marks in the order that takes longest to put right are refused at once wherever a text may stand: nothing
    composes them before it knows how many there are."""
    marks = "a" + "\u0345" * 50_000 + "\u0334" * 50_000  # 15 s of work in one piece
    for path, body in READ + ELSEWHERE:
        began = time.monotonic()
        answer = await put(site, path, body, marks)
        assert answer.status < 500
        assert (answer.status, "sendable" in answer.json) == (200, False) or answer.status >= 400, path
        assert time.monotonic() - began < 3, (path, body)


@pytest.mark.security("inputs", "Zalgo")
async def test_heaped_up_marks_are_paid_for(site: Web) -> None:
    """Letters under heaps of marks are what they are: every mark counts, the cost is agreed to, and what is sent is
    what was typed."""
    heap = "".join(map(chr, (*range(0x0316, 0x0326), 0x0344, 0x0351, 0x036F, 0x0489)))
    typed = unicodedata.normalize("NFC", "".join(letter + heap for letter in "Zalgo!"))
    assert len(typed) > 70
    refused = await put(site, "/v1/notifications", SMS | {"text": HERE}, typed)
    assert (refused.status, refused.reason) == (400, "SEGMENTS_NOT_ACCEPTED")
    sent = (await put(site, "/v1/notifications", SMS | {"text": HERE, "maxSegments": 2}, typed)).json["notification"]
    assert (sent["text"], sent["encoding"], sent["segments"]) == (typed, "ENCODING_UCS_2", -(-len(typed) // 67))


@pytest.mark.security("inputs", "CSV/formula starts in exports")
async def test_no_cell_of_an_export_is_a_formula(site: Web) -> None:
    """What others wrote, and every number, stands in the file as text that no spreadsheet computes."""
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|'/c calc'!A0", '"=1"', "=1,\n=2"]
    recipients = [
        {"phoneNumber": f"+1415555010{place}", "crmRecord": {"system": typed, "object": typed, "recordId": typed}}
        for place, typed in enumerate(formulas)
    ]
    assert (await site.call("POST", "/v1/notifications", json=SMS | {"recipients": recipients})).status == 200
    user = {"user": {"userId": "robin", "label": "Robin"}, "password": PASSWORD}
    assert (await site.call("POST", "/v1/users", json=user)).status == 200
    asked = {"password": {"userId": "robin", "password": PASSWORD}}
    token = (await site.call("POST", "/v1/sessions", key="", json=asked)).json["sessionToken"]
    cookie = {"Cookie": f"sendout-session={token}"}
    answer = await site.call("GET", "/history/export", key="", headers=cookie)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {row[head.index("crm_record_id")].removeprefix("'") for row in rows} == set(formulas)
    assert {row[head.index("phone_number")][:2] for row in rows} == {"'+"}
