"""Builders of UserService and SessionService. A session's token is given to a client where its key goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from sendout.client._calls import Call, Listing, listing, unary
from sendout.v1 import session_service_pb2 as sessions_pb
from sendout.v1 import user_pb2
from sendout.v1 import user_service_pb2 as users_pb


@listing
def users(*, page_size: int = 0) -> Listing[users_pb.ListUsersResponse, user_pb2.User]:
    """Users, by label."""
    request = users_pb.ListUsersRequest(page_size=page_size)
    return Listing(Call("UserService/ListUsers", request, users_pb.ListUsersResponse), lambda page: page.users)


@unary
def get_user(user_id: str) -> Call[users_pb.GetUserResponse]:
    """One user."""
    return Call("UserService/GetUser", users_pb.GetUserRequest(user_id=user_id), users_pb.GetUserResponse)


@unary
def create_user(
    label: str, *, user_id: str = "", role_ids: Sequence[str] = (), external_id: str = "", password: str = ""
) -> Call[users_pb.CreateUserResponse]:
    """Create a user. With an id a lost answer is asked for again."""
    user = user_pb2.User(user_id=user_id, label=label, role_ids=role_ids, external_id=external_id)
    request = users_pb.CreateUserRequest(user=user, password=password)
    return Call("UserService/CreateUser", request, users_pb.CreateUserResponse, retry_safe=bool(user_id))


@unary
def update_user(user: user_pb2.User, fields: Sequence[str] = ()) -> Call[users_pb.UpdateUserResponse]:
    """Change the named fields of a user; without names, those that are set."""
    request = users_pb.UpdateUserRequest(user=user)
    if fields:
        request.update_mask.paths.extend(fields)
    return Call("UserService/UpdateUser", request, users_pb.UpdateUserResponse)


@unary
def set_user_password(user_id: str, password: str) -> Call[users_pb.SetUserPasswordResponse]:
    """Set a user's password; it ends the user's sessions and links."""
    request = users_pb.SetUserPasswordRequest(user_id=user_id, password=password)
    return Call("UserService/SetUserPassword", request, users_pb.SetUserPasswordResponse)


@unary
def create_sign_in_link(
    user_id: str, *, lifetime: timedelta | None = None
) -> Call[sessions_pb.CreateSignInLinkResponse]:
    """Make a token that signs a user in once, within 15 minutes where `lifetime` is left out."""
    request = sessions_pb.CreateSignInLinkRequest(user_id=user_id)
    if lifetime is not None:
        span = Duration()
        span.FromTimedelta(lifetime)
        request.lifetime.CopyFrom(span)
    return Call("SessionService/CreateSignInLink", request, sessions_pb.CreateSignInLinkResponse)


@unary
def sign_in(request: sessions_pb.CreateSessionRequest) -> Call[sessions_pb.CreateSessionResponse]:
    """Begin a session. Links and id tokens work once, so a lost answer is not asked for again."""
    return Call("SessionService/CreateSession", request, sessions_pb.CreateSessionResponse, retry_safe=False)


@unary
def get_session() -> Call[sessions_pb.GetSessionResponse]:
    """The session that this client calls with."""
    return Call("SessionService/GetSession", sessions_pb.GetSessionRequest(), sessions_pb.GetSessionResponse)


@unary
def sign_out() -> Call[sessions_pb.DeleteSessionResponse]:
    """End the session that this client calls with. A lost answer may mean that it has ended: it is not asked again."""
    request = sessions_pb.DeleteSessionRequest()
    return Call("SessionService/DeleteSession", request, sessions_pb.DeleteSessionResponse, retry_safe=False)


@unary
def sign_out_everywhere() -> Call[sessions_pb.DeleteAllSessionsResponse]:
    """End every session of the caller."""
    request = sessions_pb.DeleteAllSessionsRequest()
    return Call("SessionService/DeleteAllSessions", request, sessions_pb.DeleteAllSessionsResponse, retry_safe=False)
