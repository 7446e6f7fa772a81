"""Settings: order of precedence, errors that name the setting, secrets that do not show, findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sendout.domain.clock import SystemClock
from sendout.server.config import ConfigError, Secret, Settings, create_secret_file, load_settings, settings_table
from sendout.server.config_check import Level, check_config, refuse_unsafe

ROOT = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def refusals(settings: Settings) -> list[str]:
    return [finding.subject for finding in check_config(settings) if finding.level is Level.REFUSE]


def test_defaults_need_no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any setting the server listens on loopback, keeps its data at home and uses the simulator."""
    monkeypatch.setenv("HOME", "/home/someone")
    settings = load_settings()
    assert settings.server.listen == "127.0.0.1:50051"
    assert settings.storage.data_dir == Path("/home/someone/.local/share/sendout")
    assert settings.storage.database_url == "sqlite+aiosqlite:////home/someone/.local/share/sendout/sendout.db"
    assert settings.storage.redis_url == "unix:///home/someone/.local/share/sendout/valkey.sock"
    assert {name: carrier.type for name, carrier in settings.carriers.items()} == {"simulator": "simulator"}
    assert settings.dispatch.receipt_deadline == 72 * 3600
    assert (settings.dispatch.permit_grace, settings.dispatch.permit_horizon) == (0.05, 0.2)


def test_data_dir_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_DATA_HOME moves the data folder, and the database and socket with it."""
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    settings = load_settings()
    assert settings.storage.data_dir == Path("/data/sendout")
    assert settings.storage.database_url == "sqlite+aiosqlite:////data/sendout/sendout.db"


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source overrides the weaker ones, setting by setting."""
    file = tmp_path / "sendout.toml"
    file.write_text(
        '[server]\nlisten = "localhost:1"\nreflection = true\n[log]\nlog_level = "error"\nlog_format = "console"\n'
    )
    monkeypatch.setenv("SENDOUT_CONFIG", str(file))
    monkeypatch.setenv("SENDOUT_LISTEN", "localhost:2")
    monkeypatch.setenv("SENDOUT_LOG_LEVEL", "warning")
    settings = load_settings(listen="localhost:3", log_level=None)
    assert settings.server.listen == "localhost:3"
    assert settings.log.log_level == "warning"
    assert settings.server.reflection is True
    assert settings.log.log_format == "console"
    assert settings.dispatch.window == 2000


def test_config_flag_beats_config_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file named by the flag is read instead of the one named by the environment."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(f'[server]\nlisten = "{name}:1"\n')
    monkeypatch.setenv("SENDOUT_CONFIG", str(tmp_path / "a"))
    assert load_settings(tmp_path / "b").server.listen == "b:1"


@pytest.mark.parametrize(("typed", "seconds"), [("50ms", 0.05), ("72h", 259200.0), ("1.5", 1.5), ("3d", 259200.0)])
def test_durations_have_units(monkeypatch: pytest.MonkeyPatch, typed: str, seconds: float) -> None:
    """A duration is a number with a unit; a bare number is seconds."""
    monkeypatch.setenv("SENDOUT_RECEIPT_DEADLINE", typed)
    assert load_settings().dispatch.receipt_deadline == pytest.approx(seconds)


def test_carriers_from_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carriers come as tables of the file and as JSON in the environment; credentials are read by reference."""
    (tmp_path / "password").write_text("hunter2\n")
    file = tmp_path / "sendout.toml"
    file.write_text(f'[carriers.one]\ntype = "smpp"\nport = 2775\npassword = "file:{tmp_path}/password"\n')
    monkeypatch.setenv("SENDOUT_CARRIERS", '{"two": {"type": "twilio", "token": "env:TWO_TOKEN"}}')
    monkeypatch.setenv("TWO_TOKEN", "t0ken")
    carriers = load_settings(file).carriers
    assert carriers["one"].resolved() == {"port": 2775, "password": "hunter2"}
    assert carriers["two"].resolved() == {"token": "t0ken"}
    assert "hunter2" not in repr(carriers["one"].resolved())


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SENDOUT_LISTNE", "x", "SENDOUT_LISTNE is not a setting of Sendout. Did you mean SENDOUT_LISTEN?"),
        ("SENDOUT_METRICS_PORT", "70000", "SENDOUT_METRICS_PORT ([telemetry] metrics_port)"),
        ("SENDOUT_PERMIT_GRACE", "soon", "SENDOUT_PERMIT_GRACE ([dispatch] permit_grace)"),
        ("SENDOUT_CARRIERS", "{", "SENDOUT_CARRIERS is not JSON"),
        ("SENDOUT_CARRIERS", '{"a": {}}', "SENDOUT_CARRIERS (carriers, a.type): Field required."),
        ("SENDOUT_CONFIG", "/nowhere.toml", "There is no configuration file '/nowhere.toml'."),
    ],
)
def test_bad_environment_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str) -> None:
    """An unknown or ill-formed variable stops the start with a sentence that names it."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert expected in str(caught.value)


