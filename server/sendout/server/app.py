"""The one module that knows every room: builds the gRPC server and the dispatcher from the settings, and runs them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from sendout.domain.clock import Clock, SystemClock
from sendout.domain.cursors import ResumeTokens
from sendout.server.auditing import TallyAuditor
from sendout.server.carriers.base import Capabilities, Carrier, TakesWebhooks
from sendout.server.carriers.registry import build_carriers, capabilities_of
from sendout.server.commands.event_feed import EventFeed
from sendout.server.commands.stream_events import StreamEvents, StreamLimits
from sendout.server.config import Settings
from sendout.server.config_check import refuse_unsafe
from sendout.server.dispatch.dispatcher import Dispatcher
from sendout.server.dispatch.housekeeping import Housekeeper
from sendout.server.dispatch.intake import Matching, StoredIntake
from sendout.server.dispatch.measures import Measures
from sendout.server.dispatch.replies import Replies
from sendout.server.dispatch.work import Fellow, Work
from sendout.server.logs import configure_logging
from sendout.server.processes import StopRequest, wait_for_any
from sendout.server.retention import Retention
from sendout.server.rpc.delivery_events import event_json
from sendout.server.rpc.server import Parts, RpcServer
from sendout.server.telemetry import Telemetry, setup, trace_sql
from sendout.server.webhook_calls import WebhookCalls
from sendout.server.webhook_delivery import ENDLESS_S, WebhookDelivery
from sendout.storage.engine import Database
from sendout.storage.handsets import HandsetStore
from sendout.storage.migrate import check_schema
from sendout.storage.ring import Rate, Rings, connect
from sendout.storage.wakeups import Wakeups

log = structlog.get_logger("sendout")

SIMULATOR = "simulator"
"""The type of carrier that has phones of its own."""


@dataclass(frozen=True, slots=True)
class Base:
    """What every process opens: settings, clock, telemetry and both stores."""

    settings: Settings
    clock: Clock
    telemetry: Telemetry
    database: Database
    rings: Rings
    wakeups: Wakeups


@asynccontextmanager
async def opened(settings: Settings, service_name: str) -> AsyncIterator[Base]:
    """The stores, checked: a schema this version knows, a database that keeps what it confirms."""
    configure_logging(settings)
    refuse_unsafe(settings)
    clock = SystemClock()
    telemetry = setup(service_name, settings, clock)
    database = Database(settings.storage.database_url, pool_size=settings.storage.database_pool)
    trace_sql(database.engine, telemetry)
    rings = Rings(connect(settings.storage.redis_url))
    wakeups = Wakeups(connect(settings.storage.redis_url))
    database.on_events = wakeups.tell
    try:
        await check_schema(database)
        if not settings.storage.accept_loss:
            await database.check_durable()
        yield Base(settings, clock, telemetry, database, rings, wakeups)
    finally:
        await wakeups.close()
        await rings.close()
        await database.close()
        await asyncio.to_thread(telemetry.shutdown)


async def serve(settings: Settings) -> None:
    """The gRPC server, until SIGTERM; then it drains."""
    async with opened(settings, "sendout-server") as base:
        stop = StopRequest()
        server = RpcServer(_parts(base))
        await server.start()
        log.info("serving", address=settings.server.listen)
        await stop.wait()
        log.info("draining")
        await server.stop()


def _parts(base: Base) -> Parts:
    carriers = base.settings.carriers
    simulators = frozenset(name for name, carrier in carriers.items() if carrier.type == SIMULATOR)
    measures = Measures(base.telemetry, "server")
    intake = StoredIntake(
        base.database, base.clock, base.telemetry, measures, _matching(base.settings), _replies(base, measures)
    )
    capabilities = _capabilities(base.settings)
    return Parts(
        settings=base.settings,
        clock=base.clock,
        telemetry=base.telemetry,
        database=base.database,
        rings=base.rings,
        wakeups=base.wakeups,
        carriers=capabilities,
        simulators=simulators,
        webhooks=_webhooks(base, capabilities, intake),
        intake=intake,
    )


def _webhooks(base: Base, carriers: Mapping[str, Capabilities], intake: StoredIntake) -> dict[str, TakesWebhooks]:
    """The carriers whose providers call us; never started here, as nothing is sent."""
    built = {name: _carrier(base, name, intake) for name, can in carriers.items() if can.webhooks}
    return {name: carrier for name, carrier in built.items() if isinstance(carrier, TakesWebhooks)}


async def dispatch(settings: Settings) -> None:
    """The dispatchers of every configured carrier and the webhooks, until SIGTERM; then the dispatchers drain."""
    async with opened(settings, "sendout-dispatch") as base:
        stop = StopRequest()
        dispatchers = _dispatchers(base)
        base.wakeups.start()
        try:
            await wait_for_any(
                stop.wait(), _webhook_delivery(base).run(), *(dispatcher.run() for dispatcher in dispatchers)
            )
        finally:
            log.info("draining")
            await asyncio.gather(*(dispatcher.stop() for dispatcher in dispatchers))


def _dispatchers(base: Base) -> list[Dispatcher]:
    name = f"{socket.gethostname()}:{os.getpid()}"
    matching = _matching(base.settings)
    fellows: dict[str, Fellow] = {}
    made: list[Dispatcher] = []
    for account in base.settings.carriers:
        measures = Measures(base.telemetry, account)
        replies = _replies(base, measures)
        intake = StoredIntake(base.database, base.clock, base.telemetry, measures, matching, replies)
        carrier = _carrier(base, account, intake)
        work = Work(
            account,
            base.database,
            base.rings.of(account),
            carrier,
            base.clock,
            base.settings.dispatch,
            base.telemetry,
            measures,
            _account_rate(base.settings, account),
            fellows,
        )
        made.append(Dispatcher(work, intake, replies, name, None if made else _housekeeper(base, work)))
    return made


def _webhook_delivery(base: Base) -> WebhookDelivery:
    secrets = base.settings.secrets
    stream = StreamEvents(
        base.database,
        base.clock,
        ResumeTokens(secrets.derive("resume-tokens")),
        EventFeed(base.database, base.wakeups),
        StreamLimits(write=ENDLESS_S),
    )
    allow_loopback = base.settings.webhooks.allow_loopback
    calls = WebhookCalls(secrets.derive("webhooks"), base.clock, allow_loopback=allow_loopback)
    return WebhookDelivery(base.database, base.clock, stream, calls, event_json)


def _replies(base: Base, measures: Measures) -> Replies:
    return Replies(base.database, base.clock, base.rings, base.settings.secrets.derive("numbers"), measures)


def _housekeeper(base: Base, work: Work) -> Housekeeper:
    """One a process: what it does is for all accounts."""
    retention = Retention(base.database, base.clock, base.settings.retention)
    return Housekeeper(work, retention, TallyAuditor(base.database, base.telemetry))


def _carrier(base: Base, account: str, intake: StoredIntake) -> Carrier:
    chosen = configured(base.settings, account)
    resources = {"handsets": HandsetStore(base.database)} if chosen[0] == SIMULATOR else {}
    return build_carriers({account: chosen}, clock=base.clock, intake=intake, resources=resources)[account]


def _capabilities(settings: Settings) -> dict[str, Capabilities]:
    return capabilities_of({name: configured(settings, name) for name in settings.carriers})


def _matching(settings: Settings) -> Matching:
    tell_of_parts = frozenset(name for name, can in _capabilities(settings).items() if can.receipts_per_part)
    return Matching(settings.secrets.derive("numbers"), tell_of_parts, settings.dispatch.adoption_window)


def configured(settings: Settings, account: str) -> tuple[str, dict[str, Any]]:
    """Type and own settings of a carrier. Raises ConfigError where a credential is not where its setting says."""
    chosen = settings.carriers[account]
    return chosen.type, {key: value for key, value in chosen.resolved().items() if key not in _ACCOUNT_KEYS}


_ACCOUNT_KEYS = frozenset({"account_segments_per_second", "account_burst_segments"})


def _account_rate(settings: Settings, account: str) -> Rate | None:
    """The rate of the whole account, where its settings give one."""
    own = settings.carriers[account].resolved()
    if "account_segments_per_second" not in own:
        return None
    return Rate(float(own["account_segments_per_second"]), int(own.get("account_burst_segments", 1)))
