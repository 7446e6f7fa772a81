"""`sendout carriers`, as an operator types it: against a real SMSC, a Twilio over a socket, and the simulator.

Longer than 400 lines because every carrier's failures are shown as they are told.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import func, insert, select, text
from typer.testing import CliRunner, Result

from sendout.domain.clock import SystemClock
from sendout.server.carriers.smpp.pdu import Command, Pdu, encode
from sendout.server.commandline import register
from sendout.storage.engine import Database
from sendout.storage.migrate import migrate
from sendout.storage.tables import simulator_message
from tests.fake_twilio import ACCOUNT, TOKEN, fake_twilio
from tests.fake_twilio import Answer as Made
from tests.integration.pipeline import add_contact_point
from tests.integration.smpp_rig import NUMBER, PASSWORD, Authority, rig
from tests.smsc import Answer, RawSmsc, free_port, raw_smsc, smsc, usual, wire

MOBILE = "+447400000001"
LONG = "A test of several parts. " * 10


@dataclass
class Operator:
    """Types commands in a shell of its own; the carriers' servers run in the test's loop."""

    monkeypatch: pytest.MonkeyPatch
    database_url: str
    carriers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def has(self, kind: str, **settings: Any) -> None:
        """Set up one carrier, called `main`."""
        self.carriers["main"] = {"type": kind} | settings
        self.monkeypatch.setenv("SENDOUT_CARRIERS", json.dumps(self.carriers))

    def has_smpp(self, port: int, **settings: Any) -> None:
        """The same at an SMSC."""
        own = {"host": "127.0.0.1", "port": port, "system_id": "me", "password": "env:SENDOUT_TEST_SECRET"}
        self.has("smpp", **(own | {"response_timeout_s": 10} | settings))

    def has_twilio(self, url: str, **settings: Any) -> None:
        """The same at Twilio."""
        own = {"account_sid": ACCOUNT, "auth_token": TOKEN, "base_url": url, "look_ups_per_second": 100}
        self.has("twilio", **(own | settings))

    async def types(self, *words: str) -> Result:
        application = typer.Typer()
        register(application)
        return await asyncio.to_thread(CliRunner().invoke, application, ["carriers", *words])

    async def tests(self, *words: str, number: str = MOBILE, wait: str = "20s") -> Result:
        """`carriers test main`."""
        base = ("test", "main", number, "--sender", "+14155550100", "--wait", wait)
        return await self.types(*base, "--database-url", self.database_url, *words)


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setattr("sendout.server.commandline.configure_logging", lambda _: None)  # it would outlive the test
    monkeypatch.setenv("SENDOUT_TEST_SECRET", PASSWORD)
    return Operator(monkeypatch, f"sqlite+aiosqlite:///{tmp_path}/sendout.db")


def subjects(result: Result) -> list[str]:
    """What the lines are about, in order."""
    return [line[12:24].strip() for line in result.stdout.splitlines() if line[12:24].strip()]


# --- SMPP ------------------------------------------------------------------------------------------------------------


async def test_a_message_over_smpp(operator: Operator) -> None:
    """Each step is told in its order, parts with their references and receipts; status 0, and no secret is shown."""
    async with smsc() as there:
        operator.has_smpp(there.port)
        done = await operator.tests("--text", LONG)
        await there.until(lambda: there.acknowledged == 2)
        assert there.texts(MOBILE) == [LONG]
        await there.until(lambda: there.bound == 0)
    assert done.exit_code == 0, done.output
    assert subjects(done) == [
        *("Carrier", "Accepted", "Number", "Sender", "Text", "Connecting", "Connected", "Submit", "Outcome"),
        *("References", "Waiting", "Receipt", "Receipt", "Verdict"),
    ]
    assert "password = *** (from env:SENDOUT_TEST_SECRET)" in done.stdout
    assert PASSWORD not in done.output
    assert f"{MOBILE}, GB" in done.stdout
    assert "GSM-7, 2 segments" in done.stdout
    assert "It works: the carrier took the message, and the phone has it." in done.stdout
    assert not Path(operator.database_url.removeprefix("sqlite+aiosqlite:///")).exists()


REFUSALS: dict[str, tuple[Answer, str]] = {
    "sender": (Answer(code=0x0A), "0x0A RINVSRCADR"),
    "number": (Answer(code=0x0B), "Check the number"),
    "throttled": (Answer(code=0x58), "The carrier asks to wait"),
    "something": (Answer(code=0x45), "Ask the provider what it did not like"),
    "no answer": (Answer(silent=True), "There is no answer: the message may have left, or not."),
    "undelivered": (Answer(receipt="UNDELIV"), "then said UNDELIVERED"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
async def test_what_an_smsc_refuses(operator: Operator, case: tuple[Answer, str]) -> None:
    """Status 1, with the SMSC's code and what to do about it."""
    answer, told = case
    async with smsc(lambda _: answer) as there:
        operator.has_smpp(there.port, response_timeout_s=0.4)
        done = await operator.tests(wait="1s" if answer.silent else "20s")
    assert done.exit_code == 1
    assert told in done.output
    assert "sendout: It does not work: " in done.stderr


