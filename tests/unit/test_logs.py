"""Logs: JSON lines with trace ids, and nothing in them that belongs to a person."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from sendout.server.config import load_settings
from sendout.server.logs import configure_logging, masked

NUMBER = "+14155550101"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configures logging into memory; the value reads what was logged."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    stream = io.StringIO()
    configure_logging(load_settings(log_level="debug"), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(False)
    root.handlers[:], root.level, sys.excepthook = before
    structlog.reset_defaults()


Lines = Callable[[], list[dict[str, Any]]]


def test_one_json_line_per_event(lines: Lines) -> None:
    """An event is one line with its level, logger, time and values."""
    structlog.get_logger("sendout.test").info("Accepted.", messages=3, contact_point="main")
    (line,) = lines()
    assert line["event"] == "Accepted."
    assert (line["level"], line["logger"], line["messages"]) == ("info", "sendout.test", 3)
    assert line["timestamp"].endswith("Z")
    assert "trace_id" not in line


def test_standard_library_goes_the_same_way(lines: Lines) -> None:
    """Loggers of libraries end up in the same lines, with the same masking."""
    logging.getLogger("some.library").warning("failed for %s", NUMBER)
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("failed for +…01", "warning", "some.library")


def test_trace_of_the_current_span(lines: Lines) -> None:
    """A line logged inside a span carries its ids, whole."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("x") as span:
        logging.getLogger("a").info("inside")
    context = span.get_span_context()
    (line,) = lines()
    assert line["trace_id"] == format(context.trace_id, "032x")
    assert line["span_id"] == format(context.span_id, "016x")


@pytest.mark.parametrize(
    "values",
    [
        {"text": "Your parcel is here"},
        {"number": NUMBER},
        {"phone_number": NUMBER},
        {"recipients": [NUMBER]},
        {"inner": {"recipients": [NUMBER], "Text": "Your parcel is here"}},
        {"note": f"to {NUMBER}!"},
        {"note": "to 14155550101"},
        {"note": "to +1 (415) 555-0101"},
        {"note": f"recipient_{NUMBER}x"},
        {"note": 14155550101},
        {"note": [(NUMBER,)]},
        {"note": {NUMBER: 1}},
        {"note": ValueError(NUMBER)},
        {"note": b"14155550101"},
    ],
)
def test_nothing_personal_is_logged(lines: Lines, values: dict[str, Any]) -> None:
    """Texts and numbers do not reach a line, whichever key or shape they come in."""
    structlog.get_logger("a").info("event", **values)
    (line,) = lines()
    shown = json.dumps(line)
    for personal in ("14155550101", "555-01", "parcel"):
        assert personal not in shown


def test_exceptions_without_locals_and_numbers(lines: Lines) -> None:
    """A traceback is logged without local variables, and numbers in its message are masked."""

    def fail() -> None:
        hidden_local = "the whole text"
        raise ValueError(f"no route to {NUMBER}", len(hidden_local))

    try:
        fail()
    except ValueError:
        structlog.get_logger("a").exception("It failed.")
    (line,) = lines()
    assert "no route to +…01" in line["exception"]
    assert "in fail" in line["exception"]
    assert "the whole text" not in line["exception"]


def test_uncaught_exceptions_and_warnings(lines: Lines) -> None:
    """What ends the process, and what Python warns of, is logged and masked as well."""
    try:
        raise RuntimeError(NUMBER)
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"odd {NUMBER}", stacklevel=1)
    uncaught, warned = lines()
    assert uncaught["level"] == "critical"
    assert "RuntimeError: +…01" in uncaught["exception"]
    assert "odd +…01" in warned["event"]


@pytest.mark.parametrize(
    "harmless",
    [
        "01991234-5678-7123-8123-123456789012",
        "01991234-5678-7123-8123-123456789012.7",
        "12345678901234567890123456789012",
        "a123456789012345",
        "2026-11-23T10:11:12.123456Z",
        "127.0.0.1:50051",
        "1234567",
        "+00:00",
    ],
)
def test_ids_and_times_stay_readable(harmless: str) -> None:
    """Ids, times and addresses are not mistaken for numbers."""
    assert masked(harmless) == harmless


def test_console_format(capsys: pytest.CaptureFixture[str], lines: Lines) -> None:
    """The format for people is no JSON and masks the same."""
    stream = io.StringIO()
    configure_logging(load_settings(log_format="console"), stream)
    structlog.get_logger("a").info("to " + NUMBER, text="secret")
    assert "+…01" in stream.getvalue()
    assert "secret" not in stream.getvalue()
    assert lines() == []
    assert capsys.readouterr().err == ""


def test_level(lines: Lines) -> None:
    """Events below the level are not logged."""
    stream = io.StringIO()
    configure_logging(load_settings(log_level="warning"), stream)
    structlog.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")
    assert stream.getvalue() == ""
    assert lines() == []
