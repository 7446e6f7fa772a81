"""ConsentService: who agreed to receive messages and who does not want them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from sendout.domain.errors import SendoutError
from sendout.server.commands.consents import Consents, GivenConsent
from sendout.server.commands.import_consents import ImportConsents, RowProblem
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros, timestamp
from sendout.server.rpc.pages import Pages
from sendout.storage.consents import Consent, place
from sendout.v1 import consent_pb2, consent_service_pb2, consent_service_pb2_grpc


class ConsentServicer(consent_service_pb2_grpc.ConsentServiceServicer):
    """Parses, calls one command and converts."""

    def __init__(self, consents: Consents, importing: ImportConsents, pages: Pages) -> None:
        self._consents = consents
        self._importing = importing
        self._pages = pages

    async def GetConsent(
        self, request: consent_service_pb2.GetConsentRequest, context: Any
    ) -> consent_service_pb2.GetConsentResponse:
        """What is on record for one number."""
        looked = await self._consents.get(current_caller(), request.phone_number, request.contact_point_id)
        return consent_service_pb2.GetConsentResponse(
            consents=[_message(word, looked.e164) for word in looked.words], sendable=looked.sendable
        )

    async def RecordConsent(
        self, request: consent_service_pb2.RecordConsentRequest, context: Any
    ) -> consent_service_pb2.RecordConsentResponse:
        """Record one word."""
        e164, standing = await self._consents.record(current_caller(), _given(request.consent))
        return consent_service_pb2.RecordConsentResponse(consent=_message(standing, e164))

    async def ListConsents(
        self, request: consent_service_pb2.ListConsentsRequest, context: Any
    ) -> consent_service_pb2.ListConsentsResponse:
        """What is on record, newest first."""
        limit, after = self._pages.asked(request)
        rows = await self._consents.list_page(
            current_caller(),
            limit,
            None if after is None else (after[0], bytes.fromhex(after[1]), after[2]),
            request.contact_point_id,
            _name(consent_pb2.ConsentState, request.state) if request.state else "",
        )
        shown, token = self._pages.cut(request, rows, _place)
        return consent_service_pb2.ListConsentsResponse(
            consents=[_message(word) for word in shown], next_page_token=token
        )

    async def ImportConsents(
        self, requests: AsyncIterator[consent_service_pb2.ImportConsentsRequest], context: Any
    ) -> consent_service_pb2.ImportConsentsResponse:
        """Record many words; nothing is recorded unless the stream ends cleanly."""
        gathering = self._importing.begin(current_caller())
        async for request in requests:
            await gathering.add([_given(typed) for typed in request.consents])
        imported = await gathering.finish()
        return consent_service_pb2.ImportConsentsResponse(
            recorded_count=imported.recorded,
            unchanged_count=imported.unchanged,
            problems=[_problem(problem) for problem in imported.problems],
        )


def _given(typed: consent_pb2.Consent) -> GivenConsent:
    said, problem = None, ""
    try:
        said = micros(typed, "consent_time")
    except SendoutError as error:
        problem = error.violations[0].description
    return GivenConsent(
        phone_number=typed.phone_number,
        scope=_name(consent_pb2.ConsentScope, typed.scope),
        contact_point_id=typed.contact_point_id,
        state=_name(consent_pb2.ConsentState, typed.state),
        evidence=typed.evidence,
        consent_time=said,
        time_problem=problem,
    )


def _name(enum: EnumTypeWrapper, value: int) -> str:
    """An enum value without its prefix, or its number where this version does not know it."""
    if value not in enum.values():
        return str(value)
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    return enum.Name(value).removeprefix(prefix)


def _message(word: Consent, e164: str = "") -> consent_pb2.Consent:
    return consent_pb2.Consent(
        phone_number=e164,
        scope=(
            consent_pb2.CONSENT_SCOPE_CONTACT_POINT if word.contact_point_id else consent_pb2.CONSENT_SCOPE_ORGANISATION
        ),
        contact_point_id=word.contact_point_id,
        state=consent_pb2.CONSENT_STATE_OPTED_OUT if word.opted_out else consent_pb2.CONSENT_STATE_OPTED_IN,
        evidence=word.evidence,
        consent_time=timestamp(word.consent_time),
        source=f"CONSENT_SOURCE_{word.source}",
        principal_id=word.principal_id,
    )


def _place(word: Consent) -> list[Any]:
    time, key, contact_point_id = place(word)
    return [time, key.hex(), contact_point_id]


def _problem(problem: RowProblem) -> consent_service_pb2.ConsentProblem:
    reason = f"RECIPIENT_PROBLEM_REASON_{problem.problem.value if problem.problem else 'UNSPECIFIED'}"
    return consent_service_pb2.ConsentProblem(
        index=problem.index, phone_number=problem.typed, reason=reason, description=problem.description
    )
