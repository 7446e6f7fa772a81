"""What webhooks must not call: the machine itself, private networks, whatever a name or a redirect leads to."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

import pytest

from sendout.domain.cursors import Place
from sendout.domain.errors import Reason, SendoutError
from sendout.domain.webhooks import WebhookSubscription
from sendout.server.webhook_calls import Answered
from tests.integration.webhook_receiver import Receiver, calls, receiver

NOT_PUBLIC = Answered("The host has an address that is not public, so it was not called.")
REFUSED = Answered("The URL may no longer be called from here.")

PRIVATE = [
    "127.0.0.1",  # loopback
    "127.9.9.9",
    "::1",
    "0.0.0.0",
    "::",
    "10.0.0.1",  # private
    "172.16.3.4",
    "192.168.1.1",
    "fd00::1",
    "169.254.0.1",  # link-local
    "fe80::1",
    "169.254.169.254",  # the metadata service of clouds
    "fd00:ec2::254",
    "100.64.0.1",  # shared by carriers' customers
    "192.0.2.1",  # documentation
    "224.0.0.1",  # multicast
    "ff02::1",
    "255.255.255.255",
    "::ffff:127.0.0.1",  # mapped
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",  # translated
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",  # tunnelled
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
]

SPELLINGS = ["2130706433", "127.1", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.", "2852039166"]


def subscription(url: str) -> WebhookSubscription:
    none: frozenset[str] = frozenset()
    return WebhookSubscription(
        *(uuid.UUID(int=1), url, frozenset(), none, none, "", 1, None, Place(0)), *(0, None, None, "", "", "", 0, 0)
    )


def host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.fixture
async def received() -> AsyncIterator[Receiver]:
    """Something on loopback that must hear nothing."""
    async with receiver() as made:
        yield made
        assert not made.calls


async def _refused(url: str, allow_loopback: bool = False, **settings: object) -> SendoutError:
    """The refusal at creation."""
    strict = calls(allow_loopback=allow_loopback, **settings)
    with pytest.raises(SendoutError) as caught:
        await strict.check("subscription.url", url)
    assert caught.value.reason is Reason.FIELD_INVALID
    assert [one.field for one in caught.value.violations] == ["subscription.url"]
    return caught.value


@pytest.mark.parametrize("address", PRIVATE)
async def test_literal_addresses(address: str, received: Receiver) -> None:
    """An address that is not public is refused at creation, and again at each attempt."""
    url = f"https://{host(address)}:{received.port}/hook"
    await _refused(url)
    strict = calls(allow_loopback=False)
    assert await strict.post(subscription(url), "1", b"{}") == REFUSED
    await strict.close()


@pytest.mark.parametrize("address", PRIVATE)
async def test_names_that_lead_there(address: str, received: Receiver) -> None:
    """A name with one address that is not public is refused, even beside a public one."""

    async def resolve(name: str, port: int) -> Sequence[str]:
        assert name == "hook.example.com"
        return ["8.8.8.8", address]

    url = f"https://hook.example.com:{received.port}/hook"
    assert "not public" in str(await _refused(url, resolve=resolve))
    strict = calls(allow_loopback=False, resolve=resolve)
    assert await strict.post(subscription(url), "1", b"{}") == NOT_PUBLIC
    await strict.close()


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_other_spellings_of_addresses(spelling: str, received: Receiver) -> None:
    """Decimal, hexadecimal, octal and short forms are refused, whatever the system's library makes of them."""
    url = f"https://{spelling}:{received.port}/hook"
    await _refused(url)
    strict = calls(allow_loopback=False)
    assert not (await strict.post(subscription(url), "1", b"{}")).taken
    await strict.close()


async def test_a_name_that_changes_its_address(received: Receiver) -> None:
    """A name that was public at creation and leads to loopback at the attempt is not called (DNS rebinding)."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]

    async def resolve(_name: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    strict = calls(allow_loopback=False, resolve=resolve)
    url = f"https://rebind.example.com:{received.port}/hook"
    assert await strict.check("url", url) == url
    assert await strict.post(subscription(url), "1", b"{}") == NOT_PUBLIC
    assert not answers  # one look for each
    await strict.close()


async def test_a_redirect_is_not_followed(received: Receiver) -> None:
    """A receiver that points elsewhere has not taken the event, and elsewhere hears nothing."""
    async with receiver() as first:
        first.answers, first.headers = [307], {"Location": received.url}
        lenient = calls()
        answered = await lenient.post(subscription(first.url), "1", b"{}")
        assert answered == Answered("The receiver answered 307; redirects are not followed.")
        assert len(first.calls) == 1
        await lenient.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hook.example.com/", "Only https"),
        ("ftp://hook.example.com/", "Only https"),
        ("hook.example.com", "Only https"),
        ("https://user:secret@hook.example.com/", "user name or password"),
        ("https://@hook.example.com/", "user name or password"),
        ("https:///path", "Name a host"),
        ("https://hook.example.com/#part", "Name a host"),
        ("https://hook.example.com:22/", "Use port 443"),
        ("https://hook.example.com:99999/", "Write an https URL"),
        ("https://hook.example.com/\r\nX: y", "Write an https URL"),
        ("https://hook.example.com\\@127.0.0.1/", "Write an https URL"),
        ("https://ho\u043ek.example.com/", "Write an https URL"),
        ("https://hook.example.com/" + "a" * 2000, "At most 2,000"),
    ],
)
async def test_urls(url: str, problem: str) -> None:
    """What is no plain https URL is refused with a sentence about it, and no password is quoted."""
    refusal = str(await _refused(url))
    assert problem in refusal
    assert "secret" not in refusal


async def test_loopback_where_it_is_allowed() -> None:
    """For development, loopback may be called, also without TLS; other private addresses and plain names may not."""
    async with receiver() as made:
        lenient = calls()
        assert (await lenient.post(subscription(made.url), "1", b"{}")).taken
        assert (await lenient.post(subscription(made.url.replace("127.0.0.1", "localhost")), "2", b"{}")).taken
        await lenient.close()
    for url in ("http://10.0.0.1/", "https://10.0.0.1/", "http://hook.example.com/", "http://169.254.169.254/"):
        await _refused(url, allow_loopback=True)


async def test_a_name_that_is_nobodys() -> None:
    """A host without addresses is refused at creation and said at the attempt."""

    async def nowhere(_name: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    assert "cannot be found" in str(await _refused("https://nobody.example.com/", resolve=nowhere))
    strict = calls(resolve=nowhere)
    answered = await strict.post(subscription("https://nobody.example.com/"), "1", b"{}")
    assert answered == Answered("The host cannot be found.")
    await strict.close()


async def test_a_long_answer_is_not_read() -> None:
    """The status counts: of an answer without end 64 KiB are read, and the event is taken within its time."""
    async with receiver() as talkative:
        talkative.endless = True
        lenient = calls()
        assert await lenient.post(subscription(talkative.url), "1", b"{}") == Answered()
        await lenient.close()
