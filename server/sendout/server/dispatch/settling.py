"""Writing down what became of submitted messages, in batches.

Rows, references, counts and events go into one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sendout.domain.errors import SendoutError
from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Outcome, OutcomeKind
from sendout.server.dispatch.incarnation import offer, refund
from sendout.server.dispatch.outcomes import BAD_TRIES, THROTTLE_PAUSE_S, Verdict, judge, rerouted
from sendout.server.dispatch.work import Ready, Work
from sendout.server.telemetry import Attribute, SpanName
from sendout.storage.changes import Change, apply
from sendout.storage.consents import Heard, heard_from_carrier
from sendout.storage.ranges import Range
from sendout.storage.receipts import Reference, insert_references
from sendout.storage.ring import RedisError

_FAULTS = frozenset({OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN})
_MAY_HAVE_LEFT = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN})


@dataclass(frozen=True, slots=True)
class _Settled:
    ready: Ready
    outcome: Outcome | None  # None: it was never handed over
    verdict: Verdict
    due_time: int | None

    @property
    def kind(self) -> OutcomeKind | None:
        return self.outcome.kind if self.outcome else None

    @property
    def key(self) -> tuple[uuid.UUID, int]:
        """Which message it is."""
        return self.ready.claimed.notification_id, self.ready.claimed.index

    def change(self) -> Change:
        claimed = self.ready.claimed
        return Change(
            claimed.notification_id,
            claimed.index,
            self.verdict.state,
            self.verdict.reason,
            self.ready.incarnation.id,
            claimed.attempt,
            self.due_time,
            self.verdict.refusal,
            tried=int(self.kind in BAD_TRIES),
            carrier=self.verdict.carrier,
        )

    def references(self, account: str) -> Iterator[Reference]:
        """The carrier's ids: parts count from 1, a message in one piece is part 0."""
        claimed, refs = self.ready.claimed, self.outcome.refs if self.outcome else ()
        refused = self.outcome.refused_parts if self.outcome else 0
        for part, ref in enumerate(refs, start=1 if len(refs) > 1 else 0):
            if ref:
                yield Reference(account, ref, part, claimed.notification_id, claimed.index, len(refs), refused)