async def test_a_status_that_no_table_knows(operator: Operator) -> None:
    """The setting that gives a provider's own status its meaning is named."""

    def answer(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM:
            connection.write(encode(Command.SUBMIT_SM_RESP, pdu.sequence, b"", 0x4A1))
        else:
            usual(connection, pdu)

    async with raw_smsc(answer) as (port, _):
        operator.has_smpp(port)
        done = await operator.tests()
    assert done.exit_code == 1
    assert "0x4A1 UNMAPPED" in done.stdout
    assert "say so in statuses" in done.stderr


async def test_no_receipt_is_no_failure(operator: Operator) -> None:
    """What was accepted is status 0 without a receipt too, and the verdict says that none came."""
    async with smsc(lambda _: Answer(receipt=None)) as there:
        operator.has_smpp(there.port)
        done = await operator.tests(wait="0.3s")
    assert done.exit_code == 0
    assert "The carrier takes messages; no last word came within 0.3 s." in done.stdout


async def test_nobody_listens(operator: Operator) -> None:
    """A connection that is refused gives the settings to check, and nothing is submitted."""
    operator.has_smpp(free_port())
    done = await operator.tests()
    assert done.exit_code == 1
    assert "refused the connection: nothing listens there. Check host and port." in done.stderr
    assert "Submit" not in subjects(done)


def refuses_binds(code: int) -> Callable[[RawSmsc, Pdu], None]:
    """An SMSC that answers binds so."""
    return lambda connection, pdu: connection.write(encode(Command.BIND_TRANSCEIVER_RESP, pdu.sequence, b"", code))


@pytest.mark.parametrize(
    ("code", "told"),
    [(0x0E, "Check system_id and password"), (0x05, "binds"), (0x53, "system_type"), (0x7F, "Ask the provider")],
)
async def test_a_login_that_is_refused(operator: Operator, code: int, told: str) -> None:
    """The bind's status is shown with what to check; the password is not."""
    async with raw_smsc(refuses_binds(code)) as (port, _):
        operator.has_smpp(port)
        done = await operator.tests()
    assert done.exit_code == 1
    assert f"refused the login with 0x{code:02X}" in done.stderr
    assert told in done.stderr
    assert PASSWORD not in done.output


async def test_tls_that_fails(operator: Operator, tmp_path: Path) -> None:
    """A certificate of a stranger, one with another name, and a server without TLS each have a sentence."""
    authority, stranger = Authority(tmp_path, "ours"), Authority(tmp_path, "strange")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("smsc.test"))

    async def told(port: int, **settings: Any) -> Result:
        operator.has_smpp(port, tls=True, **settings)
        return await operator.tests(wait="5s")

    async with smsc() as there, wire(there.port, tls=context) as encrypted:
        untrusted = await told(encrypted.port, tls_ca=str(stranger.path), tls_server_name="smsc.test")
        misnamed = await told(encrypted.port, tls_ca=str(authority.path), tls_server_name="other.test")
        plain = await told(there.port, tls_ca=str(authority.path), connect_timeout_s=2)
        right = await told(encrypted.port, tls_ca=str(authority.path), tls_server_name="smsc.test")
    assert [one.exit_code for one in (untrusted, misnamed, plain, right)] == [1, 1, 1, 0], right.output
    assert "is not trusted" in untrusted.stderr
    assert "Check tls_ca" in untrusted.stderr
    assert "other.test" in misnamed.stderr
    assert "Check port" in plain.stderr or "Check host and port" in plain.stderr


