"""UserService: who the caller is. Serve it by `unimplemented.add_service`, which answers for the other methods."""

from __future__ import annotations

from typing import Any

from sendout.server.commands.contact_points import ContactPoints
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.roles import permission_values
from sendout.v1 import user_service_pb2


class UserServicer:
    """Has WhoAmI; the others come with the console's own login."""

    def __init__(self, contact_points: ContactPoints) -> None:
        self._contact_points = contact_points

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
