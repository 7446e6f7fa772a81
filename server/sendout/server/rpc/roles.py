"""RoleService: groups of callers."""

from __future__ import annotations

from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.permissions import Permission
from sendout.server.commands.roles import Roles
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import changes
from sendout.server.rpc.pages import Pages
from sendout.storage.identity import Role
from sendout.v1 import role_pb2, role_service_pb2, role_service_pb2_grpc

_NUMBERS = {
    Permission.VIEW_HISTORY: role_pb2.PERMISSION_VIEW_HISTORY,
    Permission.MANAGE_TOPICS: role_pb2.PERMISSION_MANAGE_TOPICS,
    Permission.ADMINISTER: role_pb2.PERMISSION_ADMINISTER,
}


class RoleServicer(role_service_pb2_grpc.RoleServiceServicer):
    """Parses, calls `Roles` and converts."""

    def __init__(self, roles: Roles, pages: Pages) -> None:
        self._roles = roles
        self._pages = pages

    async def CreateRole(
        self, request: role_service_pb2.CreateRoleRequest, context: Any
    ) -> role_service_pb2.CreateRoleResponse:
        """A new role."""
        typed = request.role
        created = await self._roles.create(current_caller(), typed.role_id, typed.label, _permissions(typed))
        return role_service_pb2.CreateRoleResponse(role=_message(created))

    async def GetRole(self, request: role_service_pb2.GetRoleRequest, context: Any) -> role_service_pb2.GetRoleResponse:
        """One role."""
        return role_service_pb2.GetRoleResponse(role=_message(await self._roles.get(current_caller(), request.role_id)))

    async def ListRoles(
        self, request: role_service_pb2.ListRolesRequest, context: Any
    ) -> role_service_pb2.ListRolesResponse:
        """Built-in roles, then the others by label."""
        rows = await self._roles.list_page(current_caller(), *self._pages.asked(request))
        shown, token = self._pages.cut(request, rows, lambda row: row[1])
        return role_service_pb2.ListRolesResponse(roles=[_message(role) for role, _ in shown], next_page_token=token)

    async def UpdateRole(
        self, request: role_service_pb2.UpdateRoleRequest, context: Any
    ) -> role_service_pb2.UpdateRoleResponse:
        """Change the label or the permissions."""
        wanted = changes(request.role, request.update_mask, _READERS, "a role")
        changed = await self._roles.update(current_caller(), request.role.role_id, **wanted)
        return role_service_pb2.UpdateRoleResponse(role=_message(changed))

    async def DeleteRole(
        self, request: role_service_pb2.DeleteRoleRequest, context: Any
    ) -> role_service_pb2.DeleteRoleResponse:
        """Delete a role and take it off every list."""
        await self._roles.delete(current_caller(), request.role_id)
        return role_service_pb2.DeleteRoleResponse()


def permission_values(permissions: frozenset[Permission]) -> list[role_pb2.Permission]:
    """Permissions as the contract numbers them, in its order."""
    return [number for permission, number in _NUMBERS.items() if permission in permissions]


def _permissions(typed: role_pb2.Role) -> frozenset[Permission]:
    known = {number: permission for permission, number in _NUMBERS.items()}
    for place, number in enumerate(typed.permissions):
        if number not in known:
            names = ", ".join(f"PERMISSION_{permission.value}" for permission in Permission)
            raise field_invalid(f"role.permissions[{place}]", int(number), f"Choose from {names}.")
    return frozenset(known[number] for number in typed.permissions)


_READERS = {"label": lambda typed: typed.label, "permissions": _permissions}


def _message(role: Role) -> role_pb2.Role:
    return role_pb2.Role(
        role_id=role.id,
        label=role.label,
        permissions=permission_values(role.permissions),
        built_in=role.built_in,
    )
