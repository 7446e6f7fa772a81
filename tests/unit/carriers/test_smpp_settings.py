"""The settings of an SMPP account: what they mean for others, what is refused, and what never shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sendout.domain.clock import SystemClock
from sendout.domain.text import Encoding
from sendout.server.carriers.base import Capabilities
from sendout.server.carriers.registry import build_carriers, capabilities_of, installed_types
from sendout.server.carriers.smpp import SmppCarrier
from sendout.server.carriers.smpp.settings import SmppSettings

DOCUMENT = Path(__file__).parents[3] / "docs" / "smpp.md"
ACCOUNT = {"host": "smsc.test", "system_id": "me", "password": "hunter2"}


def settings_table() -> str:
    """The settings as the document shows them."""
    lines = []
    for name, field in SmppSettings.model_fields.items():
        given = field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else "" if given in (None, {}) or name == "password" else f"{given}"
        lines.append(f"| `{name}` | {default or '–'} | {field.description} |")
    return "\n".join(lines) + "\n"


def test_the_documented_settings_are_the_real_ones() -> None:
    """Each setting stands in the documentation with its default and its description."""
    assert settings_table() in DOCUMENT.read_text()


def test_the_carrier_is_an_installed_type() -> None:
    """The entry point leads to the carrier."""
    assert installed_types()["smpp"].load() is SmppCarrier


@pytest.mark.parametrize(
    ("form", "splits", "bits"), [("udh8", True, 8), ("udh16", True, 16), ("sar", True, 16), ("payload", False, 8)]
)
def test_capabilities_by_the_form_of_long_messages(form: str, splits: bool, bits: int) -> None:
    """Who makes the parts, how they are counted and who gets a receipt follow from one setting."""
    can = capabilities_of({"main": ("smpp", ACCOUNT | {"long_messages": form, "segments_per_second": 30})})["main"]
    assert can == Capabilities(
        splits=splits, receipts_per_part=splits, replies=True, reference_bits=bits, encodings=frozenset(Encoding),
        reaches_phones=True, segments_per_second=30,
    )  # fmt: skip


def build(**settings: Any) -> None:
    build_carriers({"main": ("smpp", ACCOUNT | settings)}, clock=SystemClock(), intake=None, resources={})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"port": 0}, "port"),
        ({"window": 0}, "window"),
        ({"bind": "receiver"}, "bind"),
        ({"long_messages": "zip"}, "long_messages"),
        ({"receipt_time_zone": "Mars"}, "receipt_time_zone"),
        ({"statuses": {"0x58": "refused"}}, "statuses"),
        ({"statuses": {"0x4A1": "accepted"}}, "accepted is no refusal"),
        ({"statuses": {"0x4A1": "unknown"}}, "unknown is no refusal"),
        ({"tls_ca": "/nowhere"}, "needs tls = true"),
        ({"tls": True, "tls_cert": "/nowhere"}, "go together"),
        ({"system_id": "x" * 16}, "system_id"),
        ({"response_timeout_s": 0}, "response_timeout_s"),
        ({"pasword": "x"}, "pasword"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(settings: dict[str, Any], words: str) -> None:
    """It names the setting and never shows the password."""
    with pytest.raises(RuntimeError, match=words) as caught:
        build(**settings)
    assert "hunter2" not in str(caught.value)


async def test_certificates_that_cannot_be_read_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """A file that is not there, or is no certificate, is refused at start and the settings are named."""
    (tmp_path / "no.pem").write_text("nothing")
    for name in ("missing.pem", "no.pem"):
        with pytest.raises(RuntimeError, match="Check tls_ca"):
            build(tls=True, tls_ca=str(tmp_path / name))


def test_codes_are_written_in_either_base() -> None:
    """`0x4A1` and `1185` are the same code."""
    kinds = [SmppSettings(**ACCOUNT, statuses={code: "refused"}).statuses for code in ("0x4A1", "1185")]
    assert kinds[0] == kinds[1]
    assert list(kinds[0]) == [0x4A1]


def test_the_password_does_not_show() -> None:
    """Neither the settings nor their dump show it."""
    settings = SmppSettings(**ACCOUNT)
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.password.get_secret_value() == "hunter2"
