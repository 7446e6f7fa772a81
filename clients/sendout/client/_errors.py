"""A refused or failed call as an exception, rebuilt from the `google.rpc.Status` that came with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2
from grpc_status import rpc_status

_DOMAIN = "sendout"


@dataclass(frozen=True, slots=True)
class Violation:
    """One problem with one field, such as `recipients[3].phone_number`; the description quotes what was given."""

    field: str
    description: str


class SendoutError(Exception):
    """A call that was refused or failed. `str(error)` is a sentence or two for people and may quote what was given.

    Catch a subclass for a kind of refusal, or compare `reason` with the names of `sendout.v1.ErrorReason`.
    """

    status: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN
    """The gRPC status of the class; `code` is what the call answered."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        code: grpc.StatusCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        """A name of `sendout.v1.ErrorReason`; empty where the answer did not come from Sendout."""
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        """Seconds after which the server asks to be tried again; None where it does not."""
        self.code = code or self.status
        self.request_id = ""
        """The request id of the failed send. Sending again with it cannot send twice."""


class InvalidArgument(SendoutError):
    """Something in the request is wrong; `violations` names the fields."""

    status = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(SendoutError):
    """The request is well formed, but something stands in its way."""

    status = grpc.StatusCode.FAILED_PRECONDITION


class NotFound(SendoutError):
    """There is no such thing, or the caller may not see it."""

    status = grpc.StatusCode.NOT_FOUND


class AlreadyExists(SendoutError):
    """An id, a label or a request id is taken."""

    status = grpc.StatusCode.ALREADY_EXISTS


class PermissionDenied(SendoutError):
    """The caller may not do this."""

    status = grpc.StatusCode.PERMISSION_DENIED


class Unauthenticated(SendoutError):
    """The API key is missing, unknown, expired or revoked."""

    status = grpc.StatusCode.UNAUTHENTICATED


class ResourceExhausted(SendoutError):
    """Too many calls, too much waiting, or a quota used up."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class OutOfRange(SendoutError):
    """The resume token leads to events that are no longer kept."""

    status = grpc.StatusCode.OUT_OF_RANGE


class Unavailable(SendoutError):
    """The server cannot be reached, or cannot reach its stores. Whether the request was carried out is not known."""

    status = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(SendoutError):
    """No answer came in time. Whether the request was carried out is not known."""

    status = grpc.StatusCode.DEADLINE_EXCEEDED


class Unimplemented(SendoutError):
    """This server does not offer the call."""

    status = grpc.StatusCode.UNIMPLEMENTED


class Internal(SendoutError):
    """A fault of the server; the sentence holds an id for its operators."""

    status = grpc.StatusCode.INTERNAL


_CLASSES = {kind.status: kind for kind in SendoutError.__subclasses__()}


def from_rpc_error(error: grpc.RpcError, target: str) -> SendoutError:
    """The typed form of what a blocking or an asyncio call raised; `target` is named where nothing answered there."""
    code: grpc.StatusCode = error.code()
    kind = _CLASSES.get(code, SendoutError)
    info, *rest = _details(error)
    if info.domain != _DOMAIN:
        return kind(_own_words(code, error.details() or "", target), retry_after=_delay(rest), code=code)
    violations = [Violation(one.field, one.description) for one in rest[0].field_violations]
    return kind(
        error.details() or info.reason,
        reason=info.reason,
        violations=violations,
        metadata=info.metadata,
        retry_after=_delay(rest),
        code=code,
    )


def _details(error: Any) -> list[Any]:
    """ErrorInfo, BadRequest and RetryInfo, empty where the status has none."""
    wanted = [error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()]
    try:
        status = rpc_status.from_call(error)
    except (ValueError, DecodeError):  # details that contradict the status, as some proxies leave them
        return wanted
    for packed in status.details if status is not None else ():
        for detail in wanted:
            packed.Unpack(detail)
    return wanted


def _delay(details: list[Any]) -> float | None:
    retry = details[1]
    return retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None


def _own_words(code: grpc.StatusCode, details: str, target: str) -> str:
    """gRPC's words are for its developers: say the common cases plainly."""
    if code is grpc.StatusCode.UNAVAILABLE:
        return f"Cannot reach a Sendout server at {target}. Is it running there? ({details})"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"The Sendout server at {target} did not answer in time."
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"The server at {target} does not offer this call."
    return details or f"The call ended with {code.name}."
