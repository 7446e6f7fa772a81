"""ImportConsents on both databases: what is recorded, what is left out, and that a broken stream leaves nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from sendout.domain import limits
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.numbers import NumberProblem
from sendout.server.commands import import_consents
from sendout.server.commands.consents import Consents, GivenConsent, Stops
from sendout.server.commands.import_consents import ImportConsents, Imported
from sendout.storage.consents import Consent, Source, words_of
from sendout.storage.engine import Database
from sendout.storage.tables import consent, message
from tests.integration.pipeline import CALLER, GOOD, Pipeline, add_contact_point, pipeline, plain_numbers
from tests.integration.seed import caller, refusal
from tests.integration.test_consents import ACCOUNTS, READING, audited, key, word


@pytest.fixture
async def pipe(database: Database, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pipeline]:
    monkeypatch.setattr("sendout.storage.ring.OFFER_S", 10.0)  # on a busy machine Redis is slow and not away
    async with pipeline(database, valkey_url) as made:
        await add_contact_point(database, "garage")
        yield made


@pytest.fixture
def importing(pipe: Pipeline) -> ImportConsents:
    return ImportConsents(pipe.database, pipe.clock, READING, Stops(pipe.rings, ACCOUNTS))


async def imported(importing: ImportConsents, *parts: list[GivenConsent]) -> Imported:
    """What comes of a stream of these parts that ends cleanly."""
    begun = importing.begin(CALLER)
    for part in parts:
        await begun.add(part)
    return await begun.finish()


async def count(database: Database, **values: Any) -> int:
    """Words on record with these values."""
    conditions = [consent.c[name] == value for name, value in values.items()]
    async with database.read() as connection:
        statement = select(func.count()).select_from(consent).where(*conditions)
        return int((await connection.execute(statement)).scalar_one())


async def kept(database: Database, point: str, number: str) -> Consent:
    """The word of a number for a contact point."""
    async with database.read() as connection:
        return (await words_of(connection, point, key(number)))[0]


async def test_words_of_several_batches_are_recorded(pipe: Pipeline, importing: ImportConsents) -> None:
    """Every word of every part is recorded once, with one audit entry a scope; a repeat changes nothing."""
    numbers = plain_numbers(9_000)
    words = [word(number, "OPTED_OUT" if n % 3 else "OPTED_IN", consent_time=n) for n, number in enumerate(numbers)]
    words += [word(numbers[0], "OPTED_OUT", "", evidence="all of it", consent_time=7)]
    done = await imported(importing, words[:5_000], words[5_000:])
    assert done == Imported(9_001, 0, [])
    assert await count(pipe.database, opted_out=True, contact_point_id="main") == 6_000
    assert await count(pipe.database, opted_out=False) == 3_000
    whole = await kept(pipe.database, "", numbers[0])
    assert (whole.source, whole.principal_id, whole.evidence) == (Source.IMPORTED, "tester", "all of it")
    assert await audited(pipe.database) == [("ImportConsents", "organisation"), ("ImportConsents", "main")]
    assert await imported(importing, words[::-1][:5_000], words[::-1][5_000:]) == Imported(0, 9_001, [])
    assert len(await audited(pipe.database)) == 2


async def test_the_latest_word_of_a_file_holds(pipe: Pipeline, importing: ImportConsents) -> None:
    """A number that comes several times ends with its latest word, in any order; the others count as unchanged."""
    words = [word(GOOD[0], "OPTED_OUT" if said == 9 else "OPTED_IN", consent_time=said) for said in range(10)]
    random.shuffle(words)
    assert await imported(importing, words[:5], words[5:]) == Imported(1, 9, [])
    standing = await kept(pipe.database, "main", GOOD[0])
    assert (standing.opted_out, standing.consent_time) == (True, 9)


async def test_problem_rows_are_left_out(pipe: Pipeline, importing: ImportConsents) -> None:
    """A bad row is reported with its place in the whole stream and left out; the others are recorded."""
    begun = [word(GOOD[0]), word("12"), word(GOOD[1], "UNSPECIFIED")]
    more = [word(GOOD[2], point=""), replace(word(GOOD[3]), scope="ORGANISATION"), word("call me")]
    done = await imported(importing, begun, more)
    assert (done.recorded, done.unchanged) == (2, 0)
    assert [(row.index, row.typed, row.problem) for row in done.problems] == [
        (1, "12", NumberProblem.TOO_SHORT),
        (2, GOOD[1], None),
        (4, GOOD[3], None),
        (5, "call me", NumberProblem.LETTERS),
    ]
    assert "state: Say OPTED_IN or OPTED_OUT." in done.problems[1].description
    assert "contact_point_id" in done.problems[2].description


async def test_only_so_many_problems_are_listed(
    pipe: Pipeline, importing: ImportConsents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit bad rows are left out without being listed: memory stays bounded."""
    monkeypatch.setattr(import_consents, "MAX_PROBLEMS", 3)
    done = await imported(importing, [word("12")] * 10 + [word(GOOD[0])])
    assert (done.recorded, done.unchanged, len(done.problems)) == (1, 0, 3)


