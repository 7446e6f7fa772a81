"""Everything that goes wrong, as the `google.rpc.Status` in JSON:

    {"error": {"code": 404, "status": "NOT_FOUND", "message": "There is no topic \\"x\\".", "details": [...]}}

The server's refusals keep their details. What gRPC or this process says of itself is put in fixed words: nothing
internal leaves.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from sendout.client import Violation

DOMAIN = "sendout"
_TYPE = "type.googleapis.com/"
_UNREACHABLE_S = 1.0

HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}
"""What each gRPC status is in HTTP, as in Google's APIs."""

_log = logging.getLogger("sendout.gateway")


class Refusal(Exception):
    """An answer other than the one asked for: a gRPC status with details, and the HTTP status it goes out with."""

    def __init__(
        self,
        status: grpc.StatusCode,
        message: str,
        details: Sequence[Message] = (),
        *,
        http: int = 0,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.http = http or HTTP_STATUS[status]
        self._headers = tuple(headers)

    def detail(self, kind: type[Message]) -> Any:
        """The detail of this kind, empty where there is none."""
        return next((one for one in self.details if isinstance(one, kind)), kind())

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to try again."""
        info = self.detail(error_details_pb2.RetryInfo)
        return info.retry_delay.ToTimedelta().total_seconds() if info.HasField("retry_delay") else None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """HTTP headers that belong to this answer."""
        found = list(self._headers)
        if self.retry_after is not None:
            found.append(("Retry-After", str(math.ceil(self.retry_after))))
        if self.http == 401:
            found.append(("WWW-Authenticate", "Bearer"))
        if self.http == 408:
            found.append(("Connection", "close"))  # the rest of the body might come for ever
        return found

    def body(self) -> dict[str, Any]:
        """What goes out."""
        details = [
            {"@type": _TYPE + str(one.DESCRIPTOR.full_name), **json_format.MessageToDict(one)} for one in self.details
        ]
        error = {"code": self.http, "status": self.status.name, "message": self.message, "details": details}
        return {"error": error}

    def content(self) -> bytes:
        """The body as JSON on one line."""
        return json.dumps(self.body(), ensure_ascii=False, separators=(",", ":")).encode()


def reason(name: str, **metadata: str) -> Message:
    """The ErrorInfo of one of the contract's reasons."""
    info: Message = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=name, metadata=metadata)
    return info


def invalid(violations: Iterable[Violation], *, http: int = 0) -> Refusal:
    """INVALID_ARGUMENT that names each field at fault."""
    found = list(violations)
    kind = error_details_pb2.BadRequest.FieldViolation
    fields = [kind(field=one.field, description=one.description) for one in found]
    first = found[0]
    more = f" And {len(found) - 1} more." if len(found) > 1 else ""
    sentence = f"{first.field}: {first.description}{more}" if first.field else f"{first.description}{more}"
    details = [reason("FIELD_INVALID"), error_details_pb2.BadRequest(field_violations=fields)]
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, sentence, details, http=http)


def unreadable(description: str, *, field: str = "", http: int = 400) -> Refusal:
    """INVALID_ARGUMENT for a request that could not be read at all."""
    return invalid([Violation(field, description)], http=http)


def later(message: str, name: str = "", *, seconds: float = _UNREACHABLE_S, **metadata: str) -> Refusal:
    """UNAVAILABLE, to be tried again."""
    delay = Duration()
    delay.FromMilliseconds(round(seconds * 1000))
    details = [reason(name, **metadata)] if name else []
    return Refusal(grpc.StatusCode.UNAVAILABLE, message, [*details, error_details_pb2.RetryInfo(retry_delay=delay)])


def not_offered(message: str, *, http: int, headers: Sequence[tuple[str, str]] = ()) -> Refusal:
    """UNIMPLEMENTED for a path or a method that leads nowhere."""
    return Refusal(grpc.StatusCode.UNIMPLEMENTED, message, [reason("NOT_IMPLEMENTED")], http=http, headers=headers)


def from_rpc(error: grpc.aio.AioRpcError) -> Refusal:
    """The server's refusal with its details, or our words for what gRPC says of the connection."""
    details = _details(error)
    if any(isinstance(one, error_details_pb2.ErrorInfo) and one.domain == DOMAIN for one in details):
        return Refusal(error.code(), error.details() or "", details)
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return later("The Sendout server cannot be reached. Try again in a moment.")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Refusal(error.code(), "The server did not answer in time. Whether it was carried out is not known.")
        case grpc.StatusCode.UNIMPLEMENTED:
            return not_offered("This server does not offer this call.", http=501)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return Refusal(error.code(), "The request, or its answer, is larger than the server or gateway takes.")
        case grpc.StatusCode.CANCELLED:
            return Refusal(error.code(), "The call was cancelled.")
    return unforeseen(error)


def unforeseen(error: BaseException) -> Refusal:
    """INTERNAL with an id that stands in the log too. The error's own words stay here: they may quote a number."""
    identifier = secrets.token_hex(8)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    code = f" {error.code().name}" if isinstance(error, grpc.aio.AioRpcError) else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("Unforeseen %s%s, error id %s\n%s", kind, code, identifier, frames)
    sentence = f"The gateway made a mistake. Tell its operators the error id {identifier}."
    return Refusal(grpc.StatusCode.INTERNAL, sentence, [reason("INTERNAL", error_id=identifier)])


def _details(error: grpc.aio.AioRpcError) -> list[Message]:
    """The details of `google.rpc` types; others are left out."""
    try:
        status = rpc_status.from_call(error)
    except (ValueError, DecodeError):  # details that contradict the status, as some proxies leave them
        return []
    found: list[Message] = []
    for packed in status.details if status is not None else ():
        kind = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2], None)
        if kind is not None and kind.DESCRIPTOR.full_name == packed.TypeName():
            found.append(kind.FromString(packed.value))
    return found
