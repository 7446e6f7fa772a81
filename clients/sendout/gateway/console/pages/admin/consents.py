"""Consent: who agreed to receive messages and who does not want them. Looked up, recorded, imported and listed."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import consent_pb2, consent_service_pb2

WORDS = (("CONSENT_STATE_OPTED_OUT", "Opted out"), ("CONSENT_STATE_OPTED_IN", "Opted in"))
_SOURCES = {
    consent_pb2.CONSENT_SOURCE_REPLY: "Text message",
    consent_pb2.CONSENT_SOURCE_CARRIER: "Carrier",
    consent_pb2.CONSENT_SOURCE_RECORDED: "Recorded",
    consent_pb2.CONSENT_SOURCE_IMPORTED: "Imported",
}


def routes(console: Console) -> list[Route]:
    """The page."""
    return [console.page("/admin/consent", consents)]


async def consents(visit: Visit) -> Response:
    """What is on record, newest first, with the three ways of adding to it."""
    request = consent_service_pb2.ListConsentsRequest(
        contact_point_id=room.typed(visit, "contact_point"),
        state=room.number_of(visit, "state", consent_pb2.ConsentState),
    )
    answer = await room.page_of(visit, request)
    points = room.pairs(await room.all_contact_points(visit), "contact_point_id")
    return room.show(
        visit,
        "consent.html",
        consents=answer.consents,
        points=points,
        labels=dict(points),
        words=WORDS,
        states=dict(zip((consent_pb2.CONSENT_STATE_OPTED_OUT, consent_pb2.CONSENT_STATE_OPTED_IN), WORDS, strict=True)),
        sources=_SOURCES,
        wanted={"contact_point": request.contact_point_id, "state": room.typed(visit, "state")},
        more=answer.next_page_token,
    )
