"""AuditService: who changed what."""

from __future__ import annotations

from typing import Any

from sendout.server.commands.audit_trail import AuditTrail
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros, timestamp
from sendout.server.rpc.pages import Pages
from sendout.storage.audit import AuditEntry
from sendout.v1 import audit_pb2, audit_service_pb2, audit_service_pb2_grpc


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """Parses, calls `AuditTrail` and converts."""

    def __init__(self, trail: AuditTrail, pages: Pages) -> None:
        self._trail = trail
        self._pages = pages

    async def ListAuditEntries(
        self, request: audit_service_pb2.ListAuditEntriesRequest, context: Any
    ) -> audit_service_pb2.ListAuditEntriesResponse:
        """Changes, newest first."""
        rows = await self._trail.list_page(
            current_caller(),
            *self._pages.asked(request),
            start_us=micros(request, "start_time"),
            end_us=micros(request, "end_time"),
            principal_id=request.principal_id,
            action=request.action,
            object_id=request.object_id,
        )
        shown, token = self._pages.cut(request, rows, lambda entry: (entry.id,))
        return audit_service_pb2.ListAuditEntriesResponse(
            entries=[_message(entry) for entry in shown], next_page_token=token
        )


def _message(entry: AuditEntry) -> audit_pb2.AuditEntry:
    return audit_pb2.AuditEntry(
        audit_entry_id=str(entry.id),
        time=timestamp(entry.time),
        principal_id=entry.principal_id,
        api_key_id=entry.api_key_id,
        action=entry.action,
        object_id=entry.object_id,
        trace_id=entry.trace_id,
    )
