"""What the tests of the SMPP carrier share: a carrier that is bound, its reports, and certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import CarrierContext, Outcome, OutcomeKind, Receipt, Reply
from sendout.server.carriers.conformance import Reports, outgoing
from sendout.server.carriers.smpp import SmppCarrier

NUMBER = "+447700900101"
PASSWORD = "hunter2-hunter2"


class GatedIntake:
    """Keeps what is handed in; `gate` holds it back, `fail` makes that many calls fail, before or after storing."""

    def __init__(self) -> None:
        self.receipted: list[Receipt] = []
        self.replied: list[Reply] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail = 0
        self.calls: list[int] = []
        self._changed = asyncio.Condition()

    async def receipts(self, carrier: str, receipts: Sequence[Receipt]) -> None:
        await self._store(self.receipted, receipts)

    async def replies(self, carrier: str, replies: Sequence[Reply]) -> None:
        await self._store(self.replied, replies)

    async def _store(self, kept: list[Any], items: Sequence[Any]) -> None:
        self.calls.append(len(items))
        await self.gate.wait()
        async with self._changed:
            kept += items
            self._changed.notify_all()
        if self.fail:
            self.fail -= 1
            raise OSError("the answer of the database was lost")

    async def until(self, receipts: int = 0, replies: int = 0) -> None:
        """So many came."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.receipted) >= receipts and len(self.replied) >= replies)


@dataclass
class Rig:
    """A started carrier and what it said."""

    carrier: SmppCarrier
    intake: GatedIntake
    reports: Reports = field(default_factory=Reports)
    count: int = 0

    async def bound(self, connections: int = 1) -> None:
        """So many connections take submits."""
        await until(lambda: self.carrier.bound >= connections)

    async def submit(self, *numbers: str, text: str = "Hello", bits: int = 8) -> list[Outcome]:
        """The outcomes of one call, in the order of the numbers."""
        start = self.count
        self.count += len(numbers)
        messages = [outgoing(start + i, number, text=text, reference_bits=bits) for i, number in enumerate(numbers)]
        reports = Reports()
        async with asyncio.timeout(20):
            await self.carrier.submit(messages, reports)
        by_id = {message.message_id: outcome for message, outcome in reports.outcomes}
        assert len(by_id) == len(reports.outcomes) == len(messages)
        return [by_id[message.message_id] for message in messages]

    async def kinds(self, *numbers: str, text: str = "Hello") -> list[OutcomeKind]:
        """What the outcomes are."""
        return [outcome.kind for outcome in await self.submit(*numbers, text=text)]


@asynccontextmanager
async def rig(port: int, *, bound: int = 1, **settings: Any) -> AsyncIterator[Rig]:
    """A carrier to this port, bound so many times (0: not waited for)."""
    own = {
        "host": "127.0.0.1", "port": port, "system_id": "me", "password": PASSWORD, "reconnect_max_s": 0.05,
        "response_timeout_s": 10,
    } | settings  # fmt: skip
    intake = GatedIntake()
    made = Rig(SmppCarrier(CarrierContext("smpp", own, SystemClock(), intake)), intake)
    await made.carrier.start()
    if bound:
        await made.bound(bound)
    try:
        yield made
    finally:
        intake.gate.set()
        async with asyncio.timeout(20):
            await made.carrier.stop()


async def until(holds: Any, seconds: float = 10.0) -> None:
    """Wait until this holds."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)


# --- certificates ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """A private certificate authority in a folder."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        key, certificate = self._make(self.name, None, None)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_certificate", certificate)
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def path(self) -> Path:
        """Its certificate."""
        return self.folder / f"{self.name}.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for a host name."""
        key, certificate = self._make(name, self._key, self._certificate)  # type: ignore[attr-defined]
        paths = self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return paths

    def _make(
        self, name: str, signer: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key((signer or key).public_key()), critical=False
            )
        )
        if issuer is None:
            builder = builder.add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName(names[:1]), critical=False)
        return key, builder.sign(signer or key, hashes.SHA256())