class Settler:
    """Collects outcomes and writes them; retries a batch until the database takes it."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._waiting: list[_Settled] = []
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False

    def put(self, ready: Ready, outcome: Outcome) -> None:
        """Note an outcome; it is written within the settle delay."""
        work = self._work
        now = work.clock.monotonic()
        work.breaker.outcome(outcome.kind in _FAULTS, now)
        self._judge(ready, outcome, at_once=work.breaker.diverts(now))

    def divert(self, ready: Ready) -> None:
        """Note that a claimed message takes another way at once, because this carrier is left alone."""
        self._judge(ready, Outcome(OutcomeKind.NOT_SENT, code="LEFT_ALONE"), at_once=True)

    def _judge(self, ready: Ready, outcome: Outcome, *, at_once: bool) -> None:
        verdict = judge(outcome, ready.claimed.refusals, self._work.random)
        other = self._work.next_carrier(ready.carriers) if len(ready.carriers) > 1 else None
        verdict = rerouted(verdict, outcome, ready.claimed.tries, other, at_once=at_once)
        due = None
        if verdict.retry_after is not None:
            due = self._work.clock.now_us() + round(verdict.retry_after * 1e6)
        self._put(_Settled(ready, outcome, verdict, due))

    def suppress(self, ready: Ready) -> None:
        """Note that the recipient of a message in hand has opted out; it was not handed over."""
        self._put(_Settled(ready, None, Verdict(State.SUPPRESSED, ReasonCode.OPTED_OUT), None))

    def _put(self, settled: _Settled) -> None:
        self._waiting.append(settled)
        self._some.set()
        if len(self._waiting) >= self._work.settings.settle_batch:
            self._full.set()

    async def run(self) -> None:
        """Until `close`, and then until nothing is left."""
        settings = self._work.settings
        while not (self._closing and not self._waiting):
            await self._some.wait()
            if len(self._waiting) < settings.settle_batch and not self._closing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), settings.settle_delay)
            batch, self._waiting = self._waiting[: settings.settle_batch], self._waiting[settings.settle_batch :]
            if len(self._waiting) < settings.settle_batch:
                self._full.clear()
            if not self._waiting and not self._closing:
                self._some.clear()
            if batch:
                await self._settle(batch)

    def close(self) -> None:
        """No more outcomes will come."""
        self._closing = True
        self._some.set()
        self._full.set()

    async def _settle(self, batch: Sequence[_Settled]) -> None:
        work = self._work
        origins = {(s.ready.facts.trace_id, s.ready.facts.span_id) for s in batch}
        with work.telemetry.batch_span(SpanName.SETTLE, origins, {Attribute.MESSAGES: len(batch)}):
            while True:
                try:
                    heard = await self._write(batch)
                    break
                except SendoutError as error:
                    # Repeating is safe: each change names its try, and what is written already changes nothing.
                    work.log.warning("settle_failed", error=type(error).__name__, messages=len(batch))
                    await asyncio.sleep(0.5)
            await self._tell_redis(batch, heard)
        work.let_go(len(batch))

    async def _write(self, batch: Sequence[_Settled]) -> Heard:
        work = self._work
        references = [reference for s in batch for reference in s.references(work.account)]
        now = work.clock.now_us()
        async with work.database.write() as connection:
            await insert_references(connection, references)
            heard = await heard_from_carrier(connection, [s.key for s in batch if s.kind is OutcomeKind.OPTED_OUT], now)
            changes = [*(s.change() for s in batch), *heard.changes]
            changed = await apply(connection, work.facts, changes, now, heard.events)
        work.measures.outcomes(s.outcome for s in batch if s.outcome)
        work.measures.changes(changed, work.facts, work.clock.now_us())
        return heard

    async def _tell_redis(self, batch: Sequence[_Settled], heard: Heard) -> None:
        """Clear the journal, make retries reachable when due, slow down where the carrier asked for it."""
        ring = self._work.ring
        journal: defaultdict[int, list[str]] = defaultdict(list)
        for s in batch:
            journal[s.ready.incarnation.id].append(s.ready.outgoing.message_id)
        try:
            for _, contact_point_id, number_key in heard.stopped:
                await ring.stop(contact_point_id, [number_key])
            for incarnation, message_ids in journal.items():
                await ring.done(incarnation, message_ids)
            for s in batch:
                if s.verdict.state is State.QUEUED and s.verdict.carrier is None:
                    await self._retry_later(s)
            await self._send_elsewhere([s for s in batch if s.verdict.carrier is not None])
            for point, pause in _pauses(batch).items():
                await ring.slow(point, pause)
            await refund(self._work, [s.ready for s in batch if s.kind not in _MAY_HAVE_LEFT])
        except RedisError as error:
            self._work.log.warning("journal_not_cleared", error=type(error).__name__)

    async def _send_elsewhere(self, moved: Sequence[_Settled]) -> None:
        """Make what goes on through another carrier reachable in that carrier's ring."""
        groups: defaultdict[tuple[str, str], list[Ready]] = defaultdict(list)
        for s in moved:
            groups[s.verdict.carrier or "", s.ready.contact_point_id].append(s.ready)
        for (carrier, point), group in groups.items():
            await offer(self._work, self._work.fellows[carrier].ring, group)
            self._work.log.info("rerouted", carrier=carrier, contact_point_id=point, messages=len(group))

    async def _retry_later(self, settled: _Settled) -> None:
        ready, claimed = settled.ready, settled.ready.claimed
        only = Range(claimed.notification_id, claimed.index, claimed.index, claimed.segments)
        rate = self._work.points[ready.contact_point_id].rate.per_second
        due = settled.due_time or 0
        await self._work.ring.push(ready.contact_point_id, ready.facts.urgent, rate, [only], due)


def _pauses(batch: Sequence[_Settled]) -> dict[str, float]:
    """How long contact points pause that the carrier found too fast: as long as it said."""
    pauses: dict[str, float] = {}
    for s in batch:
        if s.outcome is not None and s.kind is OutcomeKind.THROTTLED:
            pause = s.outcome.retry_after or THROTTLE_PAUSE_S
            pauses[s.ready.contact_point_id] = max(pause, pauses.get(s.ready.contact_point_id, 0.0))
    return pauses
