"""The auditor: day by day, whether the tallies are what the messages give. It changes nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import structlog

from sendout.domain.auditing import Difference, differences
from sendout.server.telemetry import Attribute, Telemetry
from sendout.storage import auditing
from sendout.storage.engine import Database

log = structlog.get_logger("sendout.audit")


class TallyAuditor:
    """Compares all days of one database, one statement a day; run by the housekeeper and `sendout audit-tallies`."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        self._database, self._telemetry = database, telemetry

    async def run(self) -> AsyncGenerator[list[Difference], None]:
        """What differs, day after day. Each difference is logged as an error and counted."""
        async with self._database.read() as connection:
            days = await auditing.days(connection)
        for day in days:
            async with self._database.read() as connection:
                found = differences(day, *await auditing.read_day(connection, day))
            for difference in found:
                self._report(difference)
            yield found

    def _report(self, difference: Difference) -> None:
        columns = difference.columns()
        log.error("tally_differs", day_us=difference.day_us, topic_id=difference.topic_id, too_high_by=columns)
        amount = sum(map(abs, columns.values()))
        self._telemetry.tally_differences.add(amount, {Attribute.TOPIC: difference.topic_id})
