"""The gRPC server: every servicer built from its commands, behind tracing and the gate, with health and drain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sendout.domain.clock import Clock
from sendout.domain.cursors import ResumeTokens
from sendout.domain.paging import PageTokens
from sendout.server.carriers.base import Capabilities, Intake, TakesWebhooks
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.audit_trail import AuditTrail
from sendout.server.commands.authenticate import Authenticate
from sendout.server.commands.cancel_notification import CancelNotification
from sendout.server.commands.consents import Consents, Numbers, Stops
from sendout.server.commands.contact_points import ContactPoints
from sendout.server.commands.conversations import Conversations
from sendout.server.commands.drafting import Drafts
from sendout.server.commands.event_feed import EventFeed
from sendout.server.commands.export_messages import ExportMessages
from sendout.server.commands.history import History
from sendout.server.commands.import_consents import ImportConsents
from sendout.server.commands.preview_notification import PreviewNotification
from sendout.server.commands.prices import Prices
from sendout.server.commands.read_notifications import ReadNotifications
from sendout.server.commands.roles import Roles
from sendout.server.commands.send_notification import SendNotification
from sendout.server.commands.sessions import Sessions
from sendout.server.commands.sign_in import SignIn
from sendout.server.commands.simulator import Handsets
from sendout.server.commands.snippets import Snippets
from sendout.server.commands.stream_events import StreamEvents
from sendout.server.commands.topic_series import GetTopicSeries
from sendout.server.commands.topics import Topics
from sendout.server.commands.usage import GetUsage
from sendout.server.commands.users import Users
from sendout.server.commands.webhook_subscriptions import WebhookSubscriptions
from sendout.server.commands.webhooks import HandleWebhook
from sendout.server.config import Settings
from sendout.server.config_check import is_loopback
from sendout.server.health import HealthServicer
from sendout.server.id_tokens import IdTokens
from sendout.server.passwords import Passwords
from sendout.server.rpc.api_keys import ApiKeyServicer
from sendout.server.rpc.audit import AuditServicer
from sendout.server.rpc.consents import ConsentServicer
from sendout.server.rpc.contact_points import ContactPointServicer
from sendout.server.rpc.conversations import ConversationServicer
from sendout.server.rpc.delivery_events import sample_event_json
from sendout.server.rpc.history import HistoryServicer
from sendout.server.rpc.interceptors import GateInterceptor
from sendout.server.rpc.notifications import NotificationServicer
from sendout.server.rpc.pages import Pages
from sendout.server.rpc.prices import PriceServicer
from sendout.server.rpc.roles import RoleServicer
from sendout.server.rpc.sessions import SessionServicer
from sendout.server.rpc.simulator import SimulatorServicer
from sendout.server.rpc.snippets import SnippetServicer
from sendout.server.rpc.topics import TopicServicer
from sendout.server.rpc.unimplemented import add_service
from sendout.server.rpc.usage import UsageServicer
from sendout.server.rpc.users import UserServicer
from sendout.server.rpc.webhook_subscriptions import WebhookSubscriptionServicer
from sendout.server.rpc.webhooks import WebhookServicer
from sendout.server.telemetry import Telemetry, TracingInterceptor
from sendout.server.webhook_calls import WebhookCalls
from sendout.storage import workers
from sendout.storage.engine import Database
from sendout.storage.prices import PriceBook
from sendout.storage.ring import RedisError, Rings
from sendout.storage.wakeups import Wakeups
from sendout.v1 import (
    api_key_service_pb2,
    audit_service_pb2,
    consent_service_pb2,
    contact_point_service_pb2,
    conversation_service_pb2,
    history_service_pb2,
    notification_service_pb2,
    price_service_pb2,
    role_service_pb2,
    session_service_pb2,
    simulator_service_pb2,
    snippet_service_pb2,
    topic_service_pb2,
    usage_service_pb2,
    user_service_pb2,
    webhook_service_pb2,
    webhook_subscription_service_pb2,
)

_OPTIONS = (
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.absolute_max_metadata_size", 8 * 1024),  # between the two gRPC refuses at random
    ("grpc.http2.min_ping_interval_without_data_ms", 60_000),
    ("grpc.max_connection_idle_ms", 15 * 60_000),
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    ("grpc.so_reuseport", 0),
)
_GRACE_S = 30.0
_BALANCER_S = 3.0  # what load balancers need to see that we are leaving


@dataclass(frozen=True, slots=True)
class Parts:
    """What the server is built from. `simulators` are the carriers that have phones of their own, `webhooks` those
    whose providers call us."""

    settings: Settings
    clock: Clock
    telemetry: Telemetry
    database: Database
    rings: Rings
    wakeups: Wakeups
    carriers: Mapping[str, Capabilities]
    simulators: frozenset[str]
    webhooks: Mapping[str, TakesWebhooks]
    intake: Intake


class RpcServer:
    """The server of one process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._authenticate = Authenticate(parts.database, parts.clock)
        self._passwords = Passwords()
        self._events = StreamEvents(
            parts.database,
            parts.clock,
            ResumeTokens(parts.settings.secrets.derive("resume-tokens")),
            EventFeed(parts.database, parts.wakeups),
            lag=parts.telemetry.stream_lag.record,
        )
        self._webhook_calls = WebhookCalls(
            parts.settings.secrets.derive("webhooks"),
            parts.clock,
            allow_loopback=parts.settings.webhooks.allow_loopback,
        )
        self._server = grpc.aio.server(
            interceptors=[TracingInterceptor(parts.telemetry), GateInterceptor(self._authenticate)],
            options=_OPTIONS,
        )
        self._health = HealthServicer(
            parts.clock, {"readiness": self._database_answers, "dispatch": self._dispatch_works}
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [self._add(*service) for service in self._services()]
        if parts.settings.server.reflection:
            reflection.enable_server_reflection(
                [*names, health_pb2.DESCRIPTOR.name, reflection.SERVICE_NAME], self._server
            )
        self._bind()

    def _add(self, module: Any, servicer: object | None) -> str:
        (service,) = module.DESCRIPTOR.services_by_name.values()
        add_service(self._server, service, servicer)
        return str(service.full_name)

    def _services(self) -> Sequence[tuple[Any, object | None]]:
        parts = self._parts
        database, clock, derive = parts.database, parts.clock, parts.settings.secrets.derive
        tokens = PageTokens(derive("page-tokens"))
        pages = Pages(tokens)
        forget = self._authenticate.forget
        points = ContactPoints(database, clock, frozenset(parts.carriers))
        unreal = frozenset(name for name, can in parts.carriers.items() if not can.reaches_phones)
        bits = {name: can.reference_bits for name, can in parts.carriers.items()}
        drafts = Drafts(database, clock, derive("numbers"), unreal, bits)
        send = SendNotification(drafts, database, clock, parts.rings)
        notifications = NotificationServicer(
            send,
            PreviewNotification(drafts, database, clock, PriceBook(clock)),
            CancelNotification(database, clock),
            ReadNotifications(database, clock, tokens),
            parts.telemetry.accepted,
        )
        history = HistoryServicer(
            History(database, clock, tokens), GetTopicSeries(database), ExportMessages(database, clock)
        )
        history.events = self._events
        reading, stops = Numbers(derive("numbers"), unreal), Stops(parts.rings, frozenset(parts.carriers))
        consents = ConsentServicer(
            Consents(database, clock, reading, stops), ImportConsents(database, clock, reading, stops), pages
        )
        subscriptions = WebhookSubscriptions(database, clock, self._webhook_calls, sample_event_json)
        found: list[tuple[Any, object | None]] = [
            (notification_service_pb2, notifications),
            (topic_service_pb2, TopicServicer(Topics(database, clock, tokens))),
            (history_service_pb2, history),
            (contact_point_service_pb2, ContactPointServicer(points, pages)),
            (consent_service_pb2, consents),
            (role_service_pb2, RoleServicer(Roles(database, clock, forget), pages)),
            (api_key_service_pb2, ApiKeyServicer(ApiKeys(database, clock, forget), pages)),
            (user_service_pb2, UserServicer(Users(database, clock, self._passwords, forget), points, pages)),
            (session_service_pb2, SessionServicer(self._sign_in(), Sessions(database, clock, forget))),
            (snippet_service_pb2, SnippetServicer(Snippets(database, clock), pages)),
            (price_service_pb2, PriceServicer(Prices(database, clock), pages)),
            (usage_service_pb2, UsageServicer(GetUsage(database), pages)),
            (audit_service_pb2, AuditServicer(AuditTrail(database), pages)),
            (webhook_service_pb2, WebhookServicer(HandleWebhook(parts.webhooks))),
            (webhook_subscription_service_pb2, WebhookSubscriptionServicer(subscriptions, pages)),
            (conversation_service_pb2, ConversationServicer(Conversations(database, clock, send), pages)),
        ]
        if parts.simulators:
            carrier = min(parts.simulators)
            handsets = Handsets(database, clock, parts.intake, carrier, tokens)
            found.append((simulator_service_pb2, SimulatorServicer(handsets)))
        return found

    def _sign_in(self) -> SignIn:
        parts, provider = self._parts, self._parts.settings.sign_in
        return SignIn(
            parts.database,
            parts.clock,
            self._passwords,
            self._authenticate.forget,
            IdTokens(provider, parts.clock) if provider.oidc_issuer else None,
            create_users=provider.oidc_create_users,
        )

    def _bind(self) -> None:
        server = self._parts.settings.server
        try:
            if server.tls_cert and server.tls_key:
                pair = (server.tls_key.read_bytes(), server.tls_cert.read_bytes())
                self._server.add_secure_port(server.listen, grpc.ssl_server_credentials([pair]))
            else:
                self._server.add_insecure_port(server.listen)
        except (OSError, RuntimeError) as error:
            raise RuntimeError(f"Cannot listen on {server.listen}: {error}. Is something else using it?") from None

    async def start(self) -> None:
        """Take calls."""
        self._parts.wakeups.start()
        await self._server.start()

    async def stop(self) -> None:
        """Say that we are leaving, let running calls end, then end."""
        self._health.draining()
        if not is_loopback(self._parts.settings.server.listen):
            await asyncio.sleep(_BALANCER_S)
        await self._events.drain()
        await self._server.stop(_GRACE_S)
        await self._authenticate.close()
        await self._webhook_calls.close()
        self._passwords.close()

    async def _database_answers(self) -> bool:
        async with self._parts.database.read() as connection:
            await workers.any_alive(connection)
        return True

    async def _dispatch_works(self) -> bool:
        try:
            await self._parts.rings.ping()
        except RedisError:
            return False
        async with self._parts.database.read() as connection:
            return await workers.any_alive(connection)
