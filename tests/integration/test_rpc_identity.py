"""The services behind their interceptors: a real grpc.aio server, called over a socket.

Longer than 400 lines because all of it needs the one server that is built here.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from argon2.profiles import CHEAPEST
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import sendout.v1
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.paging import PageTokens
from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.authenticate import Authenticate
from sendout.server.commands.contact_points import ContactPoints
from sendout.server.commands.roles import Roles
from sendout.server.commands.sessions import Sessions
from sendout.server.commands.sign_in import SignIn
from sendout.server.commands.users import Users
from sendout.server.config import load_settings
from sendout.server.passwords import Passwords
from sendout.server.rpc.api_keys import ApiKeyServicer
from sendout.server.rpc.contact_points import ContactPointServicer
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.interceptors import GateInterceptor
from sendout.server.rpc.pages import Pages
from sendout.server.rpc.policy import POLICY
from sendout.server.rpc.roles import RoleServicer
from sendout.server.rpc.sessions import SessionServicer
from sendout.server.rpc.unimplemented import add_service
from sendout.server.rpc.users import UserServicer
from sendout.server.telemetry import TracingInterceptor, setup
from sendout.storage.engine import Database
from sendout.v1 import (
    api_key_service_pb2,
    api_key_service_pb2_grpc,
    contact_point_pb2,
    contact_point_service_pb2,
    contact_point_service_pb2_grpc,
    history_service_pb2,
    history_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
    role_pb2,
    role_service_pb2,
    role_service_pb2_grpc,
    session_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
)

ROOT = Caller("root", "", "Root", frozenset({"everyone", "admin"}), frozenset(Permission))
PAGES = Pages(PageTokens(b"t" * 32))
SERVED = ("ContactPointService", "RoleService", "ApiKeyService", "UserService", "SessionService")


class Streams:
    """Streams that a test can watch end. Each kind of handler once."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.callers: list[Caller] = []

    async def StreamDeliveryEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """A generator: one event, then a wait without end."""
        try:
            self.callers.append(current_caller())
            yield history_service_pb2.StreamDeliveryEventsResponse()
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def ExportMessages(self, request: Any, context: Any) -> None:
        """A coroutine that writes, and then breaks."""
        await context.write(history_service_pb2.ExportMessagesResponse())
        raise RuntimeError("a driver's own words")

    async def SendNotificationStream(self, requests: AsyncIterator[Any], context: Any) -> Any:
        """Takes a stream; refuses where nothing came."""
        if not [request async for request in requests]:
            raise SendoutError(Reason.TEXT_EMPTY, "Nothing came.")
        return notification_service_pb2.SendNotificationStreamResponse()

    async def GetTopicSeries(self, request: Any, context: Any) -> Any:
        """Never answers."""
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


class Running:
    """A server with a channel to it and an administrator's key."""

    def __init__(self, database: Database, clock: Any, **limits: Any) -> None:
        self.authenticate = Authenticate(database, clock)
        self.points = ContactPoints(database, clock, frozenset({"simulator"}))
        self.roles = Roles(database, clock, self.authenticate.forget)
        self.api_keys = ApiKeys(database, clock, self.authenticate.forget)
        passwords = Passwords(CHEAPEST)
        self.users = Users(database, clock, passwords, self.authenticate.forget)
        self.sessions = Sessions(database, clock, self.authenticate.forget)
        self.sign_in = SignIn(database, clock, passwords, self.authenticate.forget)
        self.streams = Streams()
        gate = GateInterceptor(self.authenticate, **limits)
        self.telemetry = setup("test-server", load_settings())
        self.server = grpc.aio.server(interceptors=[TracingInterceptor(self.telemetry), gate])
        contact_point_service_pb2_grpc.add_ContactPointServiceServicer_to_server(
            ContactPointServicer(self.points, PAGES), self.server
        )
        role_service_pb2_grpc.add_RoleServiceServicer_to_server(RoleServicer(self.roles, PAGES), self.server)
        api_key_service_pb2_grpc.add_ApiKeyServiceServicer_to_server(ApiKeyServicer(self.api_keys, PAGES), self.server)
        health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), self.server)
        user_service_pb2_grpc.add_UserServiceServicer_to_server(
            UserServicer(self.users, self.points, PAGES), self.server
        )
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(
            SessionServicer(self.sign_in, self.sessions), self.server
        )
        partly = {"HistoryService": self.streams, "NotificationService": self.streams}
        for service in _services():
            if service.name not in SERVED:
                add_service(self.server, service, partly.get(service.name))
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.key = ""

    async def start(self) -> None:
        await self.server.start()
        _, self.key = await self.api_keys.create(ROOT, "admin", role_ids=["admin"])

    async def stop(self) -> None:
        await self.channel.close()
        await self.server.stop(None)
        await self.authenticate.close()
        await asyncio.to_thread(self.telemetry.shutdown, 1.0)

    def metadata(self, key: str = "") -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {key or self.key}"),)


