"""What happens to the messages of a dispatcher that died, by the rule of reliability.md 5.3.

A message goes back to the queue only where it provably never got a permit: the worker is fenced first, and what is not
in its journal afterwards was never permitted. Where Redis was restarted or emptied since the claim nothing can be
proved, and everything becomes UNCONFIRMED.
"""

from __future__ import annotations

from collections.abc import Sequence

from sendout.domain.ids import message_id
from sendout.domain.states import ReasonCode, State
from sendout.server.dispatch.work import Work
from sendout.storage import workers
from sendout.storage.changes import Change, apply
from sendout.storage.ranges import joined
from sendout.storage.workers import DeadWorker, Left

MOST_DEATHS = 6
"""Claims by workers that died, after which a message is taken for the cause: so many that a bystander never gets there,
not even where every dispatcher is killed each few seconds."""

_BATCH = 500


async def recover_dead(work: Work, silence_s: float) -> None:
    """Declare silent workers dead and take care of what they left."""
    async with work.database.write() as connection:
        await workers.declare_dead(connection, round(silence_s * 1e6))
        dead = await workers.to_recover(connection, work.account)
    for worker in dead:
        await _recover(work, worker)


async def _recover(work: Work, worker: DeadWorker) -> None:
    epoch, journal = await work.ring.fence(worker.id)
    async with work.database.read() as connection:
        left = await workers.left_by(connection, worker.id)
    provable = epoch == worker.redis_epoch
    changes = [_change(worker, one, provable, journal) for one in left]
    unconfirmed = sum(change.state is State.UNCONFIRMED for change in changes)
    for start in range(0, len(changes), _BATCH):
        async with work.database.write() as connection:
            changed = await apply(connection, work.facts, changes[start : start + _BATCH], work.clock.now_us())
        work.measures.changes(changed, work.facts, work.clock.now_us())
    await _offer(work, left, changes)
    async with work.database.write() as connection:
        await workers.mark_recovered(connection, worker.id)
    await work.ring.forget(worker.id)
    work.log.warning("recovered", incarnation=worker.id, requeued=len(left) - unconfirmed, unconfirmed=unconfirmed)


def _change(worker: DeadWorker, left: Left, provable: bool, journal: set[str]) -> Change:
    if not provable or message_id(left.notification_id, left.index) in journal:
        state, reason = State.UNCONFIRMED, ReasonCode.WORKER_LOST
    elif left.refusals + 1 >= MOST_DEATHS:
        state, reason = State.FAILED, ReasonCode.POISON
    else:
        state, reason = State.QUEUED, ReasonCode.RETRYING
    refusal = int(state is not State.UNCONFIRMED)
    return Change(left.notification_id, left.index, state, reason, worker.id, left.attempt, None, refusal)


async def _offer(work: Work, left: Sequence[Left], changes: Sequence[Change]) -> None:
    back = [one for one, change in zip(left, changes, strict=True) if change.state is State.QUEUED]
    if not back:
        return
    async with work.database.read() as connection:
        facts = await work.facts.load(connection, {one.notification_id for one in back})
    for of in joined((one.notification_id, one.index, one.segments) for one in back):
        its = facts[of.notification_id]
        point = work.points.get(its.contact_point_id)
        # Where we do not know the rate the reconciler, which reads it, makes the messages reachable.
        if point is not None:
            await work.ring.push(its.contact_point_id, its.urgent, point.rate.per_second, [of])
