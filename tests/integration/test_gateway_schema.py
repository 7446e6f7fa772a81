"""The gateway held to its own OpenAPI document by generated requests, good and bad ones, over a real socket.

Which checks apply: no answer is a fault of the server, each has a documented status, media type and shape, what breaks
the schema is refused, and no call answers without credentials. Not applied: that all good data is accepted, since the
server's rules are more than a schema can say; and what counts on calls after another, which other tests do.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from sendout.gateway.documents.openapi import document
from sendout.gateway.transcode.contract import bindings
from sendout.server.rpc.policy import POLICY
from sendout.storage.engine import Database
from tests.integration.gateway_site import Web, gateway_before_server

METHODS = {binding.method.name: binding.method for binding in bindings()}
EXAMPLES = 10  # of each call, good and bad ones: about half a minute in all

STREAMS_S = "0.2"


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context: Any, value: Any) -> bytes:
    """A generated object as the only line of an upload."""
    return json.dumps(value).encode() + b"\n"


@schemathesis.deserializer("application/x-ndjson")
def read_lines(_context: Any, response: Any) -> Any:
    """The first line of a stream, which is an answer; errors in midstream come after it."""
    first: bytes = response.content.partition(b"\n")[0]
    return json.loads(first) if first else {}


def no_fault(_context: Any, response: Any, case: Any) -> None:
    """No answer is a fault, unless the server does not offer the call yet and says so in the contract's words.

    A stream may meet the short deadline that it is given here.
    """
    if response.status_code == 504 and case.headers.get("X-Request-Timeout") == STREAMS_S:
        return
    if response.status_code == 501:
        assert response.json()["error"]["details"][0]["reason"] == "NOT_IMPLEMENTED"
        return
    assert response.status_code < 500, f"{case.operation.label}: {response.text}"


CHECKS = [
    no_fault,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def checks_of(name: str) -> list[Any]:
    """The checks for one call. The server lets some in without credentials, and judges what they bring by itself; it
    also takes a part of an upload that holds nothing.
    """
    method = METHODS[name]
    if POLICY[f"/{method.containing_service.full_name}/{name}"].public:
        return CHECKS
    more = [checks.ignored_auth] if method.client_streaming else [checks.ignored_auth, checks.negative_data_rejection]
    return CHECKS + more


def hold_to_it(operation: Any, mode: GenerationMode, site: Web) -> None:
    """Call one operation with generated requests and check every answer."""
    name = operation.definition.raw["operationId"]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def run(case: Any) -> None:
        case.headers = {key: value for key, value in (case.headers or {}).items() if key != "X-Request-Timeout"}
        if METHODS[name].server_streaming:
            case.headers["X-Request-Timeout"] = STREAMS_S  # some of them would not end
        headers = {"Authorization": f"Bearer {site.key}"}
        case.call_and_validate(base_url=site.base, headers=headers, checks=checks_of(name), timeout=20)

    run()


# The server in this process draws random numbers while the thread draws requests; hypothesis cannot tell them apart.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.timeout(180)
async def test_the_document_is_kept(database: Database, valkey_url: str) -> None:
    """Every operation of /openapi.json answers generated requests as the document says, and none breaks the server."""
    async with gateway_before_server(database, valkey_url) as site:
        failures = []
        for result in schemathesis.openapi.from_dict(document()).get_all_operations():
            for mode in GenerationMode:
                operation = result.ok()
                try:
                    await asyncio.to_thread(hold_to_it, operation, mode, site)
                except (Exception, BaseExceptionGroup) as failure:
                    said = "".join(traceback.format_exception_only(failure))
                    failures += [
                        f"{operation.label} ({mode.value}): {said}",
                        *map(str, getattr(failure, "exceptions", ())),
                    ]
    assert not failures, "\n\n".join(failures)
