"""Previews of up to 10,000 recipients on PostgreSQL, plain, personalised and with every rule switched on.

    .venv/bin/python bench/preview.py [--repetitions 5]

The answer must come within a second for a form to feel live. Beside each stands the send of the same request, which
does the same and then keeps it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import grpc
from common import numbers, postgres, prepared, show, start, stop, until_ready, valkey
from sqlalchemy import insert, update

from sendout.storage.engine import Database
from sendout.storage.tables import consent, contact_point
from sendout.v1 import notification_service_pb2, notification_service_pb2_grpc, recipient_pb2

TARGET = "127.0.0.1:50876"
RULES: dict[str, Any] = {
    "quiet_hours": {"start": "21:00", "end": "08:00", "fallback_time_zone": "UTC"},
    "number_messages_per_hour": 100,
    "daily_segment_cap": 2_000_000_000,
    "smart_encoding": True,
}


def recipients(count: int, *, personal: bool) -> list[recipient_pb2.Recipient]:
    variables = {"name": "Ann", "place": "Rome’s centre"} if personal else {}
    return [recipient_pb2.Recipient(phone_number=number, variables=variables) for number in numbers(count)]


async def timed(call: Any, request: Any, metadata: Any) -> float:
    """Milliseconds until the answer."""
    began = time.perf_counter()
    await call(request, metadata=metadata, timeout=60)
    return (time.perf_counter() - began) * 1000


async def switch_on(database_url: str) -> None:
    """Every rule that looks at each recipient, and a thousand words on record."""
    database = Database(database_url)
    async with database.write() as connection:
        await connection.execute(update(contact_point).values(**RULES))
        await connection.execute(
            insert(consent),
            [
                {
                    "number_key": uuid.uuid4().bytes,
                    "contact_point_id": "main",
                    "opted_out": True,
                    "source": "RECORDED",
                    "evidence": "",
                    "principal_id": "",
                    "consent_time": 0,
                    "update_time": 0,
                }
                for _ in range(1_000)
            ],
        )
    await database.close()


async def measure(database_url: str, key: str, repetitions: int) -> None:
    metadata = (("authorization", f"Bearer {key}"),)
    options = [("grpc.max_receive_message_length", 64 << 20)]
    async with grpc.aio.insecure_channel(TARGET, options) as channel:
        stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
        for rules in (False, True):
            if rules:
                await switch_on(database_url)
            for count in (1, 1_000, 10_000):
                for personal in (False, True):
                    text = "Dear {{name}}, {{place}} is closed." if personal else "The bridge is closed."
                    fields = {
                        "contact_point_id": "main",
                        "text": text,
                        "max_segments": 3,
                        "recipients": recipients(count, personal=personal),
                    }
                    preview = notification_service_pb2.PreviewNotificationRequest(**fields)
                    send = notification_service_pb2.SendNotificationRequest(**fields)
                    name = f"{count:,} {'personalised' if personal else 'alike'}{', every rule' if rules else ''}"
                    shown = [await timed(stub.PreviewNotification, preview, metadata) for _ in range(repetitions)]
                    kept = [await timed(stub.SendNotification, send, metadata) for _ in range(min(repetitions, 3))]
                    median = show(f"preview of {name}", shown, "ms")
                    show(f"  beside its send ({median / sorted(kept)[len(kept) // 2]:.2f} of it)", kept, "ms")


async def run(repetitions: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sob") as name:
        folder = Path(name)
        with postgres(folder) as database_url, valkey(folder) as redis_url:
            async with prepared(database_url) as key:
                server = start("serve", database_url, redis_url, folder, SENDOUT_LISTEN=TARGET)
                try:
                    await until_ready(TARGET)
                    await measure(database_url, key, repetitions)
                finally:
                    stop(server)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repetitions", type=int, default=5)
    asyncio.run(run(parser.parse_args().repetitions))