def _services() -> list[Any]:
    folder = Path(sendout.v1.__file__).parent
    modules = [importlib.import_module(f"sendout.v1.{path.stem}") for path in sorted(folder.glob("*_service_pb2.py"))]
    return [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]


@pytest.fixture
async def running(database: Database, clock: Any) -> AsyncIterator[Running]:
    started = Running(database, clock, recheck_s=0.05)
    await started.start()
    yield started
    await started.stop()


async def refused(call: Any) -> tuple[grpc.StatusCode, str, dict[str, Any]]:
    """(code, reason, details by their type's short name) of a refused call."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailers = dict(caught.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    details = {}
    for packed in status.details:
        message = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])()
        packed.Unpack(message)
        details[type(message).__name__] = message
    assert status.message == caught.value.details()
    assert details["ErrorInfo"].domain == "sendout"
    return caught.value.code(), details["ErrorInfo"].reason, details


def point(**settings: Any) -> contact_point_pb2.ContactPoint:
    return contact_point_pb2.ContactPoint(
        **{"label": "Garage", "sender": "+14155550100", "carrier": "simulator"} | settings
    )


async def test_who_am_i(running: Running) -> None:
    """S19: a caller learns its roles, permissions and the contact points it may send from."""
    points = contact_point_service_pb2_grpc.ContactPointServiceStub(running.channel)
    create = contact_point_service_pb2.CreateContactPointRequest(contact_point=point(contact_point_id="garage"))
    await points.CreateContactPoint(create, metadata=running.metadata())
    key, agent = await running.api_keys.create(ROOT, "agent")
    users = user_service_pb2_grpc.UserServiceStub(running.channel)
    answer = await users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=running.metadata(agent))
    assert (answer.principal_id, answer.label, answer.api_key_id) == (key.principal_id, "agent", key.id)
    assert list(answer.role_ids) == ["everyone"]
    assert list(answer.permissions) == [role_pb2.PERMISSION_VIEW_HISTORY, role_pb2.PERMISSION_MANAGE_TOPICS]
    assert list(answer.sendable_contact_point_ids) == ["garage"]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "CREDENTIALS_MISSING"),
        ((("authorization", "Bearer so_wrong"),), "CREDENTIALS_INVALID"),
        ((("authorization", "Basic YTpi"),), "CREDENTIALS_INVALID"),
        ((("authorization", "Bearer a"), ("authorization", "Bearer b")), "CREDENTIALS_INVALID"),
    ],
)
async def test_without_credentials_nobody_gets_in(running: Running, metadata: Any, reason: str) -> None:
    """Every kind of RPC refuses missing and wrong credentials with UNAUTHENTICATED."""
    users = user_service_pb2_grpc.UserServiceStub(running.channel)
    history = history_service_pb2_grpc.HistoryServiceStub(running.channel)
    notifications = notification_service_pb2_grpc.NotificationServiceStub(running.channel)
    stream = history.StreamDeliveryEvents(history_service_pb2.StreamDeliveryEventsRequest(), metadata=metadata)
    for call in (
        users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=metadata),
        stream.read(),
        notifications.SendNotificationStream(iter(()), metadata=metadata),
    ):
        code, given, _ = await refused(call)
        assert (code, given) == (grpc.StatusCode.UNAUTHENTICATED, reason)


async def test_health_needs_no_key(running: Running) -> None:
    """A balancer asks for health without credentials."""
    answer = await health_pb2_grpc.HealthStub(running.channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_policy_is_enforced(running: Running) -> None:
    """S2: a caller without the permission is refused by the table, whatever the handler would do."""
    _, agent = await running.api_keys.create(ROOT, "agent")
    roles = role_service_pb2_grpc.RoleServiceStub(running.channel)
    code, reason, details = await refused(
        roles.ListRoles(role_service_pb2.ListRolesRequest(), metadata=running.metadata(agent))
    )
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    assert details["ErrorInfo"].metadata["permission"] == "ADMINISTER"


async def test_what_the_policy_does_not_name_is_denied(database: Database, clock: Any) -> None:
    """A served method without a rule is closed to administrators too."""
    gap = {method: rule for method, rule in POLICY.items() if not method.endswith("/WhoAmI")}
    running = Running(database, clock, policy=gap)
    await running.start()
    users = user_service_pb2_grpc.UserServiceStub(running.channel)
    code, _, _ = await refused(users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=running.metadata()))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    await running.stop()


@pytest.mark.parametrize("service", _services(), ids=lambda service: service.name)
async def test_every_rpc_answers_in_our_words(running: Running, service: Any) -> None:
    """What a later version brings says NOT_IMPLEMENTED with details, and only to those who got in."""
    for method in service.methods:
        if method.name in dir(running.streams) or service.name in SERVED:
            continue
        path = f"/{service.full_name}/{method.name}"
        if not POLICY[path].public:
            code, reason, _ = await refused(_empty_call(running, method, path, ()))
            assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_MISSING")
        code, reason, _ = await refused(_empty_call(running, method, path, running.metadata()))
        assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")


def _empty_call(running: Running, method: Any, path: str, metadata: Any) -> Any:
    channel: Any = running.channel
    if method.client_streaming:
        return channel.stream_unary(path)(iter(()), metadata=metadata)
    if method.server_streaming:
        return channel.unary_stream(path)(b"", metadata=metadata).read()
    return channel.unary_unary(path)(b"", metadata=metadata)


async def test_unknown_methods_are_unimplemented(running: Running) -> None:
    """A method that is not of the contract is UNIMPLEMENTED, as gRPC says it."""
    channel: Any = running.channel
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/sendout.v1.RoleService/Nothing")(b"", metadata=running.metadata())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.security("limits", "missing deadline")
async def test_a_call_without_a_deadline_gets_one(database: Database, clock: Any) -> None:
    """A unary call that carries no deadline ends by ours, and its handler is cancelled."""
    running = Running(database, clock, unary_deadline_s=0.2)
    await running.start()
    history = history_service_pb2_grpc.HistoryServiceStub(running.channel)
    code, reason, _ = await refused(
        history.GetTopicSeries(history_service_pb2.GetTopicSeriesRequest(), metadata=running.metadata())
    )
    assert (code, reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")
    assert running.streams.ended.is_set()
    await running.stop()


async def test_the_caller_belongs_to_the_trace_of_the_call(running: Running) -> None:
    """Behind the tracing interceptor a caller carries the trace that the client began, and the server's own span."""
    history = history_service_pb2_grpc.HistoryServiceStub(running.channel)
    parent = ("traceparent", f"00-{'5' * 32}-{'6' * 16}-01")
    stream = history.StreamDeliveryEvents(
        history_service_pb2.StreamDeliveryEventsRequest(), metadata=(*running.metadata(), parent)
    )
    await stream.read()
    (caller,) = running.streams.callers
    assert caller.trace_id == "5" * 32
    assert len(caller.span_id) == 16
    assert caller.span_id != "6" * 16
    stream.cancel()


