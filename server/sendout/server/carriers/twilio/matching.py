"""Which entry of the provider's list is the message whose answer was lost: pure rules, and in doubt none.

The list names neither our message id nor the address for callbacks, so number, sender, text and time must all agree and
leave one entry, for one message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sendout.server.carriers.base import Lost, Receipt
from sendout.server.carriers.twilio.api import Listed
from sendout.server.carriers.twilio.receipts import receipt_of

SKEW_US = 30_000_000
"""How far the provider's clock may be from ours."""


def settle(lost: Sequence[Lost], listed: Sequence[Listed], answer_timeout_us: int) -> list[Receipt]:
    """Receipts for those of the lost messages that are found for sure."""
    candidates = [[entry for entry in listed if _agrees(one, entry, answer_timeout_us)] for one in lost]
    claims = Counter(entry.sid for found in candidates for entry in found)
    return [
        _receipt(one, found[0])
        for one, found in zip(lost, candidates, strict=True)
        if len(found) == 1 and claims[found[0].sid] == 1
    ]


def _agrees(lost: Lost, entry: Listed, answer_timeout_us: int) -> bool:
    return (
        entry.number == lost.number
        and entry.sender == lost.sender
        and entry.text.strip() == lost.text.strip()
        and lost.not_before - SKEW_US <= entry.create_time <= lost.not_after + answer_timeout_us + SKEW_US
    )


def _receipt(lost: Lost, entry: Listed) -> Receipt:
    return receipt_of(
        entry.sid,
        entry.status,
        entry.code,
        message_id=lost.message_id,
        number=entry.number,
        carrier_time=entry.update_time,
        submit_time=entry.create_time,
    )