async def test_a_host_without_address(operator: Operator) -> None:
    """A name that leads nowhere is named."""
    operator.has_smpp(2775, host="nowhere.invalid")
    done = await operator.tests()
    assert done.exit_code == 1
    assert "nowhere.invalid" in done.stderr
    assert "Check host" in done.stderr


async def test_what_is_not_of_the_test_is_told_again(operator: Operator) -> None:
    """A receipt and a reply of live traffic get 0x64, before and after the submit; only ours is acknowledged."""
    answers: dict[int, int] = {}
    finished = asyncio.Event()

    def deliver(connection: RawSmsc, sequence: int, ref: str, *, receipt: bool = True) -> None:
        said = f"id:{ref} stat:DELIVRD err:000 text:" if receipt else "Hello?"
        header = b"\0\1\1447400000001\0\1\x01" + b"14155550100\0" + (b"\x04" if receipt else b"\0")
        body = header + b"\0\0\0\0\0\0\0\0" + bytes([len(said)]) + said.encode()
        connection.write(encode(Command.DELIVER_SM, sequence, body))

    def answer(connection: RawSmsc, pdu: Pdu) -> None:
        usual(connection, pdu)
        if pdu.command == Command.BIND_TRANSCEIVER:
            deliver(connection, 101, "strange")
            deliver(connection, 102, "", receipt=False)
        elif pdu.command == Command.SUBMIT_SM:
            deliver(connection, 103, "strange")
        elif pdu.command == Command.DELIVER_SM_RESP:
            answers[pdu.sequence] = pdu.status
            if pdu.sequence == 103:  # only now: what came together is refused together
                submit = next(one for one in connection.got if one.command == Command.SUBMIT_SM)
                deliver(connection, 104, str(submit.sequence))
            elif pdu.sequence == 104:
                finished.set()

    async with raw_smsc(answer) as (port, _):
        operator.has_smpp(port)
        done = await operator.tests()
        await asyncio.wait_for(finished.wait(), 10)
    assert done.exit_code == 0, done.output
    assert answers == {101: 0x64, 102: 0x64, 103: 0x64, 104: 0}
    assert subjects(done).count("Receipt") == 1
    assert "strange" not in done.output
    assert "Hello?" not in done.output


async def test_beside_a_live_dispatcher(operator: Operator) -> None:
    """A reply that the SMSC gives to the test reaches the live connection in the end."""
    async with smsc(lambda _: Answer(receipt=None)) as there:
        operator.has_smpp(there.port)
        testing = asyncio.create_task(operator.tests(wait="2s"))
        await there.until(lambda: len(there.submits) == 1)
        writing = asyncio.create_task(there.write(NUMBER, "+14155550100", b"Hello?"))
        await there.until(lambda: there.bound == 1)
        async with rig(there.port) as live:
            assert (await testing).exit_code == 0
            await live.intake.until(replies=1)
            await writing
        assert there.repeated > 0
        assert [reply.text for reply in live.intake.replied] == ["Hello?"]


# --- Twilio ----------------------------------------------------------------------------------------------------------


async def test_a_message_over_twilio(operator: Operator) -> None:
    """The provider's record of the message is asked for, so the receipt comes without a gateway; no token is shown."""
    async with fake_twilio() as twilio:
        operator.has_twilio(twilio.url)
        done = await operator.tests("--text", "Grüße")
    assert done.exit_code == 0, done.output
    assert [(form["To"], form["Body"]) for form in twilio.requests] == [(MOBILE, "Grüße")]
    assert f"DELIVERED (delivered) for {twilio.taken[0].sid}" in done.stdout
    assert "auth_token = ***" in done.stdout
    assert TOKEN not in done.output