async def test_a_cancelled_stream_ends_quietly(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """A client may leave a stream at any time: the handler is closed, nothing is logged."""
    history = history_service_pb2_grpc.HistoryServiceStub(running.channel)
    stream = history.StreamDeliveryEvents(
        history_service_pb2.StreamDeliveryEventsRequest(), metadata=running.metadata()
    )
    await stream.read()
    stream.cancel()
    await asyncio.wait_for(running.streams.ended.wait(), 5)
    assert caplog.records == []


async def test_a_revoked_key_ends_its_streams(running: Running) -> None:
    """I8: a stream that waits for its next event is closed when its key is revoked."""
    key, text = await running.api_keys.create(ROOT, "reader")
    history = history_service_pb2_grpc.HistoryServiceStub(running.channel)
    stream = history.StreamDeliveryEvents(
        history_service_pb2.StreamDeliveryEventsRequest(), metadata=running.metadata(text)
    )
    await stream.read()
    assert running.streams.callers[0].principal_id == key.principal_id
    await running.api_keys.revoke(ROOT, key.id)
    code, reason, _ = await refused(stream.read())
    assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")
    assert running.streams.ended.is_set()


async def test_errors_of_streams_are_mapped(running: Running) -> None:
    """A refusal and an unforeseen exception in a streaming handler get their details like any other."""
    notifications = notification_service_pb2_grpc.NotificationServiceStub(running.channel)
    code, reason, _ = await refused(notifications.SendNotificationStream(iter(()), metadata=running.metadata()))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "TEXT_EMPTY")
    one = iter((notification_service_pb2.SendNotificationStreamRequest(),))
    await notifications.SendNotificationStream(one, metadata=running.metadata())
    history = history_service_pb2_grpc.HistoryServiceStub(running.channel)
    export = history.ExportMessages(history_service_pb2.ExportMessagesRequest(), metadata=running.metadata())
    await export.read()
    code, reason, details = await refused(export.read())
    assert (code, reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "driver" not in str(details)


async def test_contact_points_over_the_wire(running: Running) -> None:
    """S3, S4: created with defaults, changed by mask or by what is filled, listed by pages."""
    stub = contact_point_service_pb2_grpc.ContactPointServiceStub(running.channel)
    own: dict[str, Any] = {"metadata": running.metadata()}
    create = contact_point_service_pb2.CreateContactPointRequest(contact_point=point())
    made = (await stub.CreateContactPoint(create, **own)).contact_point
    assert made.contact_point_id.startswith("garage-")
    assert list(made.send_notification_roles) == list(made.start_conversation_roles) == ["everyone"]
    assert (made.emoji_enabled, made.enabled, made.max_segments, made.segments_per_second) == (True, True, 10, 1.0)
    assert (made.burst_segments, made.daily_segment_cap, made.cap_time_zone) == (1, 0, "UTC")
    assert not made.HasField("quiet_hours")

    async def update(paths: list[str] | None, **settings: Any) -> contact_point_pb2.ContactPoint:
        request = contact_point_service_pb2.UpdateContactPointRequest(
            contact_point=contact_point_pb2.ContactPoint(contact_point_id=made.contact_point_id, **settings)
        )
        if paths is not None:
            request.update_mask.CopyFrom(FieldMask(paths=paths))
        answer: contact_point_pb2.ContactPoint = (await stub.UpdateContactPoint(request, **own)).contact_point
        return answer

    quiet = contact_point_pb2.QuietHours(start="21:00", end="08:00", fallback_time_zone="UTC")
    changed = await update(None, label="Garage 2", enabled=False, quiet_hours=quiet)
    assert (changed.label, changed.enabled, changed.sender) == ("Garage 2", False, "+14155550100")
    changed = await update(["send_notification_roles", "quiet_hours"], label="ignored")
    assert (changed.label, list(changed.send_notification_roles)) == ("Garage 2", [])
    assert (list(changed.start_conversation_roles), changed.HasField("quiet_hours")) == (["everyone"], False)
    for path in ("contact_point_id", "create_time", "nonsense", "quiet_hours.start"):
        code, reason, details = await refused(update([path]))
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
        assert details["BadRequest"].field_violations[0].field == "update_mask"
        assert path in details["BadRequest"].field_violations[0].description
    get = contact_point_service_pb2.GetContactPointRequest(contact_point_id=made.contact_point_id)
    assert (await stub.GetContactPoint(get, **own)).contact_point == changed
    missing = contact_point_service_pb2.GetContactPointRequest(contact_point_id="none")
    code, reason, _ = await refused(stub.GetContactPoint(missing, **own))
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "CONTACT_POINT_NOT_FOUND")


