"""The asyncio client's streams of recipients before a real server."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from sendout.client import AsyncClient, SendoutError
from sendout.storage.engine import Database
from tests.integration.gateway_site import server
from tests.integration.pipeline import plain_numbers

TRIES = 150


async def test_a_refusal_under_way_keeps_its_reason(database: Database, valkey_url: str) -> None:
    """A server that refuses while recipients are still on their way is understood each time: grpc.aio itself takes one
    refusal in a hundred for an error of its own."""
    numbers, said = plain_numbers(10_001), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="soc") as folder:  # short: a socket's path must fit in 108 bytes
        async with server(database, valkey_url, Path(folder)) as (target, key), AsyncClient(target, key) as client:
            for _ in range(TRIES):
                try:
                    await client.send(numbers, "Hello", contact_point="nowhere")
                except SendoutError as error:
                    said[error.reason] += 1
    assert said == {"CONTACT_POINT_NOT_FOUND": TRIES}