TROUBLES: dict[str, tuple[Made, str]] = {
    "number": (Made(400, 21211), "not a phone number"),
    "content": (Made(400, 30007), "Try another one, with --text."),
    "server": (Made(500, 20500), "may have left, or not"),
    "cut": (Made(cut=True, receipts=()), "ended the connection without an answer"),
    "undelivered": (Made(receipts=("undelivered",), error=30003), "then said UNDELIVERED"),
}


@pytest.mark.parametrize("case", TROUBLES.values(), ids=TROUBLES)
async def test_what_twilio_refuses(operator: Operator, case: tuple[Made, str]) -> None:
    """Status 1, with what the provider means by its code."""
    made, told = case
    async with fake_twilio(lambda form: made) as twilio:
        operator.has_twilio(twilio.url)
        done = await operator.tests(wait="0.5s")
        assert len(twilio.requests) == 1
    assert done.exit_code == 1
    assert told in done.output


async def test_a_login_that_twilio_refuses(operator: Operator) -> None:
    """A wrong token is told as such, although a dispatcher would merely wait."""
    async with fake_twilio() as twilio:
        operator.has_twilio(twilio.url, auth_token="another-token")
        done = await operator.tests()
    assert done.exit_code == 1
    assert "Check account_sid and auth_token" in done.stderr
    assert "another-token" not in done.output


async def test_a_twilio_that_cannot_be_reached(operator: Operator, tmp_path: Path) -> None:
    """Nobody there, and a certificate of a stranger: nothing left, and base_url is to be checked."""
    operator.has_twilio(f"http://127.0.0.1:{free_port()}")
    away = await operator.tests()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(tmp_path, "strange").issue("localhost"))
    async with wire(free_port(), tls=context) as encrypted:
        operator.has_twilio(f"https://127.0.0.1:{encrypted.port}")
        untrusted = await operator.tests()
    assert (away.exit_code, untrusted.exit_code) == (1, 1)
    for told in (away, untrusted):
        assert "NOT_SENT" in told.stdout
        assert "Check base_url" in told.stderr
    assert "The certificate of" in untrusted.stderr


# --- the simulator, and what is typed --------------------------------------------------------------------------------


async def on_database(url: str, work: Callable[[Database], Awaitable[Any]]) -> Any:
    database = Database(url)
    try:
        return await work(database)
    finally:
        await database.close()


async def prepare(database: Database) -> None:
    await migrate(database, SystemClock())
    await add_contact_point(database, carrier="main")
    async with database.write() as connection:
        await connection.execute(
            insert(simulator_message).values(
                ref="live", message_id="m", attempt=1, number="+14155550102", sender="+1", text="x", segments=1,
                submit_ns=0, receive_time=1, from_handset=False, refused=False, receipt_due=1, receipts=[{"due": 1}],
            )
        )  # fmt: skip


