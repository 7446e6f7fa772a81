"""What the pages of Admin share: their frame, their lists, and what is typed into the filters above them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import Response

from sendout.client import Violation
from sendout.gateway.console.visits import Visit
from sendout.gateway.transcode.refusals import invalid
from sendout.v1 import contact_point_pb2, contact_point_service_pb2, role_pb2, role_service_pb2

PAGE = 100
"""Entries of a list on one page."""

MOST = 1000
"""Entries of a list that fills a choice."""


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of Admin's own menu."""

    path: str
    label: str
    administrators_only: bool = True


SECTIONS = (
    Section("/admin/contact-points", "Contact Points"),
    Section("/admin/roles", "Roles"),
    Section("/admin/users", "Users"),
    Section("/admin/api-keys", "API Keys"),
    Section("/admin/snippets", "Snippets", administrators_only=False),
    Section("/admin/consent", "Consent"),
    Section("/admin/prices", "Prices"),
    Section("/admin/usage", "Usage", administrators_only=False),
    Section("/admin/audit", "Audit"),
)


def show(visit: Visit, template: str, **values: Any) -> Response:
    """A page of Admin. Templates have `query`, the filters as typed, for links to the next page."""
    sections = [one for one in SECTIONS if visit.administrator or not one.administrators_only]
    typed = [(name, value) for name, value in visit.request.query_params.multi_items() if name != "page"]
    return visit.page(f"admin/{template}", sections=sections, query=urlencode(typed), **values)


def typed(visit: Visit, name: str) -> str:
    """One filter as typed; empty where it is not given."""
    return visit.request.query_params.get(name, "").strip()


def number_of(visit: Visit, name: str, enum: EnumTypeWrapper) -> Any:
    """One filter that names a value of an enum; 0 where it is not given or names none."""
    return dict(enum.items()).get(typed(visit, name), 0)


def day(visit: Visit, name: str) -> date | None:
    """One filter that is a day. Raises Refusal."""
    given = typed(visit, name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise invalid([Violation(name, f"Write a day such as 2026-03-01. You typed {given[:80]!r}.")]) from None


def beginning(visit: Visit, wanted: date | None, *, days: int = 0) -> Timestamp | None:
    """When a day, or one so many days later, begins where the visitor is."""
    if wanted is None:
        return None
    moment = Timestamp()
    try:
        start = datetime.combine(wanted + timedelta(days=days), time(), visit.time_zone)
        moment.FromDatetime(start.astimezone(UTC))
    except (OverflowError, ValueError):
        raise invalid([Violation("", f"{wanted} is out of reach. Choose a day of our time.")]) from None
    return moment


async def page_of(visit: Visit, request: Any, size: int = PAGE) -> Any:
    """The page of a list that the address names, with the token of the next one. Raises AioRpcError."""
    request.page_size = size
    request.page_token = visit.request.query_params.get("page", "")
    return await visit.ask(request)


async def all_roles(visit: Visit) -> Sequence[role_pb2.Role]:
    """Every role there is, the built-in ones first."""
    answer = await visit.ask(role_service_pb2.ListRolesRequest(page_size=MOST))
    return list(answer.roles)


async def all_contact_points(visit: Visit) -> Sequence[contact_point_pb2.ContactPoint]:
    """Every contact point that the visitor may see, by label."""
    answer = await visit.ask(contact_point_service_pb2.ListContactPointsRequest(page_size=MOST))
    return list(answer.contact_points)


def pairs(things: Iterable[Any], key: str) -> list[tuple[str, str]]:
    """Id and label of each, for a choice."""
    return [(getattr(one, key), one.label) for one in things]
