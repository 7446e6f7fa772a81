"""Serves `/openapi.json` and `/api`: the document, and a page for people that is rendered from it once."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sendout.gateway.documents.openapi import document

_STYLE = "/api/style.css"
_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_KEPT = {"cache-control": "max-age=300"}


def routes() -> list[Route]:
    """The document, the page and its style sheet. They say nothing that a caller could not know, so no key is asked."""
    return [
        Route("/openapi.json", _document),
        Route("/api", _page),
        Route(_STYLE, _style),
    ]


async def _document(_request: Request) -> Response:
    return Response(_rendered_document(), media_type="application/json", headers=_KEPT)


async def _page(_request: Request) -> Response:
    return HTMLResponse(rendered_page(), headers={**_KEPT, "content-security-policy": _POLICY})


async def _style(_request: Request) -> Response:
    return Response(_style_sheet(), media_type="text/css", headers=_KEPT)


@cache
def _rendered_document() -> bytes:
    return json.dumps(document(), ensure_ascii=False).encode()


@cache
def _style_sheet() -> bytes:
    return resources.files(__package__).joinpath("static/api.css").read_bytes()


@cache
def rendered_page() -> str:
    """The page for people."""
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=_prose, kind=_kind, linked=_linked)
    made = document()
    operations = [
        {"path": path, "verb": verb.upper(), **operation}
        for path, verbs in made["paths"].items()
        for verb, operation in verbs.items()
    ]
    template = environment.get_template("api.html")
    return template.render(document=made, operations=operations, style=_STYLE, parameter_of=_parameter_of)


def _prose(text: str) -> Markup:
    """Paragraphs, lists and `code` of a comment as HTML."""
    blocks = []
    for block in text.split("\n\n"):
        lines = [_code(line) for line in block.splitlines()]
        if lines and all(line.startswith("- ") for line in lines):
            items = Markup("").join(Markup("<li>{}</li>").format(line[2:]) for line in lines)
            blocks.append(Markup("<ul>{}</ul>").format(items))
        else:
            blocks.append(Markup("<p>{}</p>").format(Markup(" ").join(lines)))
    return Markup("\n").join(blocks)


def _code(line: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(line))))


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "allOf" in schema:
        return _kind(schema["allOf"][0])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
        return f"map to {_kind(schema['additionalProperties'])}"
    return f"{schema['type']} ({schema['format']})" if "format" in schema else str(schema["type"])


def _linked(words: str) -> Markup:
    """The last word as a link, where it is a schema."""
    before, _, name = words.rpartition(" ")
    if name not in document()["components"]["schemas"]:
        return escape(words)
    return Markup('{} <a href="#{}">{}</a>').format(before, name, name)


def _parameter_of(given: dict[str, Any]) -> dict[str, Any]:
    """A parameter, also one that is only referred to."""
    found: dict[str, Any] = given
    if "$ref" in given:
        found = document()["components"]["parameters"][given["$ref"].rpartition("/")[2]]
    return found
