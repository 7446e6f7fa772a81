"""The map from refusals to gRPC statuses."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from sendout.domain.errors import Reason, SendoutError, Violation, field_invalid
from sendout.server.rpc import errors
from sendout.v1 import error_reason_pb2

CODES = {
    (0, 19): grpc.StatusCode.INVALID_ARGUMENT,
    (20, 39): grpc.StatusCode.FAILED_PRECONDITION,
    (40, 59): grpc.StatusCode.NOT_FOUND,
    (60, 79): grpc.StatusCode.ALREADY_EXISTS,
    (100, 119): grpc.StatusCode.RESOURCE_EXHAUSTED,
    (120, 139): grpc.StatusCode.OUT_OF_RANGE,
    (140, 159): grpc.StatusCode.UNAVAILABLE,
}
SINGLE = {
    "SEND_NOT_PERMITTED": grpc.StatusCode.PERMISSION_DENIED,
    "ROLE_REQUIRED": grpc.StatusCode.PERMISSION_DENIED,
    "CREDENTIALS_MISSING": grpc.StatusCode.UNAUTHENTICATED,
    "CREDENTIALS_INVALID": grpc.StatusCode.UNAUTHENTICATED,
    "DEADLINE_TOO_SHORT": grpc.StatusCode.DEADLINE_EXCEEDED,
    "NOT_IMPLEMENTED": grpc.StatusCode.UNIMPLEMENTED,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}


class Aborted(Exception):
    pass


class Context:
    """As much of a servicer context as aborting needs."""

    async def abort(self, code: Any, details: str, trailing_metadata: Any) -> None:
        self.code, self.details, self.trailers = code, details, dict(trailing_metadata)
        raise Aborted


def detail(status: status_pb2.Status, kind: Any) -> Any:
    found = [any_message for any_message in status.details if any_message.Is(kind.DESCRIPTOR)]
    assert len(found) == 1
    message = kind()
    found[0].Unpack(message)
    return message


def test_reasons_are_those_of_the_contract() -> None:
    """The domain's reasons and the public enum have the same names."""
    public = set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert {reason.value for reason in Reason} == public


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_maps(reason: Reason) -> None:
    """Each reason has the status that the contract gives to its range, and always an ErrorInfo."""
    number = error_reason_pb2.ErrorReason.Value(reason.value)
    expected = SINGLE.get(reason.value) or next(
        code for (first, last), code in CODES.items() if first <= number <= last
    )
    error = SendoutError(reason, "A sentence.", metadata={"id": "x"})
    status = errors.status_of(error)
    info = detail(status, error_details_pb2.ErrorInfo)
    assert errors.code_of(error) is expected
    assert (status.code, status.message) == (expected.value[0], "A sentence.")
    assert (info.domain, info.reason, dict(info.metadata)) == ("sendout", reason.value, {"id": "x"})


def test_violations_become_a_bad_request() -> None:
    """One violation per problem, named by its field, quoting what was typed."""
    status = errors.status_of(field_invalid("contact_point.label", "", "A label is needed."))
    (violation,) = detail(status, error_details_pb2.BadRequest).field_violations
    assert (violation.field, violation.description) == ("contact_point.label", "A label is needed. You gave ''.")


def test_a_failed_precondition_says_what_stands_in_the_way() -> None:
    """PreconditionFailure names the reason and the object."""
    status = errors.status_of(SendoutError(Reason.ROLE_BUILT_IN, "No.", metadata={"id": "admin"}))
    (violation,) = detail(status, error_details_pb2.PreconditionFailure).violations
    assert (violation.type, violation.subject, violation.description) == ("ROLE_BUILT_IN", "admin", "No.")


def test_exhaustion_says_when_to_try_again() -> None:
    """QuotaFailure, RetryInfo and the pushback trailer carry the same delay."""
    error = SendoutError(Reason.REQUEST_RATE_EXCEEDED, "Slower.", retry_after=1.25)
    status = errors.status_of(error)
    assert detail(status, error_details_pb2.QuotaFailure).violations[0].description == "Slower."
    assert detail(status, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 1250
    assert dict(errors.trailers_of(error, status))["grpc-retry-pushback-ms"] == "1250"


def test_no_delay_no_retry_info() -> None:
    """Where trying again cannot help nobody is told to."""
    error = SendoutError(Reason.SEND_NOT_PERMITTED, "No.")
    status = errors.status_of(error)
    assert [any_message.TypeName() for any_message in status.details] == ["google.rpc.ErrorInfo"]
    assert list(dict(errors.trailers_of(error, status))) == ["grpc-status-details-bin"]


@pytest.mark.parametrize("sentence", ["Short.", "é" * 10_000])
def test_details_fit_into_the_trailers(sentence: str) -> None:
    """Ten thousand violations are cut to what a client accepts, and the rest is counted."""
    violations = [Violation(f"recipients[{place}].phone_number", "No digits in 'ö'.") for place in range(10_000)]
    error = SendoutError(Reason.RECIPIENT_INVALID, sentence, violations=violations)
    status = errors.status_of(error)
    shown = len(detail(status, error_details_pb2.BadRequest).field_violations)
    left_out = int(detail(status, error_details_pb2.ErrorInfo).metadata["violations_left_out"])
    assert shown >= 10
    assert shown + left_out == 10_000
    assert len(status.SerializeToString()) * 4 / 3 + len(status.message.encode()) * 3 < 8_000


async def test_what_nobody_foresaw_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen exception answers a fixed sentence; its id is logged, its text is neither sent nor logged."""
    context: Any = Context()
    with caplog.at_level(logging.ERROR), pytest.raises(Aborted):
        await errors.abort(context, ValueError("row ('+14155550123') violates"), "/sendout.v1.X/Y")
    info = detail(
        status_pb2.Status.FromString(context.trailers["grpc-status-details-bin"]), error_details_pb2.ErrorInfo
    )
    assert context.code is grpc.StatusCode.INTERNAL
    assert info.metadata["error_id"] in context.details
    assert info.metadata["error_id"] in caplog.text
    assert "14155550123" not in caplog.text + context.details + str(context.trailers)
