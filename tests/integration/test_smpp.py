"""The SMPP carrier over real connections: outcomes, windows, and connections that end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest

from sendout.server.carriers.base import Outcome, OutcomeKind
from sendout.server.carriers.conformance import Reports, outgoing
from sendout.server.carriers.smpp import sending
from sendout.server.carriers.smpp.pdu import RESPONSE, Bind, Command, Pdu, ShortMessage, encode
from tests.integration.smpp_rig import NUMBER, PASSWORD, rig, until
from tests.smsc import (
    BAD_NUMBER,
    QUEUE_FULL,
    SYSTEM_ERROR,
    THROTTLED,
    Answer,
    RawSmsc,
    raw_smsc,
    smsc,
    usual,
    wire,
)

A, U, NOT_SENT = OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT
LONG = "Long words. " * 30  # three parts
NUMBERS = [f"+4477009001{index:02}" for index in range(50)]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that were refused for now are tried again at once."""
    monkeypatch.setattr(sending, "_LONGEST_PAUSE_S", 0.01)


# --- outcomes --------------------------------------------------------------------------------------------------------


async def test_throttling_is_reported_with_a_pause() -> None:
    """Fault 20: "too fast" and "queue full" are THROTTLED, each with its pause, and are no refusals."""
    codes = {"101": Answer(THROTTLED), "102": Answer(QUEUE_FULL), "103": Answer(SYSTEM_ERROR)}
    async with smsc(lambda submit: codes[submit.number[-3:]]) as server, rig(server.port) as made:
        outcomes = await made.submit("+447700900101", "+447700900102", "+447700900103")
    assert [(one.kind, one.retry_after) for one in outcomes] == [
        (OutcomeKind.THROTTLED, 2.0),
        (OutcomeKind.THROTTLED, 30.0),
        (OutcomeKind.REFUSED_FOR_NOW, None),
    ]


@pytest.mark.parametrize("code", [THROTTLED, QUEUE_FULL, SYSTEM_ERROR])
async def test_a_part_that_is_refused_for_now_comes_again_with_the_same_reference(code: int) -> None:
    """I2: the other parts are not written twice, the phone shows the text once and whole."""
    refused = Answer(code)
    async with smsc(lambda s: refused if s.part == 2 and s.attempt < 3 else Answer()) as server:
        async with rig(server.port) as made:
            [outcome] = await made.submit(NUMBER, text=LONG)
        assert (outcome.kind, outcome.refs) == (A, server.refs())
        assert all(outcome.refs)
        assert Counter(one.part for one in server.submits) == {1: 1, 2: 3, 3: 1}
        assert server.texts(NUMBER) == [LONG]


async def test_a_part_that_is_refused_for_now_for_ever_is_given_up() -> None:
    """It is written five times and no more; the message is UNKNOWN with the ids of the others."""
    async with smsc(lambda s: Answer(THROTTLED) if s.part == 2 else Answer()) as server:
        async with rig(server.port) as made:
            [outcome] = await made.submit(NUMBER, text=LONG)
        assert outcome == Outcome(U, server.refs(), "PARTS 0x58 RTHROTTLED", refused_parts=1)
        assert [bool(ref) for ref in outcome.refs] == [True, False, True]
        assert Counter(one.part for one in server.submits) == {1: 1, 2: sending.MOST_TRIES, 3: 1}


async def test_a_part_that_is_refused_for_good_leaves_the_message_unknown() -> None:
    """I2: some parts are with the SMSC, so the message may not be sent again; their ids are kept."""
    async with smsc(lambda s: Answer(BAD_NUMBER) if s.part == 2 else Answer()) as server, rig(server.port) as made:
        assert await made.submit(NUMBER, text=LONG) == [
            Outcome(U, server.refs(), "PARTS 0x0B RINVDSTADR", refused_parts=1)
        ]
        assert [bool(ref) for ref in server.refs()] == [True, False, True]


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ({1: BAD_NUMBER, 2: BAD_NUMBER, 3: BAD_NUMBER}, OutcomeKind.NUMBER_REFUSED),
        ({1: THROTTLED, 2: THROTTLED, 3: SYSTEM_ERROR}, OutcomeKind.THROTTLED),
        ({1: THROTTLED, 2: BAD_NUMBER, 3: THROTTLED}, OutcomeKind.NUMBER_REFUSED),
    ],
)
async def test_a_message_of_which_nothing_was_taken_is_refused(codes: dict[int, int], kind: OutcomeKind) -> None:
    """Where every part was refused the message was, for good if one of them was; each was written once."""
    async with smsc(lambda s: Answer(codes[s.part])) as server, rig(server.port) as made:
        assert await made.kinds(NUMBER, text=LONG) == [kind]
        assert len(server.submits) == 3


