"""The simulator passes what every carrier must pass, on both databases."""

from __future__ import annotations

import pytest

from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import CarrierContext
from sendout.server.carriers.conformance import Bench, CarrierConformance, RecordingIntake
from sendout.server.carriers.simulator import SimulatorCarrier
from sendout.storage.engine import Database
from sendout.storage.handsets import HandsetStore


class TestSimulator(CarrierConformance):
    """Receipts that were taken and not handed in come again after a moment, not after five seconds."""

    @pytest.fixture
    async def bench(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> Bench:
        monkeypatch.setattr(SimulatorCarrier, "claim_s", 0.3)
        intake = RecordingIntake()
        settings = {"delivery_delay_s": 0.02, "poll_interval_s": 0.02}
        context = CarrierContext("simulator", settings, SystemClock(), intake, {"handsets": HandsetStore(database)})
        good = [f"+14155550{index}" for index in range(101, 121)]
        return Bench(SimulatorCarrier(context), settings, intake, good, "+14155550160")
