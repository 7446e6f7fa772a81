"""The simulator's phones as people see them: which there are, what they show, and writing from one of them.

Open to everyone who is authenticated: it is a tool for development and touches nothing but the simulator, and through
the same door as any carrier, what a person who replies would.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sendout.domain import limits
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, Violation, field_invalid
from sendout.domain.numbers import NumberProblem, describe, parse
from sendout.domain.permissions import Caller
from sendout.domain.text import problems, segments_of
from sendout.server.carriers.base import Intake, Reply
from sendout.storage import audit, handsets
from sendout.storage.engine import Database
from sendout.storage.handsets import Handset, HandsetMessage

_SENDER = re.compile(r"\+?[0-9]{3,15}")


@dataclass(frozen=True, slots=True)
class HandsetPage:
    """Some phones, and the token for those after them."""

    handsets: Sequence[Handset]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class HandsetMessagePage:
    """Some texts, and the token for those after them."""

    messages: Sequence[HandsetMessage]
    next_page_token: str


class Handsets:
    """`carrier` is the name of the simulator among the carriers, None where it is not enabled."""

    def __init__(self, database: Database, clock: Clock, intake: Intake, carrier: str | None) -> None:
        self._database, self._clock, self._intake = database, clock, intake
        self._carrier = carrier

    async def list_handsets(self, page_size: int, page_token: str) -> HandsetPage:
        """Phones that show a text, latest first."""
        self._enabled()
        size = _page_size(page_size)
        before = _seen(page_token)
        async with self._database.read() as connection:
            found = await handsets.list_handsets(connection, self._clock.now_us(), size + 1, before)
        token = _token(found[size - 1].last_time, found[size - 1].number) if len(found) > size else ""
        return HandsetPage(found[:size], token)

    async def list_messages(self, phone_number: str, page_size: int, page_token: str) -> HandsetMessagePage:
        """Texts on one phone, newest first."""
        self._enabled()
        number = _e164(phone_number)
        size = _page_size(page_size)
        before = _seen(page_token)
        if before is not None and not before[1].isdecimal():
            raise _bad_token()
        last = (before[0], int(before[1])) if before else None
        async with self._database.read() as connection:
            found = await handsets.list_handset_messages(connection, number, self._clock.now_us(), size + 1, last)
        token = _token(found[size - 1].receive_time, str(found[size - 1].id)) if len(found) > size else ""
        return HandsetMessagePage(found[:size], token)

    async def send(self, caller: Caller, phone_number: str, sender: str, text: str) -> HandsetMessage:
        """Keep the text on the phone, then hand it in as the reply of a person."""
        carrier = self._enabled()
        number = _e164(phone_number)
        recipient = sender.strip()
        if not _SENDER.fullmatch(recipient):
            raise field_invalid("sender", sender, "Give the number or short code that a contact point sends from.")
        _check_text(text)
        ref, now = f"phone-{self._clock.random_bytes(12).hex()}", self._clock.now_us()
        segments = segments_of(text)[2]
        async with self._database.write() as connection:
            written = await handsets.insert_written(
                connection, ref=ref, number=number, sender=recipient, text=text, segments=segments, now_us=now
            )
            await audit.record(
                connection, caller.principal_id, caller.api_key_id, "SendFromHandset", ref, caller.trace_id, now
            )
        await self._intake.replies(carrier, [Reply(ref, number, recipient, text)])
        return written

    def _enabled(self) -> str:
        if self._carrier is None:
            raise SendoutError(
                Reason.NOT_IMPLEMENTED, "The simulator is not enabled here. Add it to the carriers to use its phones."
            )
        return self._carrier


def _e164(typed: str) -> str:
    # Reserved numbers (+44 7700 900xxx) are exactly what the simulator is for.
    number = parse(typed, allow_reserved=True)
    if isinstance(number, NumberProblem):
        text = f"{describe(number)} You gave {typed[:80]!r}."
        raise SendoutError(
            Reason.RECIPIENT_INVALID, f"phone_number: {text}", violations=[Violation("phone_number", text)]
        )
    return number.e164


def _check_text(text: str) -> None:
    if not text:
        raise SendoutError(Reason.TEXT_EMPTY, "text: There is no text. Write one.")
    if len(text) > limits.MAX_TEXT:
        raise field_invalid("text", f"{len(text)} characters", f"A text has at most {limits.MAX_TEXT} characters.")
    if found := problems(text):
        raise field_invalid("text", found[0].code_point, found[0].sentence)


# --- pages: a token is the place of the last entry seen --------------------------------------------------------------


def _page_size(typed: int) -> int:
    if not 0 <= typed <= limits.MAX_PAGE_SIZE:
        raise field_invalid("page_size", typed, f"Use 0 (for the default) to {limits.MAX_PAGE_SIZE}.")
    return typed or limits.DEFAULT_PAGE_SIZE


def _token(time: int, key: str) -> str:
    return base64.urlsafe_b64encode(f"{time}/{key}".encode()).decode().rstrip("=")


def _seen(token: str) -> tuple[int, str] | None:
    if not token:
        return None
    try:
        plain = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise _bad_token() from None
    time, slash, key = plain.partition("/")
    if not (slash and re.fullmatch(r"[0-9]{1,18}", time, re.ASCII) and re.fullmatch(r"\+?[0-9]{1,18}", key, re.ASCII)):
        raise _bad_token()
    return int(time), key


def _bad_token() -> SendoutError:
    return SendoutError(
        Reason.PAGE_TOKEN_INVALID, "page_token: This is no token of this list. Leave it empty to begin at the start."
    )
