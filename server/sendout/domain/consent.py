"""Whether a recipient may be sent to, by the words on record: one for the contact point, one for the organisation.

Who comes in: acceptance, the preview, GetConsent, and the handling of replies. Each scope has at most one word, the
newest said there. Between scopes there is no newer or older: any standing opt-out blocks, so an opt-in takes back an
opt-out of its own scope and no other. A START at one contact point does not undo "never again" to the whole
organisation, and an imported list of opt-ins undoes nobody's STOP.

That is also what a claim can ask at little cost, with `consent` (number_key, contact_point_id or "" for the
organisation, opted_out) and its primary key. A message may be sent where

    not exists (select 1 from consent c where c.number_key = message.number_key
                and c.contact_point_id in (:contact_point_id, '') and c.opted_out)

and, with REQUIRE_OPT_IN,

    and exists (select 1 from consent c where c.number_key = message.number_key
                and c.contact_point_id in (:contact_point_id, '') and not c.opted_out)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sendout.domain.contact_points import ConsentPolicy


class Word(StrEnum):
    """The newest word of a recipient in one scope."""

    OPTED_IN = "OPTED_IN"
    OPTED_OUT = "OPTED_OUT"


class Scope(StrEnum):
    """What a word covers."""

    CONTACT_POINT = "CONTACT_POINT"
    ORGANISATION = "ORGANISATION"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a recipient may be sent to, and the scope whose word says so; None where the lack of a word does."""

    sendable: bool
    scope: Scope | None


def decide(policy: ConsentPolicy, contact_point: Word | None, organisation: Word | None) -> Decision:
    """What the words of both scopes (None: nothing was said there) come to. The contact point's is named first."""
    said = ((Scope.CONTACT_POINT, contact_point), (Scope.ORGANISATION, organisation))
    for scope, word in said:
        if word is Word.OPTED_OUT:
            return Decision(False, scope)
    if policy is ConsentPolicy.BLOCK_OPTED_OUT:
        return Decision(True, None)
    agreed = next((scope for scope, word in said if word is Word.OPTED_IN), None)
    return Decision(agreed is not None, agreed)
