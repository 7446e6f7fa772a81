"""Builders of ConsentService: look a number up, record a word, list words, import many."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sendout.client._calls import Call, Listing, listing, unary
from sendout.client._recipients import in_parts
from sendout.client._times import timestamp
from sendout.v1 import consent_pb2
from sendout.v1 import consent_service_pb2 as pb

_IMPORT_S = 900.0  # for a million words, on a database that has other work too
_SERVICE = "ConsentService/"


@unary
def get_consent(phone_number: str, *, contact_point: str = "") -> Call[pb.GetConsentResponse]:
    """What is on record for a number, and whether a contact point may send to it. Raises NotFound where nothing is."""
    request = pb.GetConsentRequest(phone_number=phone_number, contact_point_id=contact_point)
    return Call(_SERVICE + "GetConsent", request, pb.GetConsentResponse)


def consent(
    phone_number: str,
    state: consent_pb2.ConsentState,
    *,
    contact_point: str = "",
    evidence: str = "",
    consent_time: datetime | None = None,
) -> consent_pb2.Consent:
    """A word to record: for one contact point, or for the whole organisation where none is named."""
    return consent_pb2.Consent(
        phone_number=phone_number,
        scope=(consent_pb2.CONSENT_SCOPE_CONTACT_POINT if contact_point else consent_pb2.CONSENT_SCOPE_ORGANISATION),
        contact_point_id=contact_point,
        state=state,
        evidence=evidence,
        consent_time=timestamp(consent_time),
    )


@unary
def record_consent(
    phone_number: str,
    state: consent_pb2.ConsentState,
    *,
    contact_point: str = "",
    evidence: str = "",
    consent_time: datetime | None = None,
) -> Call[pb.RecordConsentResponse]:
    """Record an opt-out or opt-in; the answer is the word that holds now, which may be a later one.

    It is for one contact point, or for the whole organisation where none is named. An opt-out ends queued messages too.
    """
    word = consent(phone_number, state, contact_point=contact_point, evidence=evidence, consent_time=consent_time)
    return Call(_SERVICE + "RecordConsent", pb.RecordConsentRequest(consent=word), pb.RecordConsentResponse)


@listing
def consents(
    *,
    contact_point: str = "",
    state: consent_pb2.ConsentState = consent_pb2.CONSENT_STATE_UNSPECIFIED,
    page_size: int = 0,
) -> Listing[pb.ListConsentsResponse, consent_pb2.Consent]:
    """What is on record, newest first, without numbers: only their keyed hashes are kept."""
    request = pb.ListConsentsRequest(contact_point_id=contact_point, state=state, page_size=page_size)
    return Listing(Call(_SERVICE + "ListConsents", request, pb.ListConsentsResponse), lambda page: page.consents)


@unary
def import_consents(words: Iterable[consent_pb2.Consent]) -> Call[pb.ImportConsentsResponse]:
    """Record up to 1,000,000 words; `sendout.client.consent` makes one. Problem rows are left out and reported."""
    parts = [pb.ImportConsentsRequest(consents=part).SerializeToString() for part in in_parts(words)]
    return Call(_SERVICE + "ImportConsents", parts, pb.ImportConsentsResponse, timeout=_IMPORT_S)