async def test_page_tokens(running: Running) -> None:
    """A token leads to the next page of the same request, and to nothing else."""
    stub = role_service_pb2_grpc.RoleServiceStub(running.channel)
    own: dict[str, Any] = {"metadata": running.metadata()}
    request = role_service_pb2.ListRolesRequest
    for label in ("Ä", "b", "c"):
        role = role_pb2.Role(label=label, permissions=[role_pb2.PERMISSION_VIEW_HISTORY])
        await stub.CreateRole(role_service_pb2.CreateRoleRequest(role=role), **own)
    labels: list[str] = []
    token = ""
    while True:
        page = await stub.ListRoles(request(page_size=2, page_token=token), **own)
        labels += [role.label for role in page.roles]
        token = page.next_page_token
        if not token:
            break
        last = token
    assert labels[:2] == ["Administrators", "Everyone"]
    assert sorted(labels[2:]) == ["b", "c", "Ä"]
    keys = api_key_service_pb2_grpc.ApiKeyServiceStub(running.channel)
    bad = [
        stub.ListRoles(request(page_token="nonsense!"), **own),
        stub.ListRoles(request(page_token=last[:-2] + "AA"), **own),
        stub.ListRoles(request(page_token="x" * 5000), **own),
        keys.ListApiKeys(api_key_service_pb2.ListApiKeysRequest(page_token=last), **own),
    ]
    for call in bad:
        code, reason, _ = await refused(call)
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
    code, reason, _ = await refused(stub.ListRoles(request(page_size=-1), **own))
    assert reason == "FIELD_INVALID"
    assert len((await stub.ListRoles(request(page_size=1_000_000), **own)).roles) == 5


