"""Where the client finds its server and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendout.client import Client, InvalidArgument, profile_path
from sendout.client._profile import Connection, resolve


@pytest.fixture(autouse=True)
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile file with two sections, in a home of its own."""
    for name in ("SENDOUT_TARGET", "SENDOUT_API_KEY", "SENDOUT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = profile_path()
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(
        '[default]\ntarget = "127.0.0.1:7000"\napi_key = "so_default"\n'
        '[live]\ntarget = "https://sms.example.com"\napi_key = "so_live"\n'
    )
    return path


def found(target: str | None = None, api_key: str | None = None) -> tuple[str, str]:
    connection = resolve(target, api_key, None, None)
    return connection.target, connection.api_key


def test_the_profile_serves_a_newcomer() -> None:
    """Without arguments and environment the default section says where to call and with which key."""
    assert found() == ("127.0.0.1:7000", "so_default")


def test_another_section_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """SENDOUT_PROFILE names a section, and one that is missing is an error, not the default."""
    monkeypatch.setenv("SENDOUT_PROFILE", "live")
    assert found() == ("sms.example.com:443", "so_live")
    monkeypatch.setenv("SENDOUT_PROFILE", "test")
    with pytest.raises(InvalidArgument, match='no section "test"'):
        found()


def test_the_environment_wins_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """SENDOUT_TARGET and SENDOUT_API_KEY win over the file, and arguments over both."""
    monkeypatch.setenv("SENDOUT_TARGET", "127.0.0.1:8000")
    monkeypatch.setenv("SENDOUT_API_KEY", "so_environment")
    assert found() == ("127.0.0.1:8000", "so_environment")
    assert found("127.0.0.1:9000", "so_argument") == ("127.0.0.1:9000", "so_argument")


def test_a_key_goes_to_its_own_server_alone() -> None:
    """The key of the profile is not sent to another server than the profile's."""
    assert found("127.0.0.1:9000") == ("127.0.0.1:9000", "")
    assert found("127.0.0.1:7000") == ("127.0.0.1:7000", "so_default")


def test_without_a_profile_the_local_server_is_called(profile: Path) -> None:
    """Without a profile the target is the default port of this machine."""
    profile.unlink()
    assert found() == ("127.0.0.1:50051", "")


@pytest.mark.parametrize(
    ("target", "tls", "expected"),
    [
        ("127.0.0.1:50051", None, ("127.0.0.1:50051", False)),
        ("localhost:50051", None, ("localhost:50051", False)),
        ("[::1]:50051", None, ("[::1]:50051", False)),
        ("unix:///run/sendout.sock", None, ("unix:///run/sendout.sock", False)),
        ("127.0.0.1:50051", True, ("127.0.0.1:50051", True)),
        ("sms.example.com:50051", None, ("sms.example.com:50051", True)),
        ("sms.example.com:50051", False, ("sms.example.com:50051", False)),
        ("https://sms.example.com", None, ("sms.example.com:443", True)),
        ("https://127.0.0.1:8443/", None, ("127.0.0.1:8443", True)),
        ("http://sms.example.com", None, ("sms.example.com:50051", False)),
        ("dns:///sms.example.com:50051", None, ("dns:///sms.example.com:50051", True)),
    ],
)
def test_only_loopback_is_plain(target: str, tls: bool | None, expected: tuple[str, bool]) -> None:
    """A key leaves this machine without TLS only where that was asked for."""
    connection = resolve(target, "so_key", tls, None)
    assert (connection.target, connection.tls) == expected


def test_an_open_profile_is_warned_about(profile: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A profile that others may read is used, with a warning that does not hold the key."""
    profile.chmod(0o644)
    assert found() == ("127.0.0.1:7000", "so_default")
    assert "chmod 600" in caplog.text
    assert "so_default" not in caplog.text


@pytest.mark.parametrize("content", ["[default", "[default]\ntarget = 7\n", "default = 3\n"])
def test_a_broken_profile_is_a_sentence(profile: Path, content: str) -> None:
    """A profile that cannot be read is an error that names it."""
    profile.write_text(content)
    with pytest.raises(InvalidArgument, match=r"profile\.toml"):
        found()


def test_the_key_does_not_show() -> None:
    """The key is in no repr."""
    assert "so_secret" not in repr(Connection("127.0.0.1:1", "so_secret", False))
    assert "so_secret" not in repr(Client("127.0.0.1:1", api_key="so_secret"))