def test_variables_of_the_client_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller's own variables in the same shell do not stop the server."""
    for name in ("SENDOUT_TARGET", "SENDOUT_API_KEY", "SENDOUT_GATEWAY_LISTEN"):
        monkeypatch.setenv(name, "x")
    load_settings()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[server]\nlistne = 1\n", "unknown key server.listne. Did you mean listen?"),
        ("[sever]\nlisten = 'x'\n", "unknown key sever. Did you mean server?"),
        ("[server\n", "not TOML"),
    ],
)
def test_bad_file_is_named(tmp_path: Path, content: str, expected: str) -> None:
    """An unknown key in the file is an error that names it and guesses what was meant."""
    file = tmp_path / "sendout.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert expected in str(caught.value)


def test_settings_cannot_change() -> None:
    """Settings are frozen, sections too."""
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.server.listen = "x"


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """No repr, dump or error of the settings holds a password or the root secret."""
    monkeypatch.setenv("SENDOUT_SECRET_KEY", "s3cret" * 6)
    monkeypatch.setenv("SENDOUT_DATABASE_URL", "postgresql+asyncpg://u:s3cret@h/d")
    monkeypatch.setenv("SENDOUT_CARRIERS", '{"a": {"type": "smpp", "password": "s3cret"}}')
    settings = load_settings()
    shown = [repr(settings), str(settings), settings.model_dump_json(exclude={"carriers"})]
    shown += [str(finding) for finding in check_config(settings)]
    assert not any("s3cret" in text for text in shown)
    assert repr(Secret("s3cret")) == "***"
    monkeypatch.setenv("SENDOUT_CARRIERS", '{"a": {"password": "s3cret"}}')
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)


def test_derived_keys_differ_by_label_and_root() -> None:
    """A label always gives the same 32 bytes; another label or another root gives others."""
    one, other = load_settings(secret_key=ROOT).secrets, load_settings(secret_key=ROOT[::-1]).secrets
    assert one.derive("a") == one.derive("a")
    assert len({one.derive("a"), one.derive("b"), other.derive("a")}) == 3
    assert len(one.derive("a")) == 32


def test_missing_or_short_root_secret_is_refused() -> None:
    """Without a root secret of 32 characters no key is derived and the check refuses."""
    for flags in ({}, {"secret_key": "short"}):
        settings = load_settings(**flags)
        with pytest.raises(ConfigError):
            settings.secrets.derive("a")
        assert refusals(settings) == ["SENDOUT_SECRET_KEY"]


def test_regular_root_secret_is_refused() -> None:
    """A root secret of one repeated character is no secret."""
    assert refusals(load_settings(secret_key="x" * 40)) == ["SENDOUT_SECRET_KEY"]


def test_secret_file_is_made_once_and_private(tmp_path: Path) -> None:
    """`up` makes the root secret once, for its owner alone; a second start finds the same."""
    path = create_secret_file(tmp_path / "data", SystemClock())
    first = path.read_text()
    assert create_secret_file(tmp_path / "data", SystemClock()).read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]
    settings = load_settings(secret_key_file=path)
    refuse_unsafe(settings)
    path.chmod(0o644)
    assert refusals(settings) == ["SENDOUT_SECRET_KEY_FILE"]
    with pytest.raises(ConfigError, match="Other users can read"):
        refuse_unsafe(settings)