async def test_roles_over_the_wire(running: Running) -> None:
    """Roles are made, changed and deleted; a permission nobody knows is refused by its place."""
    stub = role_service_pb2_grpc.RoleServiceStub(running.channel)
    own: dict[str, Any] = {"metadata": running.metadata()}
    role = role_pb2.Role(role_id="nurses", label="Nurses", permissions=[role_pb2.PERMISSION_ADMINISTER])
    made = (await stub.CreateRole(role_service_pb2.CreateRoleRequest(role=role), **own)).role
    assert made == role
    update = role_service_pb2.UpdateRoleRequest(
        role=role_pb2.Role(role_id="nurses"), update_mask=FieldMask(paths=["permissions"])
    )
    assert list((await stub.UpdateRole(update, **own)).role.permissions) == []
    assert (await stub.GetRole(role_service_pb2.GetRoleRequest(role_id="nurses"), **own)).role.label == "Nurses"
    unknown = role_pb2.Role.FromString(role_pb2.Role(label="x").SerializeToString() + b"\x1a\x01\x4d")  # 77
    _, reason, details = await refused(stub.CreateRole(role_service_pb2.CreateRoleRequest(role=unknown), **own))
    assert reason == "FIELD_INVALID"
    assert details["BadRequest"].field_violations[0].field == "role.permissions[0]"
    await stub.DeleteRole(role_service_pb2.DeleteRoleRequest(role_id="nurses"), **own)
    code, reason, details = await refused(
        stub.DeleteRole(role_service_pb2.DeleteRoleRequest(role_id="everyone"), **own)
    )
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ROLE_BUILT_IN")
    assert details["PreconditionFailure"].violations[0].type == "ROLE_BUILT_IN"


async def test_keys_over_the_wire(running: Running, clock: Any) -> None:
    """A key is shown once, works, is listed without its secret, and is refused on the call after it was revoked."""
    stub = api_key_service_pb2_grpc.ApiKeyServiceStub(running.channel)
    users = user_service_pb2_grpc.UserServiceStub(running.channel)
    own: dict[str, Any] = {"metadata": running.metadata()}
    expire_time = Timestamp(seconds=clock.now_us() // 1_000_000 + 60)
    request = api_key_service_pb2.CreateApiKeyRequest(label="CRM", role_ids=["admin"], expire_time=expire_time)
    made = await stub.CreateApiKey(request, **own)
    assert made.api_key.expire_time == expire_time
    assert list(made.api_key.role_ids) == ["admin", "everyone"]
    theirs: dict[str, Any] = {"metadata": running.metadata(made.secret)}
    assert (await users.WhoAmI(user_service_pb2.WhoAmIRequest(), **theirs)).api_key_id == made.api_key.api_key_id
    listed = await stub.ListApiKeys(
        api_key_service_pb2.ListApiKeysRequest(principal_id=made.api_key.principal_id), **theirs
    )
    assert [key.label for key in listed.api_keys] == ["CRM"]
    assert made.secret.split("_")[2] not in str(listed)
    revoke = api_key_service_pb2.RevokeApiKeyRequest(api_key_id=made.api_key.api_key_id)
    assert (await stub.RevokeApiKey(revoke, **own)).api_key.HasField("revoke_time")
    code, reason, _ = await refused(users.WhoAmI(user_service_pb2.WhoAmIRequest(), **theirs))
    assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")
    broken = api_key_service_pb2.CreateApiKeyRequest(label="x", expire_time=Timestamp(nanos=-1))
    _, reason, details = await refused(stub.CreateApiKey(broken, **own))
    assert (reason, details["BadRequest"].field_violations[0].field) == ("FIELD_INVALID", "expire_time")
