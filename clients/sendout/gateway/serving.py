"""Runs the gateway's process: one event loop, one channel to the server; ends its streams and itself when told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator

import uvicorn

from sendout.gateway.app import build
from sendout.gateway.settings import ConfigError, GatewaySettings
from sendout.gateway.transcode.streams import Streams
from sendout.gateway.upstream import Upstream

_GRACE_S = 30  # for calls under way; streams end at once
_BALANCER_S = 3.0  # what load balancers need to see that we are leaving
_MOST_UNREAD = 64 << 10  # bytes of a request's head: beyond this there is no polite answer

log = logging.getLogger("sendout.gateway")


class Gateway(uvicorn.Server):
    """The HTTP server of one process; `stop` ends it in order."""

    def __init__(self, settings: GatewaySettings, upstream: Upstream) -> None:
        self.streams = Streams()
        self._balanced = not settings.local
        super().__init__(
            uvicorn.Config(
                build(settings, upstream, self.streams),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,  # addresses hold numbers and tokens
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
                h11_max_incomplete_event_size=_MOST_UNREAD,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business: uvicorn would raise them again at the end, and end it by them."""
        yield

    async def stop(self) -> None:
        """Not ready from now on; when balancers have seen it streams end, and then the server."""
        self.streams.draining = True
        if self._balanced:
            await asyncio.sleep(_BALANCER_S)
        self.streams.stopping.set()
        self.should_exit = True


async def serve(settings: GatewaySettings) -> None:
    """The gateway, until SIGTERM or SIGINT; a second one ends it without ceremony. Raises ConfigError."""
    with listening(settings) as listener:
        upstream = Upstream(ca_file=settings.server_ca_file)
        gateway = Gateway(settings, upstream)
        stopping: list[asyncio.Task[None]] = []

        def ask() -> None:
            if stopping:
                os._exit(1)
            log.info("stopping")
            stopping.append(asyncio.create_task(gateway.stop()))

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ask)
        log.info("listening on %s", settings.listen)
        try:
            await gateway.serve(sockets=[listener])
        finally:
            await upstream.close()


@contextlib.contextmanager
def listening(settings: GatewaySettings) -> Iterator[socket.socket]:
    """The socket to listen on. Raises ConfigError where the address cannot be had."""
    host, port = settings.address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        said = error.strerror or "it cannot be used"
        raise ConfigError(f"Cannot listen on {settings.listen}: {said}. Is something else using it?") from None
    with listener:
        # Connections inherit it; asyncio leaves them without, and each answer would wait 40 ms for the client's ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def run(settings: GatewaySettings) -> None:
    """Run the process's one event loop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner:
        runner.run(serve(settings))
