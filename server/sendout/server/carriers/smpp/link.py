"""Keeps one connection to an SMSC: connects, binds, watches, and begins again after a pause that grows and varies."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable

from sendout.server.carriers.smpp.pdu import Bind, Command, Pdu
from sendout.server.carriers.smpp.session import UNBOUND, BindRefused, Session
from sendout.server.carriers.smpp.settings import SmppSettings

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.5


class Link:
    """One bind. `session` is the connection while it is bound; `random` gives [0, 1)."""

    def __init__(
        self,
        name: str,
        command: Command,
        settings: SmppSettings,
        tls: ssl.SSLContext | None,
        random: Callable[[], float],
        delivered: Callable[[Session, Pdu], None],
        changed: Callable[[], None],
    ) -> None:
        self._name, self._command, self._settings, self._tls = name, command, settings, tls
        self._random, self._delivered, self._changed = random, delivered, changed
        self.session: Session | None = None
        self.trouble: Exception | None = None
        """Why the latest attempt to connect failed; None after one that did not."""

    async def run(self) -> None:
        """Until it is cancelled; then the connection is closed without a word (`Session.unbind` comes before)."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                session = await self._open()
            except BindRefused as error:
                # Nothing can be sent until somebody corrects the account, so it is asked for rarely, and loudly.
                _log.error("%s: the SMSC refused the bind with %s. Check the account's settings.", self._name, error)
                self.trouble, pause = error, self._settings.reconnect_max_s
            except (OSError, TimeoutError) as error:  # of the connection, of TLS, of the bind
                self.trouble = error
                _log.warning("%s: no connection to the SMSC: %s", self._name, type(error).__name__)
            else:
                self.trouble, pause = None, _FIRST_PAUSE_S
                await self._watch(session)
            await asyncio.sleep(pause * (0.5 + 0.5 * self._random()))
            pause = min(pause * 2, self._settings.reconnect_max_s)

    async def _open(self) -> Session:
        settings = self._settings
        session = Session(settings.window, settings.response_timeout_s, self._delivered, self._changed)
        async with asyncio.timeout(settings.connect_timeout_s):
            await asyncio.get_running_loop().create_connection(
                lambda: session,
                settings.host,
                settings.port,
                ssl=self._tls,
                server_hostname=(settings.tls_server_name or settings.host) if self._tls else None,
            )
            try:
                self.session = session  # before the answer: receipts may come right behind it
                await session.bind(
                    self._command,
                    Bind(settings.system_id, settings.password.get_secret_value(), settings.system_type),
                )
            except BaseException:
                self.session = None
                session.end("not bound")
                raise
        _log.info("%s: bound to the SMSC as %s", self._name, self._command.name.lower())
        return session

    async def _watch(self, session: Session) -> None:
        """Until the session ends."""
        alive = asyncio.create_task(session.keep_alive(self._settings.enquire_interval_s))
        try:
            why = await session.lost
            level = logging.INFO if why == UNBOUND else logging.WARNING
            _log.log(level, "%s: the connection to the SMSC ended: %s", self._name, why)
        finally:
            alive.cancel()
            self.session = None
            session.end("stopped")
