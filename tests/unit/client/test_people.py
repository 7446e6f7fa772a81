"""Users and sessions through both clients."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import grpc
import pytest

from sendout.client import Unavailable
from sendout.v1 import session_service_pb2 as sessions_pb
from sendout.v1 import user_service_pb2 as users_pb
from sendout.v1.user_pb2 import User
from tests.unit.client.conftest import Either
from tests.unit.client.fake_server import Fail, FakeServer

AWAY = Fail(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")


async def test_users_are_managed(server: FakeServer, either: Either) -> None:
    """Each method asks for what its arguments say, and a listing goes through all pages."""
    pages = [
        users_pb.ListUsersResponse(users=[User(user_id="ada")], next_page_token="more"),
        users_pb.ListUsersResponse(users=[User(user_id="bob")]),
    ]
    server.on("ListUsers", *pages)
    assert [user.user_id for user in await either.items("users")] == ["ada", "bob"]
    server.on("GetUser", users_pb.GetUserResponse(user=User(user_id="ada")))
    assert (await either.call("get_user", "ada")).user.user_id == "ada"
    server.on("CreateUser", users_pb.CreateUserResponse())
    await either.call("create_user", "Ada", user_id="ada", role_ids=["agents"], password="a password")
    assert server.requests("CreateUser")[0] == users_pb.CreateUserRequest(
        user=User(user_id="ada", label="Ada", role_ids=["agents"]), password="a password"
    )
    server.on("UpdateUser", users_pb.UpdateUserResponse())
    await either.call("update_user", User(user_id="ada"), ["disabled"])
    assert list(server.requests("UpdateUser")[0].update_mask.paths) == ["disabled"]
    server.on("SetUserPassword", users_pb.SetUserPasswordResponse())
    await either.call("set_user_password", "ada", "a password")
    assert server.requests("SetUserPassword")[0].password == "a password"
    server.on("CreateSignInLink", sessions_pb.CreateSignInLinkResponse(sign_in_token="sol_x"))
    assert (await either.call("create_sign_in_link", "ada", lifetime=timedelta(minutes=1))).sign_in_token == "sol_x"
    assert server.requests("CreateSignInLink")[0].lifetime.seconds == 60


async def test_sessions_are_begun_and_ended(server: FakeServer, either: Either) -> None:
    """Signing in answers with the token, and a session can be looked at and ended."""
    request = sessions_pb.CreateSessionRequest(sign_in_token="sol_x")
    server.on("CreateSession", sessions_pb.CreateSessionResponse(session_token="sos_y"))
    assert (await either.call("sign_in", request)).session_token == "sos_y"
    assert server.requests("CreateSession") == [request]
    server.on("GetSession", sessions_pb.GetSessionResponse())
    server.on("DeleteSession", sessions_pb.DeleteSessionResponse())
    server.on("DeleteAllSessions", sessions_pb.DeleteAllSessionsResponse(session_count=2))
    await either.call("get_session")
    await either.call("sign_out")
    assert (await either.call("sign_out_everywhere")).session_count == 2


@pytest.mark.parametrize(
    ("name", "method", "arguments"),
    [
        ("sign_in", "CreateSession", [sessions_pb.CreateSessionRequest()]),
        ("sign_out", "DeleteSession", []),
        ("create_user", "CreateUser", ["Ada"]),
    ],
)
async def test_what_works_once_is_asked_once(
    server: FakeServer, either: Either, name: str, method: str, arguments: list[Any]
) -> None:
    """After a lost answer neither signing in or out nor a user without an id is tried again."""
    server.on(method, AWAY)
    with pytest.raises(Unavailable):
        await either.call(name, *arguments)
    assert len(server.requests(method)) == 1
