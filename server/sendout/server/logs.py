"""Logs: one line per event on standard error, as JSON or for people, without texts, phone numbers or credentials.

Everything goes through here, the standard library's loggers and uncaught exceptions included. What is left out is
left out by name of the key and, for numbers that slip into a sentence or an exception, by their look.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from sendout.server.config import Settings
from sendout.server.telemetry.spans import current_ids

_DROPPED = frozenset(
    {
        *("text", "body", "short_message", "parameters"),
        *("number", "numbers", "phone_number", "phone_numbers", "recipient", "recipients"),
        *("password", "secret", "token", "api_key", "authorization"),
    }
)
# Ids are matched first and stay, so that the digits in them are not taken for a number.
_NUMBER = re.compile(
    r"(?P<id>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b|\b(?=[0-9]*[a-f])[0-9a-f]{16}\b)"
    r"|\+(?:[ ().-]{0,2}\d){8,15}(?!\d)"
    r"|(?<!\d)\d{8,15}(?!\d)",
    re.ASCII,
)
_PLAIN = frozenset({"timestamp", "trace_id", "span_id", "level", "logger"})


def masked(text: str) -> str:
    """`text` with everything that looks like a phone number cut to its last two digits: `+…21`."""
    return _NUMBER.sub(lambda match: match[0] if match["id"] else f"+…{match[0][-2:]}", text)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the last but one, so that nothing is added behind its back."""
    return {key: value if key in _PLAIN else _clean(value) for key, value in event.items() if _kept(key)}


def _kept(key: object) -> bool:
    return not (isinstance(key, str) and key.lower() in _DROPPED)


def _clean(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case bool() | float() | None:
            return value
        case int():
            return value if masked(str(value)) == str(value) else masked(str(value))
        case Mapping():
            return {masked(key) if isinstance(key, str) else key: _clean(v) for key, v in value.items() if _kept(key)}
        case list() | tuple() | set() | frozenset():
            return [_clean(item) for item in value]
        case _:
            return masked(repr(value))


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the ids of the current span, where there is one."""
    trace_id, span_id = current_ids()
    if trace_id:
        event["trace_id"], event["span_id"] = trace_id, span_id
    return event


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send structlog, the standard library, warnings and uncaught exceptions to `stream` (standard error)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(shared, settings.log.log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log.log_level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _formatter(shared: list[Processor], format_name: str) -> logging.Formatter:
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if format_name == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # Python's own traceback: no locals
            redact,
            renderer,
        ],
    )


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("sendout").critical("The process ends by an error.", exc_info=(kind, error, traceback))
