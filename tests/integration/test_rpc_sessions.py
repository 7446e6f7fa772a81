"""Users and sessions over the wire, behind the gate."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from sendout.storage.engine import Database
from sendout.v1 import (
    history_service_pb2,
    history_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    user_pb2,
    user_service_pb2,
    user_service_pb2_grpc,
)
from tests.integration.signing_in import PASSWORD, ROOT
from tests.integration.test_rpc_identity import Running, refused

REFUSED = (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")


class People:
    """The two services, called as somebody."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.users = user_service_pb2_grpc.UserServiceStub(running.channel)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(running.channel)

    async def sign_in(self, **metadata: Any) -> session_service_pb2.CreateSessionResponse:
        """Ada's new session."""
        credential = session_service_pb2.PasswordCredential(user_id="ada", password=PASSWORD)
        return await self.sessions.CreateSession(
            session_service_pb2.CreateSessionRequest(password=credential), **metadata
        )

    def who(self, token: str) -> Any:
        """A call of WhoAmI."""
        return self.users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=self.running.metadata(token))

    def carry(self, token: str = "") -> dict[str, Any]:
        """What makes a call one of this token, or of the administrator."""
        return {"metadata": self.running.metadata(token)}


@pytest.fixture
async def people(database: Database, clock: Any) -> AsyncIterator[People]:
    running = Running(database, clock, recheck_s=0.05)
    await running.start()
    await running.users.create(ROOT, "ada", "Ada", password=PASSWORD)
    yield People(running)
    await running.stop()


async def test_a_session_from_beginning_to_end(people: People) -> None:
    """Signing in needs no credentials, its token is accepted like a key, and signing out ends it at once."""
    begun = await people.sign_in()
    token = begun.session_token
    assert token.startswith("sos_")
    who = await people.who(token)
    assert (who.principal_id, who.label, who.api_key_id, list(who.role_ids)) == ("ada", "Ada", "", ["everyone"])
    shown = await people.sessions.GetSession(session_service_pb2.GetSessionRequest(), **people.carry(token))
    assert shown.session == begun.session
    assert shown.session.user.user_id == "ada"
    seconds = shown.session.create_time.seconds
    assert shown.session.idle_expire_time.seconds - seconds == 30 * 60
    assert shown.session.expire_time.seconds - seconds == 12 * 3600
    await people.sessions.DeleteSession(session_service_pb2.DeleteSessionRequest(), **people.carry(token))
    for call in (
        people.who(token),
        people.sessions.DeleteSession(session_service_pb2.DeleteSessionRequest(), **people.carry(token)),
    ):
        assert (await refused(call))[:2] == REFUSED


async def test_a_token_that_comes_along_is_not_adopted(people: People) -> None:
    """Fixation: whatever token the call carries, the session gets another, and the one that came stays worthless."""
    planted = "sos_" + "A" * 43 + "_" + "A" * 6
    before = (await people.sign_in()).session_token
    for carried in (planted, before):
        begun = await people.sign_in(metadata=people.running.metadata(carried))
        assert begun.session_token not in (planted, before)
    assert (await refused(people.who(planted)))[:2] == REFUSED


async def test_signing_in_fails_in_our_words(people: People) -> None:
    """Each mistake has its status and details: no way chosen, a wrong password, no provider, too many attempts."""
    create = people.sessions.CreateSession
    empty = session_service_pb2.CreateSessionRequest()
    code, reason, details = await refused(create(empty))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert details["BadRequest"].field_violations[0].field == "credential"
    given = session_service_pb2.IdTokenCredential(id_token="a.b.c", nonce="n")
    code, reason, _ = await refused(create(session_service_pb2.CreateSessionRequest(id_token=given)))
    assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
    wrong = session_service_pb2.CreateSessionRequest(
        password=session_service_pb2.PasswordCredential(user_id="ada", password="wrong password")
    )
    for _ in range(10):
        assert (await refused(create(wrong)))[:2] == REFUSED
    code, reason, details = await refused(create(wrong))
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "REQUEST_RATE_EXCEEDED")
    assert details["RetryInfo"].retry_delay.seconds == 30


async def test_signing_out_ends_an_open_stream(people: People) -> None:
    """I8: a stream that a session opened is closed after the session was ended."""
    token = (await people.sign_in()).session_token
    history = history_service_pb2_grpc.HistoryServiceStub(people.running.channel)
    stream = history.StreamDeliveryEvents(history_service_pb2.StreamDeliveryEventsRequest(), **people.carry(token))
    await stream.read()
    ended = await people.sessions.DeleteAllSessions(
        session_service_pb2.DeleteAllSessionsRequest(), **people.carry(token)
    )
    assert ended.session_count == 1
    assert (await refused(stream.read()))[:2] == REFUSED


