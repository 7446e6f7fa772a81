"""UserService: the people who sign in, and who the caller is."""

from __future__ import annotations

from typing import Any

from sendout.server.commands.contact_points import ContactPoints
from sendout.server.commands.users import Users
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import changes, timestamp
from sendout.server.rpc.pages import Pages
from sendout.server.rpc.roles import permission_values
from sendout.storage.users import User
from sendout.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc


class UserServicer(user_service_pb2_grpc.UserServiceServicer):
    """Parses, calls `Users` and converts."""

    def __init__(self, users: Users, contact_points: ContactPoints, pages: Pages) -> None:
        self._users = users
        self._contact_points = contact_points
        self._pages = pages

    async def WhoAmI(self, request: user_service_pb2.WhoAmIRequest, context: Any) -> user_service_pb2.WhoAmIResponse:
        """The caller, its roles and what they allow."""
        caller = current_caller()
        return user_service_pb2.WhoAmIResponse(
            principal_id=caller.principal_id,
            label=caller.label,
            role_ids=sorted(caller.role_ids),
            permissions=permission_values(caller.permissions),
            sendable_contact_point_ids=await self._contact_points.sendable_ids(caller),
            api_key_id=caller.api_key_id,
        )

    async def CreateUser(
        self, request: user_service_pb2.CreateUserRequest, context: Any
    ) -> user_service_pb2.CreateUserResponse:
        """A new user."""
        typed = request.user
        created = await self._users.create(
            current_caller(),
            typed.user_id,
            typed.label,
            role_ids=typed.role_ids,
            external_id=typed.external_id,
            disabled=typed.disabled,
            password=request.password,
        )
        return user_service_pb2.CreateUserResponse(user=user_message(created))

    async def GetUser(self, request: user_service_pb2.GetUserRequest, context: Any) -> user_service_pb2.GetUserResponse:
        """One user."""
        found = await self._users.get(current_caller(), request.user_id)
        return user_service_pb2.GetUserResponse(user=user_message(found))

    async def ListUsers(
        self, request: user_service_pb2.ListUsersRequest, context: Any
    ) -> user_service_pb2.ListUsersResponse:
        """Users by label."""
        rows = await self._users.list_page(current_caller(), *self._pages.asked(request))
        shown, token = self._pages.cut(request, rows, lambda row: row[1])
        return user_service_pb2.ListUsersResponse(
            users=[user_message(user) for user, _ in shown], next_page_token=token
        )

    async def UpdateUser(
        self, request: user_service_pb2.UpdateUserRequest, context: Any
    ) -> user_service_pb2.UpdateUserResponse:
        """Change a user, or shut it out."""
        wanted = changes(request.user, request.update_mask, _READERS, "a user")
        changed = await self._users.update(current_caller(), request.user.user_id, **wanted)
        return user_service_pb2.UpdateUserResponse(user=user_message(changed))

    async def SetUserPassword(
        self, request: user_service_pb2.SetUserPasswordRequest, context: Any
    ) -> user_service_pb2.SetUserPasswordResponse:
        """Set a password; it ends the user's sessions."""
        await self._users.set_password(current_caller(), request.user_id, request.password)
        return user_service_pb2.SetUserPasswordResponse()


_READERS = {
    "label": lambda user: user.label,
    "role_ids": lambda user: list(user.role_ids),
    "external_id": lambda user: user.external_id,
    "disabled": lambda user: user.disabled,
}


def user_message(user: User) -> user_pb2.User:
    """A user on the wire."""
    return user_pb2.User(
        user_id=user.id,
        label=user.label,
        role_ids=sorted(user.role_ids),
        disabled=user.disabled,
        create_time=timestamp(user.create_time),
        external_id=user.external_id or "",
    )
