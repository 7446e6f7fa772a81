"""Who is asking and what they may do.

Roles carry organisation-wide permissions; contact points carry grants to roles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sendout.domain.errors import Reason, SendoutError

EVERYONE = "everyone"
"""The built-in role that every authenticated caller holds."""

ADMIN = "admin"
"""The built-in role that holds every permission."""


SERVER = "sendout"
"""The built-in principal in whose name the server itself answers keywords. It has no key and no roles."""


class Permission(StrEnum):
    """Organisation-wide permissions, kept on roles."""

    VIEW_HISTORY = "VIEW_HISTORY"
    MANAGE_TOPICS = "MANAGE_TOPICS"
    ADMINISTER = "ADMINISTER"


class Grant(StrEnum):
    """Permissions per contact point, each a list of roles of its own (S3)."""

    SEND_NOTIFICATIONS = "send_notifications"
    START_CONVERSATIONS = "start_conversations"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller of one RPC, with the trace it belongs to."""

    principal_id: str
    api_key_id: str  # empty for a session
    label: str
    role_ids: frozenset[str]  # always contains EVERYONE
    permissions: frozenset[Permission]
    trace_id: str = ""
    span_id: str = ""
    session_hash: bytes = field(default=b"", repr=False)  # which session; empty for an API key

    def require(self, permission: Permission) -> None:
        """Raise ROLE_REQUIRED unless a role of the caller holds `permission`."""
        if permission not in self.permissions:
            raise SendoutError(
                Reason.ROLE_REQUIRED,
                f"This needs a role with the permission {permission.value}. Ask an administrator for one.",
                metadata={"permission": permission.value},
            )
