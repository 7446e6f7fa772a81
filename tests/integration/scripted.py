"""A carrier that does as it is told, for tests of what the dispatcher makes of its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sendout.server.carriers.base import (
    Capabilities,
    CarrierContext,
    Lost,
    Outcome,
    OutcomeKind,
    Outgoing,
    Receipt,
    Report,
)
from sendout.server.config import load_settings
from sendout.server.dispatch.dispatcher import Dispatcher
from sendout.server.dispatch.intake import StoredIntake
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.dispatch.work import Fellow, Work
from sendout.server.telemetry import setup
from tests.integration.pipeline import NUMBER_SECRET, Pipeline

Answer = Callable[[Outgoing], Outcome]


def accepted(message: Outgoing) -> Outcome:
    """Taken, with a reference for each part."""
    parts = range(1, message.segments + 1)
    return Outcome(OutcomeKind.ACCEPTED, tuple(f"{message.message_id}:{part}" for part in parts))


def answers(kind: OutcomeKind, **more: Any) -> Answer:
    """The same outcome for every message."""
    return lambda message: Outcome(kind, **more)


class Scripted:
    """Answers as `answer` says; keeps what it was given."""

    window = 1000

    def __init__(self, context: CarrierContext, answer: Answer = accepted) -> None:
        self.context, self.answer = context, answer
        self.given: list[Outgoing] = []

    @staticmethod
    def capabilities(settings: Mapping[str, Any]) -> Capabilities:
        return Capabilities(splits=True, receipts_per_part=True, replies=False)

    async def start(self) -> None: ...

    async def submit(self, messages: Sequence[Outgoing], report: Report) -> None:
        self.given += messages
        await asyncio.sleep(0)
        for message in messages:
            report(message, self.answer(message))

    async def stop(self) -> None: ...

    async def tell(self, *receipts: Receipt) -> None:
        """Hand in receipts."""
        await self.context.intake.receipts(self.context.name, receipts)


class Bound(Scripted):
    """One that keeps a session, or has none."""

    bound = 1


class Asked(Scripted):
    """One that can be asked for lost messages; `found` answers."""

    def __init__(self, context: CarrierContext, answer: Answer = accepted) -> None:
        super().__init__(context, answer)
        self.asked: list[Lost] = []

    async def find(self, lost: Sequence[Lost]) -> Sequence[Receipt]:
        self.asked += lost
        return [Receipt(f"found-{one.message_id}", state, message_id=one.message_id) for one, state in self.known(lost)]

    def known(self, lost: Sequence[Lost]) -> Sequence[tuple[Lost, Any]]:
        """Nothing is on record."""
        return ()


@asynccontextmanager
async def accounts(p: Pipeline, **made: Callable[[CarrierContext], Scripted]) -> AsyncIterator[dict[str, Scripted]]:
    """Running dispatchers of several carrier accounts in one process, by name; drained at the end."""
    telemetry = setup("test", load_settings())
    fellows: dict[str, Fellow] = {}
    carriers: dict[str, Scripted] = {}
    dispatchers: list[Dispatcher] = []
    for name, make in made.items():
        measures = Measures(telemetry, name)
        replies = Replies(p.database, p.clock, p.rings, NUMBER_SECRET, measures)
        intake = StoredIntake(p.database, p.clock, telemetry, measures, p.matching, replies)
        carriers[name] = make(CarrierContext(name, {}, p.clock, intake))
        ring = p.rings.of(name)
        parts = (name, p.database, ring, carriers[name], p.clock, p.settings, telemetry, measures, None, fellows)
        dispatchers.append(Dispatcher(Work(*parts), intake, replies, "d1"))
    async with AsyncExitStack() as stack:
        stack.callback(telemetry.shutdown)
        for dispatcher in dispatchers:
            await dispatcher.start()
            stack.push_async_callback(dispatcher.stop)
        yield carriers