async def kept(database: Database) -> dict[str, Any]:
    tables = ("notification", "message", "event", "receipt", "carrier_ref", "usage", "audit", "tally_delta")
    async with database.read() as connection:
        counts = [(await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one() for name in tables]
        found = await connection.execute(
            select(simulator_message.c.number, simulator_message.c.sender, simulator_message.c.receipt_due)
            .order_by(simulator_message.c.id)
        )  # fmt: skip
        assert (await connection.execute(select(func.count()).select_from(simulator_message))).scalar_one() == 2
        return {"rows": sum(counts), "phones": [tuple(row) for row in found]}


async def test_a_message_over_the_simulator(operator: Operator) -> None:
    """It is on the phone and nowhere else, with a contact point's sender; a dispatcher's own receipts stay its own."""
    operator.has("simulator", delivery_delay_s=0.05)
    await on_database(operator.database_url, prepare)
    done = await operator.types("test", "main", "+14155550101", "--database-url", operator.database_url)
    assert done.exit_code == 0, done.output
    assert "It works" in done.stdout
    assert await on_database(operator.database_url, kept) == {
        "rows": 0,
        "phones": [("+14155550102", "+1", 1), ("+14155550101", "+14155550001", None)],
    }


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [
        ("+14155550151", 1, "then said UNDELIVERED"),
        ("+14155550154", 0, "no last word came within 0.5 s"),
        ("+14155550161", 1, "opted out"),
        ("+14155550162", 1, "It asks to wait for 1 s."),
        ("+14155550173", 1, "Its receipt says that the phone got it."),
    ],
)
async def test_the_simulators_numbers(operator: Operator, number: str, status: int, told: str) -> None:
    """Each way in which a message may end has its status and its words."""
    operator.has("simulator", delivery_delay_s=0.05)
    await on_database(operator.database_url, lambda database: migrate(database, SystemClock()))
    done = await operator.tests(number=number, wait="0.5s")
    assert (done.exit_code, told in done.output) == (status, True), done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("test", "other", MOBILE), "No carrier is named 'other'. The settings have: main."),
        (("test", "main", "12345"), "'12345' cannot be sent to."),
        (("test", "main", MOBILE, "--sender", "A-B"), "'A-B' is no sender."),
        (("test", "main", MOBILE, "--text", "a\u202eb"), "U+202E"),
        (("test", "main", MOBILE, "--text", ""), "0 segments"),
        (("test", "main", MOBILE, "--text", "x" * 2_000), "14 segments"),
        (("test", "main", MOBILE, "--wait", "soon"), "'soon' is no time. Write 30s or 2m."),
    ],
)
async def test_what_is_typed_wrong(operator: Operator, words: tuple[str, ...], told: str) -> None:
    """It is quoted with what to type instead, before anything is connected."""
    operator.has_smpp(free_port())
    given = words if "--sender" in words else (*words, "--sender", "Garage")
    done = await operator.types(*given)
    assert done.exit_code in (1, 2)
    assert told in " ".join(done.output.split()).replace("│ ", "")
    assert "Connecting" not in done.output


async def test_without_a_sender(operator: Operator) -> None:
    """Where no contact point can be asked, or none sends through this carrier, the option is named."""
    operator.has_smpp(free_port())
    missing = await operator.types("test", "main", MOBILE, "--database-url", operator.database_url)
    assert "Give --sender: the database that has the contact points cannot be read." in missing.stderr
    await on_database(operator.database_url, lambda database: migrate(database, SystemClock()))
    none = await operator.types("test", "main", MOBILE, "--database-url", operator.database_url)
    assert "Give --sender: no contact point sends through 'main'." in none.stderr
    assert (missing.exit_code, none.exit_code) == (1, 1)


async def test_settings_that_cannot_be_used(operator: Operator) -> None:
    """A wrong setting, an unknown type and a credential that is not there are refused by name; no value is shown."""
    operator.has_smpp(2775, window=0)
    wrong = await operator.tests()
    operator.has("pigeon")
    unknown = await operator.tests()
    operator.has_smpp(2775, password="env:SENDOUT_TEST_NOWHERE")
    absent = await operator.tests()
    assert "The settings of carrier 'main' cannot be used. window:" in wrong.stderr
    assert "unknown type 'pigeon'" in unknown.stderr
    assert "'env:SENDOUT_TEST_NOWHERE', which is not there" in absent.stderr
    assert [one.exit_code for one in (wrong, unknown, absent)] == [1, 1, 1]


async def test_the_list(operator: Operator) -> None:
    """Each carrier has a line with its type and what it does."""
    operator.carriers["phones"] = {"type": "simulator"}
    operator.has_smpp(2775, segments_per_second=20)
    done = await operator.types("list")
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert first.split(maxsplit=2) == [
        "phones",
        "simulator",
        "the provider makes the parts, one receipt, replies, no real phones",
    ]
    assert second.split(maxsplit=2) == [
        *("main", "smpp", "we make the parts, a receipt for each part, replies, 20 segments a second")
    ]