async def test_numbers_are_read_as_their_contact_point_reads_them(pipe: Pipeline, importing: ImportConsents) -> None:
    """National numbers are read by the default region of each row's contact point; without one they are a problem."""
    await add_contact_point(pipe.database, "london", default_region="GB")
    rows = [word("07700 900123", point="london"), word("07700 900123", point="")]
    done = await imported(importing, rows)
    assert [(row.index, row.problem) for row in done.problems] == [(1, NumberProblem.NO_COUNTRY_CODE)]
    assert (await kept(pipe.database, "london", "+447700900123")).opted_out


async def test_an_unknown_contact_point_refuses_the_import(pipe: Pipeline, importing: ImportConsents) -> None:
    """A contact point that is not there is a mistake in the whole file: the row is named and nothing is recorded."""
    with pytest.raises(SendoutError) as caught:
        await imported(importing, [word(GOOD[0]), word(GOOD[1], point="nowhere")])
    assert refusal(caught) is Reason.CONTACT_POINT_NOT_FOUND
    assert caught.value.violations[0].field == "consents[1].contact_point_id"
    assert await count(pipe.database) == 0


@pytest.mark.parametrize(("name", "most"), [("MAX_IMPORT", 5), ("MAX_IMPORT_PART", 3)])
async def test_too_many_words_are_refused(
    pipe: Pipeline, importing: ImportConsents, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    """More words than an import, or one of its messages, may hold: nothing is recorded."""
    monkeypatch.setattr(limits, name, most)
    with pytest.raises(SendoutError) as caught:
        await imported(importing, [word(GOOD[n]) for n in range(3)], [word(GOOD[n]) for n in range(4)])
    assert caught.value.violations[0].field == "consents"
    assert await count(pipe.database) == 0


async def test_too_much_evidence_is_refused(
    pipe: Pipeline, importing: ImportConsents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an import holds in memory is bounded: beyond it the row is named, its evidence is not quoted."""
    monkeypatch.setattr(import_consents, "_MOST_BYTES", 1_000)
    with pytest.raises(SendoutError) as caught:
        await imported(importing, [word(GOOD[n], evidence="secret" * 50) for n in range(9)])
    assert caught.value.violations[0].field == "consents[3].evidence"
    assert "secret" not in caught.value.violations[0].description
    assert await count(pipe.database) == 0


async def test_an_import_ends_what_waits(pipe: Pipeline, importing: ImportConsents) -> None:
    """I7: imported opt-outs suppress what waits at their contact point; counts and tallies say so."""
    numbers = plain_numbers(4_000)
    sent = (await pipe.send(numbers)).notification["id"]
    other = (await pipe.send(numbers[:10], contact_point_id="garage")).notification["id"]
    await imported(importing, [word(number) for number in numbers[:3_500]], [word(numbers[0], point="")])
    assert await pipe.counts(sent) == {"QUEUED": 500, "SUPPRESSED": 3_500, "done": False}
    assert await pipe.counts(other) == {"QUEUED": 9, "SUPPRESSED": 1, "done": False}
    assert await pipe.tally("default") == {"accepted": 4_010, "other": 3_501}
    assert await pipe.stopped() == []  # none of them was on its way out


async def test_an_import_stops_what_is_claimed(pipe: Pipeline, importing: ImportConsents) -> None:
    """Of an import only numbers with a message on its way out take room in Redis; an opt-in takes them out again."""
    sent = (await pipe.send(GOOD[:2])).notification["id"]
    async with pipe.database.write() as connection:
        of_sent = message.c.notification_id == sent
        await connection.execute(message.update().where(of_sent, message.c.index == 1).values(state=3))
    await imported(importing, [word(number) for number in GOOD])
    assert await pipe.stopped() == [f"main|{key(GOOD[1]).hex()}"]
    await imported(importing, [word(GOOD[1], "OPTED_IN")])
    assert await pipe.stopped() == []


async def test_nothing_is_recorded_before_the_end(pipe: Pipeline, importing: ImportConsents) -> None:
    """An import that is given up after its rows came in has recorded nothing."""
    begun = importing.begin(CALLER)
    await begun.add([word(number) for number in GOOD])
    del begun
    assert await count(pipe.database) == 0
    assert await audited(pipe.database) == []


async def test_importing_needs_administer(importing: ImportConsents) -> None:
    """Who may not administer imports nothing."""
    with pytest.raises(SendoutError) as caught:
        importing.begin(caller())
    assert refusal(caught) is Reason.ROLE_REQUIRED


async def test_imports_and_words_beside_each_other(
    pipe: Pipeline, importing: ImportConsents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two imports of the same numbers in opposite orders, and single words between them, all end without a deadlock."""
    monkeypatch.setattr(import_consents, "_BATCH", 100)  # so that each import takes several turns
    numbers = plain_numbers(350)
    consents = Consents(pipe.database, pipe.clock, READING, Stops(pipe.rings, ACCOUNTS))
    sent = (await pipe.send(numbers)).notification["id"]
    outs = [word(number, "OPTED_OUT", consent_time=2) for number in numbers]
    ins = [word(number, "OPTED_IN", consent_time=1) for number in reversed(numbers)]

    async def one_by_one() -> None:
        for number in numbers[:50]:
            await consents.record(CALLER, word(number, consent_time=3))

    await asyncio.gather(imported(importing, outs), imported(importing, ins), one_by_one())
    assert await count(pipe.database, opted_out=True) == 350
    assert await pipe.counts(sent) == {"SUPPRESSED": 350, "done": True}
