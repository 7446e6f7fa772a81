"""The one place where a refusal becomes a gRPC status.

Every status carries `google.rpc.ErrorInfo`; the other details follow from the kind of refusal. Exceptions that nobody
foresaw become INTERNAL with a fixed sentence and an id that stands in the log too; their own text goes nowhere.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterator
from typing import Any, Never

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from sendout.domain.errors import Category, Reason, SendoutError

DOMAIN = "sendout"
DETAILS_KEY = "grpc-status-details-bin"
PUSHBACK_KEY = "grpc-retry-pushback-ms"

# Clients refuse trailers of more than 8 KiB. Base64 makes the details a third longer, and the sentence travels beside
# them once more with nine characters for one that is not ASCII.
_MOST_DETAIL_BYTES = 3_500
_LONGEST_SENTENCE = 300
_PACKING_BYTES = 64  # what wrapping one detail adds, at the most

_STATUS = {category: grpc.StatusCode[category.name] for category in Category}

_log = logging.getLogger(__name__)


def status_of(error: SendoutError) -> status_pb2.Status:
    """The status with its details. Violations that do not fit are left out; ErrorInfo says how many."""
    info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=error.reason.value, metadata=error.metadata)
    details = [info, *_details(error)]
    sentence = error.message[:_LONGEST_SENTENCE]
    left_out = _fit(details, _MOST_DETAIL_BYTES - len(sentence.encode()))
    if left_out:
        info.metadata["violations_left_out"] = str(left_out)
    status = status_pb2.Status(code=code_of(error).value[0], message=sentence)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def code_of(error: SendoutError) -> grpc.StatusCode:
    """The gRPC status code of a refusal."""
    return _STATUS[error.category]


def trailers_of(error: SendoutError, status: status_pb2.Status) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata: the details, and for those who retry how long to wait."""
    trailers: list[tuple[str, str | bytes]] = [(DETAILS_KEY, status.SerializeToString())]
    if error.retry_after is not None:
        trailers.append((PUSHBACK_KEY, str(_millis(error.retry_after))))
    return tuple(trailers)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception, method: str) -> Never:
    """End the RPC with what `error` comes to. Never returns."""
    refusal = error if isinstance(error, SendoutError) else _unforeseen(error, method)
    status = status_of(refusal)
    await context.abort(code_of(refusal), status.message, trailers_of(refusal, status))


def _unforeseen(error: Exception, method: str) -> SendoutError:
    identifier = secrets.token_hex(8)
    # Not the exception's text: it may quote a row, and with it a number.
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    _log.error("Unforeseen exception %s in %s, error id %s\n%s", kind, method, identifier, frames)
    return SendoutError(
        Reason.INTERNAL,
        f"The server made a mistake. Tell its operators the error id {identifier}.",
        metadata={"error_id": identifier},
    )


def _details(error: SendoutError) -> Iterator[Message]:
    if error.category is Category.FAILED_PRECONDITION:
        yield _precondition(error)
    if error.category is Category.RESOURCE_EXHAUSTED:
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=error.metadata.get("subject", "caller"), description=error.message[:_LONGEST_SENTENCE]
        )
        yield error_details_pb2.QuotaFailure(violations=[violation])
    if error.violations:
        yield error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=problem.field, description=problem.description)
                for problem in error.violations
            ]
        )
    if error.retry_after is not None:
        millis = _millis(error.retry_after)
        delay = Duration(seconds=millis // 1000, nanos=millis % 1000 * 1_000_000)
        yield error_details_pb2.RetryInfo(retry_delay=delay)


def _precondition(error: SendoutError) -> Message:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=error.reason.value,
        subject=error.metadata.get("id", ""),
        description=error.message[:_LONGEST_SENTENCE],
    )
    failure: Message = error_details_pb2.PreconditionFailure(violations=[violation])
    return failure


def _fit(details: list[Message], room: int) -> int:
    """Shorten the list of field violations until everything fits into `room` bytes; answers how many went."""
    before = after = 0
    for detail in details:
        if isinstance(detail, error_details_pb2.BadRequest):
            before = len(detail.field_violations)
            room -= sum(other.ByteSize() + _PACKING_BYTES for other in details if other is not detail)
            while detail.field_violations and detail.ByteSize() + _PACKING_BYTES > room:
                # A share at a time: asking for the size of ten thousand ten thousand times would take seconds.
                del detail.field_violations[len(detail.field_violations) * 3 // 4 :]
            after = len(detail.field_violations)
    return before - after


def _millis(seconds: float) -> int:
    return max(1, round(seconds * 1000))
