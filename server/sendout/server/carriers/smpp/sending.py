"""One message on its way through an SMSC: its parts, their answers, and the one outcome that comes of them.

All parts are written together, because the pace reckons with that (decision 2), so their answers may differ. What then
becomes of the message is decided here (decision 11): nothing is written twice unless the SMSC refused it for now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from sendout.server.carriers.base import NO_SESSION as NO_SESSION_CODE
from sendout.server.carriers.base import Outcome, OutcomeKind, Outgoing, Report
from sendout.server.carriers.smpp.pdu import ShortMessage
from sendout.server.carriers.smpp.receipts import answer_id
from sendout.server.carriers.smpp.settings import ReceiptIds
from sendout.server.carriers.smpp.status import OK, outcome_of

MOST_TRIES = 5
"""How often a part is written while other parts of the same text are accepted."""
_LONGEST_PAUSE_S = 10.0

NO_SESSION = Outcome(OutcomeKind.NOT_SENT, code=NO_SESSION_CODE)
STOPPED = Outcome(OutcomeKind.NOT_SENT, code="STOPPED")
_PASSING = frozenset({OutcomeKind.NOT_SENT, OutcomeKind.REFUSED_FOR_NOW, OutcomeKind.THROTTLED})
# Where every part was refused, in different ways: what lasts says more than what passes.
_MILDEST_LAST = (OutcomeKind.THROTTLED, OutcomeKind.REFUSED_FOR_NOW, OutcomeKind.NOT_SENT)


class SubmitPart:
    """One submit of a message; `place` counts from 0."""

    __slots__ = ("_of", "body", "place")

    def __init__(self, of: Sending, place: int, body: bytes) -> None:
        self._of, self.place, self.body = of, place, body

    def answered(self, code: int, ref: str) -> None:
        """The SMSC's answer."""
        self._of.answered(self.place, code, ref)

    def lost(self) -> None:
        """Written, and never answered."""
        self._of.lost()

    def not_sent(self, outcome: Outcome) -> None:
        """No octet of it left."""
        self._of.refused(self.place, outcome)


class Sending:
    """Collects the answers of a message's parts and reports once. `again` is given parts to be written once more."""

    __slots__ = ("_again", "_finished", "_ids", "_message", "_open", "_own", "_refs", "_refused", "_report", "_tries",
                 "_unknown", "parts", "retry")  # fmt: skip

    def __init__(
        self,
        message: Outgoing,
        bodies: Sequence[ShortMessage],
        report: Report,
        finished: Callable[[Sending], None],
        again: Callable[[list[SubmitPart]], None],
        own: Mapping[int, OutcomeKind],
        ids: ReceiptIds,
    ) -> None:
        self.parts = [SubmitPart(self, place, body.encode()) for place, body in enumerate(bodies)]
        self.retry: asyncio.TimerHandle | None = None
        self._message, self._report, self._finished, self._again = message, report, finished, again
        self._own, self._ids = own, ids
        self._refs = [""] * len(bodies)
        self._open = len(bodies)
        self._refused: dict[int, Outcome] = {}
        self._unknown = False
        self._tries = 1

    def answered(self, place: int, code: int, ref: str) -> None:
        """A part was accepted or refused."""
        if code != OK:
            self.refused(place, outcome_of(code, self._own, self._message.refusals))
            return
        self._refs[place] = answer_id(ref, self._ids)
        self._close_part()

    def refused(self, place: int, outcome: Outcome) -> None:
        """A part was certainly not taken."""
        self._refused[place] = outcome
        self._close_part()

    def lost(self) -> None:
        """A part may have been taken."""
        self._unknown = True
        self._close_part()

    def give_up(self) -> None:
        """The parts that wait for another try are not written any more."""
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None
            self._conclude(self._mixed())

    def _close_part(self) -> None:
        self._open -= 1
        if self._open:
            return
        if self._unknown:
            self._conclude(Outcome(OutcomeKind.UNKNOWN, self._known(), "NO_ANSWER", refused_parts=len(self._refused)))
        elif not self._refused:
            self._conclude(Outcome(OutcomeKind.ACCEPTED, self._known()))
        elif len(self._refused) == len(self.parts):
            self._conclude(self._worst())
        elif self._tries < MOST_TRIES and all(one.kind in _PASSING for one in self._refused.values()):
            self._try_again()
        else:
            self._conclude(self._mixed())

    def _try_again(self) -> None:
        """The refused parts once more, after a pause: the phone can join them only if all of them come."""
        pause = max(one.retry_after or 0.5 * 2**self._tries for one in self._refused.values())
        parts = [self.parts[place] for place in sorted(self._refused)]
        self._tries += 1
        self._refused.clear()
        self._open = len(parts)
        self.retry = asyncio.get_running_loop().call_later(min(pause, _LONGEST_PAUSE_S), self._write_again, parts)

    def _write_again(self, parts: list[SubmitPart]) -> None:
        self.retry = None
        self._again(parts)

    def _worst(self) -> Outcome:
        outcomes = [self._refused[place] for place in sorted(self._refused)]
        lasting = [one for one in outcomes if one.kind not in _PASSING]
        return lasting[0] if lasting else min(outcomes, key=lambda one: _MILDEST_LAST.index(one.kind))

    def _mixed(self) -> Outcome:
        """Some parts are with the SMSC and others never will be."""
        code = self._worst().code if self._refused else "GIVEN_UP"
        unmapped = any(one.unmapped for one in self._refused.values())
        return Outcome(
            OutcomeKind.UNKNOWN,
            self._known(),
            f"PARTS {code}",
            refused_parts=self._refs.count(""),
            unmapped=unmapped,
        )

    def _known(self) -> tuple[str, ...]:
        """The ids that the SMSC gave; none at all is not so many empty ones."""
        return tuple(self._refs) if any(self._refs) else ()

    def _conclude(self, outcome: Outcome) -> None:
        self._report(self._message, outcome)
        self._finished(self)
