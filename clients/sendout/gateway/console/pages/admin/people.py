"""Roles, and the users who hold them."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import role_pb2, role_service_pb2, user_service_pb2

_PERMISSIONS = (
    ("PERMISSION_VIEW_HISTORY", "View history, delivery and usage"),
    ("PERMISSION_MANAGE_TOPICS", "Manage topics"),
    ("PERMISSION_ADMINISTER", "Administer: everything under Admin"),
)


def routes(console: Console) -> list[Route]:
    """Roles and users: the lists, and one of each."""
    return [
        console.page("/admin/roles", roles),
        console.page("/admin/roles/{role_id}", role),
        console.page("/admin/users", users),
        console.page("/admin/users/{user_id}", user),
    ]


async def roles(visit: Visit) -> Response:
    """All roles, the built-in ones first."""
    answer = await room.page_of(visit, role_service_pb2.ListRolesRequest())
    held = {one.role_id: [role_pb2.Permission.Name(number) for number in one.permissions] for one in answer.roles}
    return room.show(
        visit,
        "roles.html",
        roles=answer.roles,
        held=held,
        permissions=_PERMISSIONS,
        more=answer.next_page_token,
    )


async def role(visit: Visit) -> Response:
    """One role, and where it may send from."""
    answer = await visit.ask(role_service_pb2.GetRoleRequest(**visit.request.path_params))
    found = answer.role
    held = [role_pb2.Permission.Name(number) for number in found.permissions]
    points = [one for one in await room.all_contact_points(visit) if found.role_id in one.send_notification_roles]
    return room.show(visit, "role.html", role=found, held=held, permissions=_PERMISSIONS, points=points)


async def users(visit: Visit) -> Response:
    """All users, by name."""
    answer = await room.page_of(visit, user_service_pb2.ListUsersRequest())
    choices = room.pairs(await room.all_roles(visit), "role_id")
    return room.show(
        visit,
        "users.html",
        users=answer.users,
        roles=_given(choices),
        labels=dict(choices),
        more=answer.next_page_token,
    )


async def user(visit: Visit) -> Response:
    """One user: roles, whether they may sign in, password and link."""
    answer = await visit.ask(user_service_pb2.GetUserRequest(**visit.request.path_params))
    choices = room.pairs(await room.all_roles(visit), "role_id")
    return room.show(visit, "user.html", user=answer.user, roles=_given(choices))


def _given(choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The roles that can be given: everybody holds "everyone" already."""
    return [(key, words) for key, words in choices if key != "everyone"]
