"""From an API key or a session's token to the caller.

Fails closed: without the database nobody gets in. What was found is believed for half a second, so a burst of calls
costs one look-up, a revoked key and a session that was ended die within a second (reliability.md I8), and what was
changed through this very process holds at once (`forget`). A send looks at its grants and roles again, in its own
transaction (S5).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from sendout.domain import keys
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.keys import PresentedKey
from sendout.domain.permissions import Caller
from sendout.storage import identity, sessions
from sendout.storage.engine import Database
from sendout.storage.identity import KeyHolder

BELIEVED_S = 0.5
_MINUTE_US = 60_000_000
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    until: float  # monotonic seconds
    lookup: asyncio.Task[KeyHolder | None]


class Authenticate:
    """The use case, one instance per process. `close` it at the end: notes of last use are written behind the call."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: dict[PresentedKey, _Remembered] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def __call__(self, key_text: str, trace_id: str = "", span_id: str = "") -> Caller:
        """The caller behind a key or a session. CREDENTIALS_INVALID: mistyped, unknown, expired, revoked or ended."""
        presented = _presented(key_text)
        if presented is None:
            raise _invalid(key_text)
        holder = await self._holder(presented)
        if holder is None or not self._valid(holder):
            self._remembered.pop(presented, None)
            raise _invalid(key_text)
        return Caller(
            principal_id=holder.principal_id,
            api_key_id=presented.key_id,
            label=holder.label,
            role_ids=holder.role_ids,
            permissions=holder.permissions,
            trace_id=trace_id,
            span_id=span_id,
            session_hash=b"" if presented.key_id else presented.secret_hash,
        )

    def forget(self) -> None:
        """Believe nothing that was read before now: roles, keys or principals have changed."""
        self._remembered.clear()

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _holder(self, presented: PresentedKey) -> KeyHolder | None:
        now = self._clock.monotonic()
        remembered = self._remembered.get(presented)
        if remembered is None or remembered.until <= now:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            # A task of its own, so that callers who come meanwhile share it and none takes it along when cancelled.
            remembered = _Remembered(now + BELIEVED_S, asyncio.create_task(self._look_up(presented)))
            self._remembered[presented] = remembered
        try:
            return await asyncio.shield(remembered.lookup)
        except SendoutError:
            if self._remembered.get(presented) is remembered:
                del self._remembered[presented]
            raise

    async def _look_up(self, presented: PresentedKey) -> KeyHolder | None:
        async with self._database.read() as connection:
            if presented.key_id:
                holder = await identity.load_caller(connection, presented.key_id)
            else:
                holder = await identity.load_session_caller(connection, presented.secret_hash)
        if holder is None or not keys.same(holder.secret_hash, presented.secret_hash):
            return None
        self._note_use(presented, holder)
        return holder

    def _valid(self, holder: KeyHolder) -> bool:
        expired = holder.expire_time is not None and holder.expire_time <= self._clock.now_us()
        return not (expired or holder.disabled or holder.revoke_time is not None)

    def _note_use(self, presented: PresentedKey, holder: KeyHolder) -> None:
        minute = self._clock.now_us() // _MINUTE_US * _MINUTE_US
        if not self._valid(holder) or (holder.last_used_time or 0) >= minute:
            return
        note = asyncio.create_task(self._write_note(presented, minute))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _write_note(self, presented: PresentedKey, minute_us: int) -> None:
        # Nobody's call may fail for a note; the next look-up tries again.
        with contextlib.suppress(SendoutError):
            async with self._database.write() as connection:
                if presented.key_id:
                    await identity.touch_api_key(connection, presented.key_id, minute_us)
                else:
                    await sessions.touch_session(connection, presented.secret_hash, minute_us)


def _presented(text: str) -> PresentedKey | None:
    session_hash = keys.token_hash(keys.SESSION, text)
    return keys.parse(text) if session_hash is None else PresentedKey("", session_hash)


def _invalid(text: str) -> SendoutError:
    # One sentence for all cases of a kind: it must not tell whether a key or a session exists.
    if text.startswith(f"{keys.SESSION}_"):
        sentence = "The session has ended. Sign in again."
    else:
        sentence = (
            "The API key is mistyped, unknown, expired or revoked. Check it, or ask an administrator for a new one."
        )
    return SendoutError(Reason.CREDENTIALS_INVALID, sentence)
