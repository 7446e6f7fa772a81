"""The simulator's phones as people see them: which there are, what they show, and writing from one of them.

Open to everyone who is authenticated: it is a tool for development and touches nothing but the simulator, and through
the same door as any carrier, what a person who replies would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sendout.domain import limits, paging
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, Violation, field_invalid
from sendout.domain.numbers import NumberProblem, describe, parse
from sendout.domain.paging import PageTokens
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

    def __init__(
        self, database: Database, clock: Clock, intake: Intake, carrier: str | None, tokens: PageTokens
    ) -> None:
        self._database, self._clock, self._intake = database, clock, intake
        self._carrier, self._tokens = carrier, tokens

    async def list_handsets(self, page_size: int, page_token: str) -> HandsetPage:
        """Phones that show a text, latest first."""
        self._enabled()
        query = {"rpc": "ListHandsets"}
        size, place = paging.page_size(page_size), self._tokens.read(query, page_token)
        before = (place[0], place[1]) if place else None
        async with self._database.read() as connection:
            found = await handsets.list_handsets(connection, self._clock.now_us(), size + 1, before)
        shown = found[:size]
        more = len(found) > size
        token = self._tokens.issue(query, [shown[-1].last_time, shown[-1].number]) if more else ""
        return HandsetPage(shown, token)

    async def list_messages(self, phone_number: str, page_size: int, page_token: str) -> HandsetMessagePage:
        """Texts on one phone, newest first."""
        self._enabled()
        number = _e164(phone_number)
        query = {"rpc": "ListHandsetMessages", "number": number}
        size, place = paging.page_size(page_size), self._tokens.read(query, page_token)
        before = (place[0], place[1]) if place else None
        async with self._database.read() as connection:
            found = await handsets.list_handset_messages(connection, number, self._clock.now_us(), size + 1, before)
        shown = found[:size]
        more = len(found) > size
        return HandsetMessagePage(
            shown, self._tokens.issue(query, [shown[-1].receive_time, shown[-1].id]) if more else ""
        )

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
            await audit.record(connection, caller, "SendFromHandset", ref, now)
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