async def test_an_unanswered_part_leaves_the_message_unknown() -> None:
    """Fault 18: after the response timeout, with the ids of the parts that were answered; nothing is written again."""
    async with smsc(lambda s: Answer(silent=s.part == 2)) as server:
        async with rig(server.port, response_timeout_s=0.3) as made:
            assert await made.submit(NUMBER, text=LONG) == [Outcome(U, server.refs(), "NO_ANSWER")]
        assert [bool(ref) for ref in server.refs()] == [True, False, True]
        assert len(server.submits) == 3


async def test_a_generic_nack_is_a_refusal() -> None:
    """A nack of our sequence number is an answer, and the session goes on."""

    def nack(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM and len(connection.submits()) == 1:
            connection.write(encode(Command.GENERIC_NACK, pdu.sequence, status=0x03))
        else:
            usual(connection, pdu)

    async with raw_smsc(nack) as (port, connections), rig(port) as made:
        assert await made.kinds(NUMBER) == [OutcomeKind.REFUSED]
        assert await made.kinds(NUMBER) == [A]
        assert len(connections) == 1


async def test_a_codes_own_meaning_and_an_unknown_code() -> None:
    """Codes of the provider's own mean what the setting says; others are refused for now and marked."""

    def own(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM:
            code = 0x4A1 if len(connection.submits()) == 1 else 0x4A2
            connection.write(encode(Command.SUBMIT_SM_RESP, pdu.sequence, status=code))
        else:
            usual(connection, pdu)

    async with raw_smsc(own) as (port, _), rig(port, statuses={"0x4A1": "opted_out"}) as made:
        assert await made.kinds(NUMBER) == [OutcomeKind.OPTED_OUT]
        [outcome] = await made.submit(NUMBER)
    assert (outcome.kind, outcome.unmapped) == (OutcomeKind.REFUSED_FOR_NOW, True)


# --- windows and connections -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("binds", [1, 3])
async def test_the_window_is_kept(binds: int) -> None:
    """No connection has more submits without an answer than its window, whatever the lengths of the texts."""
    most = 0

    def late(connection: RawSmsc, pdu: Pdu) -> None:
        nonlocal most
        if pdu.command != Command.SUBMIT_SM:
            return usual(connection, pdu)
        connection.waiting = getattr(connection, "waiting", 0) + 1  # type: ignore[attr-defined]
        most = max(most, connection.waiting)  # type: ignore[attr-defined]

        def answer() -> None:
            connection.waiting -= 1  # type: ignore[attr-defined]
            usual(connection, pdu)

        asyncio.get_running_loop().call_later(0.01, answer)

    async with raw_smsc(late) as (port, connections), rig(port, bound=binds, binds=binds, window=4) as made:
        calls = [made.kinds(*NUMBERS, text="x" * 400), made.kinds(*NUMBERS), made.kinds(*NUMBERS, text="y" * 200)]
        assert {kind for kinds in await asyncio.gather(*calls) for kind in kinds} == {A}
        assert most == 4
        assert sum(len(one.submits()) for one in connections) == 50 * (3 + 1 + 2)
        assert len([one for one in connections if one.submits()]) == binds


async def test_the_parts_of_a_text_leave_together() -> None:
    """A text begins only where all its parts fit, so its lump is one moment (decision 2)."""
    held: list[tuple[RawSmsc, Pdu]] = []

    def hold(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM:
            held.append((connection, pdu))
        else:
            usual(connection, pdu)

    async with raw_smsc(hold) as (port, _), rig(port, window=4) as made:
        call = asyncio.create_task(made.kinds(NUMBER, NUMBER, text=LONG))
        await until(lambda: len(held) == 3)
        usual(*held[0])
        await asyncio.sleep(0.05)
        assert len(held) == 3  # two would fit, three would not
        assert made.carrier.window == 2  # both are under way, and no third fits
        usual(*held[1])
        usual(*held[2])
        await until(lambda: len(held) == 6)
        for one in held[3:]:
            usual(*one)
        assert await call == [A, A]


async def test_single_octets_are_enough() -> None:
    """TCP reads of one octet each change nothing, in either direction."""
    async with smsc() as server, wire(server.port, piece=1) as between, rig(between.port) as made:
        assert await made.kinds(NUMBER, text=LONG) == [A]
        await made.intake.until(receipts=3)
        assert server.texts(NUMBER) == [LONG]


async def test_a_lost_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Fault 17: what was written is UNKNOWN, what waited was not sent, and the next message finds a new connection."""

    def hold(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command != Command.SUBMIT_SM or len(connections) > 1:
            usual(connection, pdu)

    async with raw_smsc(hold) as (port, connections), rig(port, window=4) as made:
        call = asyncio.create_task(made.submit(*NUMBERS[:10]))
        await until(lambda: len(connections[0].submits()) == 4)
        connections[0].transport.abort()
        outcomes = await call
        assert Counter(one.kind for one in outcomes) == {U: 4, NOT_SENT: 6}
        written = {submit.destination.text for submit in connections[0].submits()}
        assert written == {n[1:] for n, one in zip(NUMBERS, outcomes, strict=False) if one.kind is U}
        await until(lambda: len(connections) == 2)
        await made.bound()
        assert await made.kinds(NUMBER) == [A]
    assert not [record for record in caplog.records if NUMBER[1:] in record.getMessage()]


async def test_without_a_connection_nothing_is_sent() -> None:
    """A message is NOT_SENT at once while there is no connection, and goes out once there is one again."""
    async with smsc() as server, wire(server.port) as between:
        between.down = True
        async with rig(between.port, bound=0) as made:
            assert await made.kinds(NUMBER) == [NOT_SENT]
            between.down = False
            await made.bound()
            assert await made.kinds(NUMBER) == [A]
            between.down = True
            between.cut()
            await until(lambda: made.carrier.bound == 0)
            assert await made.kinds(NUMBER) == [NOT_SENT]
            assert made.carrier.window == 10
        assert len(server.submits) == 1


async def test_an_smsc_that_does_not_answer_is_left() -> None:
    """A submit without an answer ends the connection once the other answers are in; a new one takes over."""

    def silent_once(connection: RawSmsc, pdu: Pdu) -> None:
        if connection is connections[0] and pdu.command == Command.SUBMIT_SM and len(connection.submits()) == 1:
            return
        usual(connection, pdu)

    async with raw_smsc(silent_once) as (port, connections), rig(port, response_timeout_s=0.2) as made:
        assert await made.kinds(NUMBER, NUMBER) == [U, A]
        await until(lambda: len(connections) == 2)
        assert connections[0].got[-1].command == Command.UNBIND
        await made.bound()
        assert await made.kinds(NUMBER) == [A]
        assert connections[1].submits()


async def test_a_slow_smsc_times_nothing_out() -> None:
    """Fault 19: answers just inside the timeout, through a small window, are all heard."""
    settings = {"window": 5, "response_timeout_s": 1}
    async with smsc(lambda s: Answer(after=0.2)) as server, rig(server.port, **settings) as made:
        assert await made.kinds(*NUMBERS[:15]) == [A] * 15


async def test_silence_is_asked_about_and_ended() -> None:
    """After a silent interval comes enquire_link; where it is not answered the connection is renewed."""

    def deaf(connection: RawSmsc, pdu: Pdu) -> None:
        if not (connection is connections[0] and pdu.command == Command.ENQUIRE_LINK):
            usual(connection, pdu)

    settings = {"enquire_interval_s": 0.05, "response_timeout_s": 0.2}
    async with raw_smsc(deaf) as (port, connections), rig(port, **settings):
        await until(lambda: len(connections) == 2)
        await until(lambda: sum(pdu.command == Command.ENQUIRE_LINK for pdu in connections[1].got) >= 3)
        assert len(connections) == 2


async def test_the_smscs_own_requests_are_answered() -> None:
    """enquire_link and unbind get their answers; after the unbind comes a new connection."""
    async with raw_smsc() as (port, connections), rig(port):
        connections[0].write(encode(Command.ENQUIRE_LINK, 7), encode(Command.UNBIND, 8))
        await until(lambda: len(connections) == 2)
        answers = [(pdu.command, pdu.sequence) for pdu in connections[0].got if pdu.command & RESPONSE]
        assert answers == [(Command.ENQUIRE_LINK_RESP, 7), (Command.UNBIND_RESP, 8)]


@pytest.mark.parametrize("code", [0x04, 0x0D, 0x0E])
async def test_a_session_of_no_use_is_renewed(code: int) -> None:
    """Bind state and login as an answer to a submit: it was not sent, and the next one uses a new bind."""

    def unusable(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM and connection is connections[0]:
            connection.write(encode(Command.SUBMIT_SM_RESP, pdu.sequence, status=code))
        else:
            usual(connection, pdu)

    async with raw_smsc(unusable) as (port, connections), rig(port) as made:
        assert await made.kinds(NUMBER) == [NOT_SENT]
        await until(lambda: len(connections) == 2)
        await made.bound()
        assert await made.kinds(NUMBER) == [A]


@pytest.mark.parametrize("code", [0x0D, 0x0E, 0x0F])
async def test_a_refused_bind_is_loud_and_sends_nothing(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """An error names the status and never the password; messages are NOT_SENT; it is tried again."""

    def refuse(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.BIND_TRANSCEIVER:
            assert Bind.decode(pdu.body).password == PASSWORD
            connection.write(encode(pdu.command | RESPONSE, pdu.sequence, status=code))

    async with raw_smsc(refuse) as (port, connections), rig(port, bound=0) as made:
        await until(lambda: len(connections) >= 2)
        assert await made.kinds(NUMBER) == [NOT_SENT]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert f"0x{code:02X}" in errors[0]
    assert PASSWORD not in caplog.text


async def test_one_connection_each_way() -> None:
    """As transmitter and receiver: submits go over the one, receipts come over the other."""
    async with smsc() as server, rig(server.port, bind="transmitter_receiver") as made:
        await server.until(lambda: server.bound == 2)
        assert await made.kinds(NUMBER) == [A]
        await made.intake.until(receipts=1)
    async with raw_smsc() as (port, connections), rig(port, bind="transmitter_receiver"):
        await until(lambda: len(connections) == 2 and all(one.got for one in connections))
        binds = {one.got[0].command for one in connections}
        assert binds == {Command.BIND_TRANSMITTER, Command.BIND_RECEIVER}


async def test_stopping_hears_the_answers_and_says_goodbye() -> None:
    """What was written is answered before the unbind; what waited for room was not sent."""
    held: list[tuple[RawSmsc, Pdu]] = []

    def hold(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM:
            held.append((connection, pdu))
        else:
            usual(connection, pdu)

    async with raw_smsc(hold) as (port, connections), rig(port, window=2) as made:
        call = asyncio.create_task(made.kinds(*NUMBERS[:3]))
        await until(lambda: len(held) == 2)
        stop = asyncio.create_task(made.carrier.stop())
        await asyncio.sleep(0.02)
        assert connections[0].got[-1].command == Command.SUBMIT_SM
        for one in held:
            usual(*one)
        await stop
        assert await call == [A, A, NOT_SENT]
        assert connections[0].got[-1].command == Command.UNBIND


async def test_a_given_up_call_writes_nothing_more() -> None:
    """A message that waits for room when its caller gives up does not leave."""
    held: list[tuple[RawSmsc, Pdu]] = []

    def hold(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM:
            held.append((connection, pdu))
        else:
            usual(connection, pdu)

    async with raw_smsc(hold) as (port, _), rig(port, window=1) as made:
        first = asyncio.create_task(made.kinds(NUMBERS[0]))
        await until(lambda: len(held) == 1)
        given_up = asyncio.create_task(made.carrier.submit([outgoing(99, NUMBERS[1])], Reports()))
        third = asyncio.create_task(made.kinds(NUMBERS[2]))
        await asyncio.sleep(0)
        given_up.cancel()
        usual(*held[0])
        await until(lambda: len(held) == 2)
        usual(*held[1])
        assert (await first, await third) == ([A], [A])
        assert [ShortMessage.decode(pdu.body).destination.text for _, pdu in held] == [NUMBERS[0][1:], NUMBERS[2][1:]]
