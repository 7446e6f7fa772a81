"""Signing in with an identity provider, on both databases; `unit/test_id_tokens.py` is about the tokens themselves."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from sendout.domain.errors import Reason, SendoutError
from sendout.server.commands.sign_in import SignIn
from sendout.storage.engine import Database
from tests.integration.signing_in import HERE, ROOT, House, reason_of

INVALID = Reason.CREDENTIALS_INVALID


@pytest.fixture
async def house(database: Database, clock: Any) -> House:
    """People, with one user."""
    made = House(database, clock)
    await made.ada()
    return made


async def test_an_id_token_signs_in_once(house: House) -> None:
    """The user whom the provider names gets in, however the address was typed; the same token a second time does
    not, although a new password has ended the sessions meanwhile."""
    await house.users.update(ROOT, "ada", external_id=" Ada@Example.org ")
    token = house.provider.token()
    begun = await house.sign_in.with_id_token(token, "nonce", HERE)
    assert begun.user.id == "ada"
    await house.users.set_password(ROOT, "ada", "a new password")
    assert await reason_of(house.sign_in.with_id_token(token, "nonce", HERE)) is INVALID
    await house.sign_in.with_id_token(house.provider.token(), "nonce", HERE)


async def test_without_a_provider_id_tokens_are_not_implemented(database: Database, clock: Any) -> None:
    """Where no issuer is set the answer names the settings."""
    house = House(database, clock)
    sign_in = SignIn(database, clock, house.passwords, house.authenticate.forget)
    with pytest.raises(SendoutError) as caught:
        await sign_in.with_id_token("any", "nonce", HERE)
    assert caught.value.reason is Reason.NOT_IMPLEMENTED
    assert "SENDOUT_OIDC_ISSUER" in caught.value.message


async def test_users_are_created_only_where_that_is_wanted(database: Database, clock: Any) -> None:
    """An unknown person is refused, or becomes a user at the first sign-in and the same one at the next."""
    strict, open_house = House(database, clock), House(database, clock, create_users=True)
    assert await reason_of(strict.sign_in.with_id_token(strict.provider.token(), "n", HERE)) is INVALID
    first = await open_house.sign_in.with_id_token(open_house.provider.token(), "n", HERE)
    again = await open_house.sign_in.with_id_token(open_house.provider.token(), "n", HERE)
    assert first.user == again.user
    assert first.user.id.startswith("ada-lovelace-")
    assert (first.user.label, first.user.external_id) == ("Ada Lovelace", "ada@example.org")
    await open_house.users.update(ROOT, first.user.id, disabled=True)
    assert await reason_of(open_house.sign_in.with_id_token(open_house.provider.token(), "n", HERE)) is INVALID


async def test_groups_decide_about_mapped_roles(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Mapped roles come and go with the person's groups, others stay, and a role that does not exist is passed over
    and named in the log."""
    for role_id in ("agents", "leads", "kept"):
        await house.roles.create(ROOT, role_id, role_id.title(), [])
    await house.users.update(ROOT, "ada", external_id="ada@example.org", role_ids=["kept", "agents"])
    mapped = frozenset({"agents", "leads", "missing"})
    house.provider.person = replace(
        house.provider.person, mapped_role_ids=mapped, role_ids=frozenset({"leads", "missing"})
    )
    with caplog.at_level(logging.WARNING):
        begun = await house.sign_in.with_id_token(house.provider.token(), "n", HERE)
    assert begun.user.role_ids == {"kept", "leads"}
    assert (await house.users.get(ROOT, "ada")).role_ids == {"kept", "leads"}
    assert "missing" in caplog.text
    house.provider.person = replace(house.provider.person, role_ids=frozenset())
    assert (await house.sign_in.with_id_token(house.provider.token(), "n", HERE)).user.role_ids == {"kept"}