async def test_links_over_the_wire(people: People) -> None:
    """An administrator makes a link, somebody gets in by it, and nobody else makes one."""
    request = session_service_pb2.CreateSignInLinkRequest(user_id="ada", lifetime=Duration(seconds=60))
    link = await people.sessions.CreateSignInLink(request, **people.carry())
    assert link.sign_in_token.startswith("sol_")
    now = people.running.authenticate._clock.now_us()
    assert link.expire_time.ToMicroseconds() == now + 60_000_000
    use = session_service_pb2.CreateSessionRequest(sign_in_token=link.sign_in_token)
    token = (await people.sessions.CreateSession(use)).session_token
    assert (await people.who(token)).principal_id == "ada"
    assert (await refused(people.sessions.CreateSession(use)))[:2] == REFUSED
    code, reason, _ = await refused(people.sessions.CreateSignInLink(request, **people.carry(token)))
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")


async def test_users_over_the_wire(people: People) -> None:
    """Users are created, read, listed page by page and changed field by field."""
    user = user_pb2.User(user_id="bob", label="Bob", role_ids=["admin"], external_id="Bob@Example.org")
    made = await people.users.CreateUser(user_service_pb2.CreateUserRequest(user=user), **people.carry())
    assert (made.user.external_id, list(made.user.role_ids)) == ("bob@example.org", ["admin"])
    got = await people.users.GetUser(user_service_pb2.GetUserRequest(user_id="bob"), **people.carry())
    assert got.user == made.user
    first = await people.users.ListUsers(user_service_pb2.ListUsersRequest(page_size=1), **people.carry())
    rest = user_service_pb2.ListUsersRequest(page_size=1, page_token=first.next_page_token)
    second = await people.users.ListUsers(rest, **people.carry())
    assert [user.user_id for user in (*first.users, *second.users)] == ["ada", "bob"]
    assert second.next_page_token == ""
    change = user_service_pb2.UpdateUserRequest(
        user=user_pb2.User(user_id="bob", label="ignored", disabled=True),
        update_mask=FieldMask(paths=["disabled", "role_ids"]),
    )
    changed = (await people.users.UpdateUser(change, **people.carry())).user
    assert (changed.label, changed.disabled, list(changed.role_ids)) == ("Bob", True, [])
    change.update_mask.paths[:] = ["password"]
    _, reason, details = await refused(people.users.UpdateUser(change, **people.carry()))
    assert (reason, details["BadRequest"].field_violations[0].field) == ("FIELD_INVALID", "update_mask")


async def test_one_sets_ones_own_password(people: People) -> None:
    """A session changes its user's password without a permission, and ends by it; another's it may not change."""
    token = (await people.sign_in()).session_token
    other = user_service_pb2.SetUserPasswordRequest(user_id="root", password="a new password")
    assert (await refused(people.users.SetUserPassword(other, **people.carry(token))))[1] == "ROLE_REQUIRED"
    own = user_service_pb2.SetUserPasswordRequest(user_id="ada", password="a new password")
    await people.users.SetUserPassword(own, **people.carry(token))
    assert (await refused(people.who(token)))[:2] == REFUSED


async def test_no_secret_is_logged(people: People, caplog: pytest.LogCaptureFixture) -> None:
    """Passwords, links and tokens, right and wrong, are in no log of any level and in no error."""
    with caplog.at_level(logging.DEBUG):
        token = (await people.sign_in()).session_token
        await people.who(token)
        await people.sessions.DeleteSession(session_service_pb2.DeleteSessionRequest(), **people.carry(token))
        _, _, details = await refused(people.who(token))
        wrong = session_service_pb2.CreateSessionRequest(
            password=session_service_pb2.PasswordCredential(user_id="ada", password="my other password")
        )
        _, _, more = await refused(people.sessions.CreateSession(wrong))
        short = user_service_pb2.SetUserPasswordRequest(user_id="ada", password="short")
        _, _, most = await refused(people.users.SetUserPassword(short, **people.carry()))
    said = caplog.text + str((details, more, most))
    for secret in (token, token.split("_")[1], PASSWORD, "my other password", "'short'"):
        assert secret not in said
