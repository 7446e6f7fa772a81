"""I7: an opt-out ends what is queued, and what was claimed a moment before is stopped at its permit."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import event, select

from sendout.domain.clock import SystemClock
from sendout.domain.states import State
from sendout.server.commands.consents import Consents, GivenConsent, Numbers, Stops
from sendout.storage.engine import Database
from sendout.storage.ring import Rings, connect
from sendout.storage.tables import message
from tests.conftest import Valkey
from tests.faults.fleet import Zygote
from tests.faults.site import Site, site
from tests.integration.pipeline import CALLER, NUMBER_SECRET

MESSAGES = 10_000
TRIALS = 200
RATE = 250.0
EPSILON_NS = 500_000_000


@dataclass
class OptOuts:
    """Records opt-outs and notes, by the machine's monotonic clock, when the commit of each was asked for."""

    consents: Consents
    committing_ns: int = 0

    async def record(self, number: str) -> int:
        """Opt a number out; answers when that was about to be committed."""
        await self.consents.record(CALLER, GivenConsent(number, "CONTACT_POINT", "main", "OPTED_OUT"))
        return self.committing_ns


@asynccontextmanager
async def opt_outs(database_url: str, redis_url: str) -> AsyncIterator[OptOuts]:
    database, rings, clock = Database(database_url), Rings(connect(redis_url)), SystemClock()
    carriers = frozenset({"simulator"})
    made = OptOuts(Consents(database, clock, Numbers(NUMBER_SECRET, carriers), Stops(rings, carriers)))

    @event.listens_for(database.engine.sync_engine, "commit")
    def note(_connection: object) -> None:
        made.committing_ns = int(clock.monotonic() * 1_000_000_000)

    try:
        yield made
    finally:
        await rings.close()
        await database.close()


async def test_no_submit_begins_half_a_second_after_an_opt_out(
    zygote: Zygote, postgres_url: str, own_valkey: Valkey
) -> None:
    """With 10,000 messages queued 200 people opt out, half of them next in turn: no submit begins 0.5 s later."""
    use = random.Random(11)
    async with site(zygote, postgres_url, own_valkey.url, RATE) as here, opt_outs(postgres_url, own_valkey.url) as out:
        await here.accept(MESSAGES)
        await here.accept(MESSAGES, start=MESSAGES)
        await here.fleet.dispatchers(2)
        await here.until_sent(50)
        committed: dict[str, int] = {}
        while len(committed) < TRIALS:
            number = await _next(here, soon=len(committed) % 2 == 0, use=use)
            if number not in committed:
                committed[number] = await out.record(number)
            await asyncio.sleep(use.uniform(0.0, 0.05))
        # Whoever was in a dispatcher's hands is suppressed when their turn comes; nobody stays in between.
        async with asyncio.timeout(30):
            while True:
                submits = {submit.number: submit.submit_ns for submit in await here.submits()}
                suppressed = (await here.states())[State.SUPPRESSED]
                if suppressed + len(committed.keys() & submits.keys()) >= len(committed):
                    break
                await asyncio.sleep(0.2)
        late = [
            (submits[number] - when) / 1e9
            for number, when in committed.items()
            if number in submits and submits[number] > when
        ]
        print(
            f"{len(committed)} opt-outs, {suppressed} suppressed, {len(submits)} sent; "
            f"submits after the commit: {len(late)}, the latest {max(late, default=0.0):.3f} s after it"
        )
        assert suppressed > TRIALS / 2
        assert max(late, default=0.0) * 1e9 <= EPSILON_NS


async def _next(here: Site, *, soon: bool, use: random.Random) -> str:
    """The number of a message that has not left: one of the next to leave, or any."""
    identifier = use.choice(list(here.accepted))
    queued = (message.c.notification_id == uuid.UUID(identifier), message.c.state == int(State.QUEUED))
    async with here.database.read() as connection:
        found = await connection.execute(select(message.c.index).where(*queued).order_by(message.c.index).limit(1))
        first = found.scalar_one()
    index = use.randrange(max(0, first - 60), first + 60) if soon else use.randrange(first, MESSAGES)
    return here.accepted[identifier][index]
