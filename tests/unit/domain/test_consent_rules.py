"""Whether a recipient may be sent to, by the words on record."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product

import pytest

from sendout.domain import consent
from sendout.domain.consent import Decision, Scope, Word, decide
from sendout.domain.contact_points import ConsentPolicy

BLOCK, REQUIRE = ConsentPolicy.BLOCK_OPTED_OUT, ConsentPolicy.REQUIRE_OPT_IN
IN, OUT = Word.OPTED_IN, Word.OPTED_OUT
HERE, EVERYWHERE = Scope.CONTACT_POINT, Scope.ORGANISATION
TABLE = {
    (BLOCK, None, None): (True, None),
    (BLOCK, IN, None): (True, None),
    (BLOCK, None, IN): (True, None),
    (BLOCK, IN, IN): (True, None),
    (BLOCK, OUT, None): (False, HERE),
    (BLOCK, OUT, IN): (False, HERE),
    (BLOCK, OUT, OUT): (False, HERE),
    (BLOCK, None, OUT): (False, EVERYWHERE),
    (BLOCK, IN, OUT): (False, EVERYWHERE),
    (REQUIRE, None, None): (False, None),
    (REQUIRE, IN, None): (True, HERE),
    (REQUIRE, None, IN): (True, EVERYWHERE),
    (REQUIRE, IN, IN): (True, HERE),
    (REQUIRE, OUT, None): (False, HERE),
    (REQUIRE, OUT, IN): (False, HERE),
    (REQUIRE, OUT, OUT): (False, HERE),
    (REQUIRE, None, OUT): (False, EVERYWHERE),
    (REQUIRE, IN, OUT): (False, EVERYWHERE),
}


@pytest.mark.parametrize("case", list(product(ConsentPolicy, (None, *Word), (None, *Word))))
def test_table(case: tuple[ConsentPolicy, Word | None, Word | None]) -> None:
    """S11: every combination of policy and words gives the decision written down for it, and the word that decides."""
    assert decide(*case) == Decision(*TABLE[case])


@pytest.mark.parametrize("policy", ConsentPolicy)
@pytest.mark.parametrize("words", list(product((None, *Word), repeat=2)))
def test_the_predicate_says_the_same(policy: ConsentPolicy, words: tuple[Word | None, Word | None]) -> None:
    """The predicate of the module's docstring, run in a database beside others' words, decides as the function does."""
    lines = (consent.__doc__ or "").splitlines()
    whole = " ".join(line.strip() for line in lines if line.startswith("    "))
    predicate = whole if policy is REQUIRE else whole.split(" and exists ")[0]
    ours = [("ours", scope, word is OUT) for scope, word in zip(("desk", ""), words, strict=True) if word]
    others = [("ours", "other", True), ("ours", "third", False), ("theirs", "", True), ("theirs", "desk", False)]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("create table consent (number_key, contact_point_id, opted_out)")
        database.execute("create table message (number_key)")
        database.execute("insert into message values ('ours')")
        database.executemany("insert into consent values (?, ?, ?)", ours + others)
        select = f"select count(*) from message where {predicate}"
        (sendable,) = database.execute(select, {"contact_point_id": "desk"}).fetchone()
    assert bool(sendable) is decide(policy, *words).sendable
