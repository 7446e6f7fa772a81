"""From a status of the provider, told or looked up, to a receipt."""

from __future__ import annotations

from collections.abc import Mapping

from sendout.server.carriers.base import Receipt
from sendout.server.carriers.twilio.codes import end_of


def receipt_of(
    sid: str,
    status: str,
    code: int,
    *,
    message_id: str,
    number: str,
    carrier_time: int | None = None,
    submit_time: int | None = None,
    raw: Mapping[str, str] | None = None,
) -> Receipt:
    """`code` is the error beside the status, 0 for none. Equal statuses of one message make equal receipts.

    A callback says no time that could be used: its only one has minutes, of no known zone.
    """
    state, reason = end_of(status, code)
    return Receipt(
        ref=sid,
        state=state,
        reason=reason,
        code=str(code) if code else status,
        carrier_time=carrier_time,
        message_id=message_id,
        number=number,
        submit_time=submit_time,
        raw=raw or {"MessageStatus": status},
    )