@pytest.mark.parametrize(
    ("flags", "refused"),
    [
        ({"listen": "127.0.0.1:1"}, []),
        ({"listen": "[::1]:1"}, []),
        ({"listen": "unix:/tmp/x"}, []),
        ({"listen": "0.0.0.0:1"}, ["SENDOUT_LISTEN"]),
        ({"listen": "sms.example.org:1"}, ["SENDOUT_LISTEN"]),
        ({"listen": "0.0.0.0:1", "allow_plaintext": True}, []),
        ({"listen": "0.0.0.0:1", "tls_cert": "/nowhere"}, ["SENDOUT_TLS_CERT"]),
        ({"tls_cert": "/nowhere", "tls_key": "/nowhere"}, ["SENDOUT_TLS_CERT", "SENDOUT_TLS_KEY"]),
        ({"database_url": "mysql://u:p@h/d"}, ["SENDOUT_DATABASE_URL"]),
        ({"redis_url": "h:6379"}, ["SENDOUT_REDIS_URL"]),
        ({"carriers": {"a": {"type": "pigeon"}}}, ["SENDOUT_CARRIERS"]),
        ({"carriers": {"a": {"type": "simulator", "password": "env:NOT_THERE"}}}, ["SENDOUT_CARRIERS"]),
        ({"permit_horizon": 0.01}, ["SENDOUT_PERMIT_HORIZON"]),
    ],
)
def test_unsafe_settings_are_refused(flags: dict[str, Any], refused: list[str]) -> None:
    """Plaintext off loopback, missing files, unknown engines and carriers keep the server from starting."""
    assert refusals(load_settings(secret_key=ROOT, **flags)) == refused


def test_table_lists_every_setting_once() -> None:
    """The README's table has one row per setting, with the fixed names, and no secret default or local path."""
    table = settings_table()
    for setting in (
        "DATABASE_URL",
        "REDIS_URL",
        "LISTEN",
        "DATA_DIR",
        "CARRIERS",
        "REFLECTION",
        "ACCEPT_LOSS",
        "CONFIG",
    ):
        assert table.count(f"| `SENDOUT_{setting}` |") == 1
    for setting in ("SECRET_KEY", "SECRET_KEY_FILE", "TLS_CERT", "TLS_KEY", "ALLOW_PLAINTEXT", "ACCEPT_LOSS"):
        assert table.count(f"| `SENDOUT_{setting}` |") == 1
    assert table.count("| `OTEL_EXPORTER_OTLP_ENDPOINT` |") == 1
    assert str(Path.home()) not in table
    assert "None" not in table


def provider(**settings: Any) -> dict[str, Any]:
    """Settings of an identity provider by name, usable but for what a test changes."""
    usable = {
        "oidc_issuer": "https://id.example.org",
        "oidc_audience": "sendout",
        "oidc_jwks_url": "https://id.example.org/keys",
    }
    return {name: value for name, value in (usable | settings).items() if value is not None}


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, []),
        ({"oidc_jwks_url": "http://127.0.0.1:9000/keys"}, []),
        ({"oidc_audience": None}, ["SENDOUT_OIDC_AUDIENCE"]),
        ({"oidc_jwks_url": None}, ["SENDOUT_OIDC_JWKS_URL"]),
        ({"oidc_jwks_url": "http://id.example.org/keys"}, ["SENDOUT_OIDC_JWKS_URL"]),
        ({"oidc_jwks_url": "id.example.org/keys"}, ["SENDOUT_OIDC_JWKS_URL"]),
        ({"oidc_jwks_file": "/tmp/keys.json"}, ["SENDOUT_OIDC_JWKS_URL"]),
        ({"oidc_jwks_url": None, "oidc_jwks_file": "/nowhere/keys.json"}, ["SENDOUT_OIDC_JWKS_FILE"]),
    ],
    ids=str,
)
def test_an_identity_provider_must_be_whole(changed: dict[str, Any], refused: list[str]) -> None:
    """An issuer needs our client id and one place of its keys, which nobody on the way can change."""
    settings = load_settings(secret_key=ROOT, **provider(**changed))
    assert refusals(settings) == refused


def test_groups_are_mapped_to_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is pairs in the environment and a table in the file; half a pair is refused, and half a mapping warned
    of."""
    monkeypatch.setenv("SENDOUT_OIDC_ROLES", "staff=agents, bosses")
    with pytest.raises(ConfigError, match=r"SENDOUT_OIDC_ROLES.*group=role"):
        load_settings()
    monkeypatch.setenv("SENDOUT_OIDC_ROLES", "staff=agents, cn=bosses=admin,")
    settings = load_settings(secret_key=ROOT, **provider())
    assert settings.sign_in.oidc_roles == {"staff": "agents", "cn=bosses": "admin"}
    warned = [finding.subject for finding in check_config(settings) if finding.level is Level.WARN]
    assert "SENDOUT_OIDC_ROLES" in warned
    monkeypatch.delenv("SENDOUT_OIDC_ROLES")
    file = tmp_path / "sendout.toml"
    file.write_text('[sign_in.oidc_roles]\n"cn=bosses,dc=x" = "admin"\n')
    assert load_settings(config=file).sign_in.oidc_roles == {"cn=bosses,dc=x": "admin"}
