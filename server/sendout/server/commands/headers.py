"""A send without its recipients, one recipient, and what may be in a header; the rules for the text follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sendout.domain import limits
from sendout.domain.composing import TextRules
from sendout.domain.contact_points import ContactPoint
from sendout.domain.errors import field_invalid
from sendout.domain.replies import Purpose


@dataclass(frozen=True, slots=True)
class Header:
    """A send without its recipients, as the caller gave it. Times in microseconds since 1970, None where not given."""

    contact_point_id: str
    text: str
    topic_id: str = ""
    request_id: str = ""
    max_segments: int = 0
    skip_invalid: bool = False
    smart_encoding: bool = False
    urgent: bool = False
    send_time: int | None = None
    expire_time: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    conversation_id: int | None = None  # only where this is an answer in a conversation

    @property
    def purpose(self) -> Purpose:
        """What its messages are for."""
        return Purpose.NOTIFICATION if self.conversation_id is None else Purpose.CONVERSATION


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """One recipient as the caller gave it."""

    phone_number: str
    crm_record: dict[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


def text_rules(header: Header, point: ContactPoint, reference_bits: int) -> TextRules:
    """What this contact point and this caller allow the text to be."""
    return TextRules(
        emoji_enabled=point.emoji_enabled,
        ceiling=point.max_segments,
        accepted_segments=header.max_segments or 1,
        smart_encoding=header.smart_encoding or point.smart_encoding,
        longest=limits.MAX_TEXT,
        reference_bits=reference_bits,
        variables=header.conversation_id is None,
    )


def check_header(header: Header, now: int) -> None:
    """Raise FIELD_INVALID where the header breaks a limit of the contract. `now` in microseconds since 1970."""
    _check_characters("request_id", header.request_id, 0, limits.MAX_REQUEST_ID)
    if header.max_segments < 0:
        raise field_invalid("max_segments", header.max_segments, "Give 0 (one segment) or more.")
    furthest = now + limits.MAX_SCHEDULE_AHEAD_S * 1_000_000
    if header.send_time is not None and header.send_time > furthest:
        raise field_invalid("send_time", header.send_time, "At most 90 days ahead.")
    if header.expire_time is not None and not max(now, header.send_time or 0) < header.expire_time <= furthest:
        raise field_invalid("expire_time", header.expire_time, "It must lie after the send time and within 90 days.")
    if len(header.labels) > limits.MAX_LABELS:
        raise field_invalid("labels", f"{len(header.labels)} labels", f"At most {limits.MAX_LABELS} labels.")
    for key, value in header.labels.items():
        field = f"labels[{key[:40]!r}]"
        _check_characters(field, key, 1, limits.MAX_LABEL_KEY)
        _check_characters(field, value, 0, limits.MAX_LABEL_VALUE)


def check_crm_record(place: int, record: Mapping[str, str]) -> None:
    """Raise FIELD_INVALID where the record of the recipient at this place is incomplete or breaks a limit."""
    for name, most in (
        ("system", limits.MAX_CRM_NAME),
        ("object", limits.MAX_CRM_NAME),
        ("record_id", limits.MAX_CRM_RECORD_ID),
    ):
        _check_characters(f"recipients[{place}].crm_record.{name}", record[name], 1, most)


def _check_characters(field: str, typed: str, least: int, most: int) -> None:
    if not least <= len(typed) <= most:
        raise field_invalid(field, typed, f"{least} to {most} characters." if least else f"At most {most} characters.")
    if "\x00" in typed:
        raise field_invalid(field, typed, "It has a NUL character, which cannot be kept. Remove it.")
