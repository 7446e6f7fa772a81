"""Templates and static files: what they share, and under which addresses they are found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sendout.gateway.console.texts import visible
from sendout.gateway.transcode.refusals import not_offered
from sendout.gateway.transcode.routes import refused

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_GOOD = {"cache-control": "public, max-age=31536000, immutable"}


@cache
def _files() -> dict[str, bytes]:
    """Every static file by its path."""
    return dict(_below(resources.files(__package__).joinpath("static"), ""))


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _below(entry, f"{path}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _KINDS:
            yield f"{path}{entry.name}", entry.read_bytes()


@cache
def base() -> str:
    """Under which path the static files are; it changes with any of them, so browsers may keep them for good."""
    digest = hashlib.sha256()
    for path, content in _files().items():
        digest.update(path.encode() + b"\0" + content)
    return f"/static/{digest.hexdigest()[:12]}"


def static_route() -> Route:
    """Serves them. Nobody need be signed in: they say nothing about anybody."""
    return Route("/static/{version}/{path:path}", _static)


async def _static(request: Request) -> Response:
    path = request.path_params["path"]
    content = _files().get(path)
    if content is None:
        return refused(not_offered("There is no such file.", http=404))
    return Response(content, media_type=_KINDS[path.rpartition(".")[2]], headers=_FOR_GOOD)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static=base())
    environment.filters.update(count=counted, plural=plural, machine_time=machine_time, visible=visible)
    return environment


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A rendered page."""
    content = _environment().get_template(template).render(**values)
    return HTMLResponse(content, status, headers={"content-security-policy": _POLICY})


def counted(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 message", "2,000 messages"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def machine_time(moment: Any) -> str:
    """A protobuf Timestamp for a `<time datetime>`; the module `times.js` shows it in the reader's words."""
    return datetime.fromtimestamp(moment.seconds, UTC).isoformat().replace("+00:00", "Z")


def start_of_day(now: datetime, zone: tzinfo) -> datetime:
    """When the reader's day began."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
