"""Every setting of the server: typed, frozen, read once at the start.

One section per part. A setting is looked for in the flags, then in the environment (`SENDOUT_` and its name), then in
the TOML file given by `--config` or `SENDOUT_CONFIG` (`[section]` and its name), then in its default. Carriers named in
both the file and the environment are merged, name by name. `settings_table` renders the README's table from these
classes; `config_check` judges what was read.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from sendout.server.config_sections import (
    CarrierSettings,
    ConfigError,
    DispatchSettings,
    LocalPath,
    LogSettings,
    RetentionSettings,
    Secret,
    SecretSettings,
    Section,
    ServerSettings,
    SignInSettings,
    StorageSettings,
    TelemetrySettings,
    WebhookSettings,
    create_secret_file,
    shown_default,
)

__all__ = [
    "CarrierSettings",
    "ConfigError",
    "Secret",
    "Settings",
    "create_secret_file",
    "load_settings",
    "settings_table",
]

PREFIX = "SENDOUT_"
# Names with our prefix that belong to the client, the gateway and the tests: the server neither reads nor refuses them.
_NOT_OURS = re.compile(r"SENDOUT_(TARGET|API_KEY|PROFILE|FAILPOINT|GATEWAY_\w+|TEST_\w+)\Z")


class Settings(BaseSettings):
    """All settings. Made by `load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    config: LocalPath | None = Field(default=None, description="TOML file with settings.")
    storage: StorageSettings = Field(default_factory=lambda: StorageSettings())
    server: ServerSettings = Field(default_factory=lambda: ServerSettings())
    secrets: SecretSettings = Field(default_factory=lambda: SecretSettings())
    sign_in: SignInSettings = Field(default_factory=lambda: SignInSettings())
    carriers: dict[str, CarrierSettings] = Field(
        default_factory=lambda: {"simulator": CarrierSettings(type="simulator")},
        description='Carriers by name, each `{"type": …}` and its settings; JSON in the environment. '
        "Give credentials as `file:PATH` or `env:NAME`.",
        json_schema_extra=shown_default('`{"simulator": {"type": "simulator"}}`'),
    )
    dispatch: DispatchSettings = Field(default_factory=lambda: DispatchSettings())
    retention: RetentionSettings = Field(default_factory=lambda: RetentionSettings())
    webhooks: WebhookSettings = Field(default_factory=lambda: WebhookSettings())
    telemetry: TelemetrySettings = Field(default_factory=lambda: TelemetrySettings())
    log: LogSettings = Field(default_factory=lambda: LogSettings())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file (the strongest first)."""
        path = init_settings().get("config") or os.environ.get(f"{PREFIX}CONFIG")
        file = (TomlConfigSettingsSource(settings_cls, _existing(path)),) if path else ()
        return (init_settings, _Environment(settings_cls), *file)


def _existing(path: str | Path) -> Path:
    expanded = Path(path).expanduser()
    if not expanded.is_file():
        raise ConfigError(f"There is no configuration file {str(path)!r}. Check --config or SENDOUT_CONFIG.")
    return expanded


class _Setting:
    """One row of the list of settings: where it lives and how it is called."""

    def __init__(self, section: str, name: str, field: FieldInfo) -> None:
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        self.section, self.name, self.field = section, name, field
        self.variable = str(extra.get("env", PREFIX + name.upper()))
        self.shown_default = str(extra["default"]) if "default" in extra else None

    @property
    def key(self) -> str:
        """As written in the file."""
        return f"[{self.section}] {self.name}" if self.section else self.name


def _all_settings() -> Iterator[_Setting]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from (_Setting(name, inner, info) for inner, info in field.annotation.model_fields.items())
        else:
            yield _Setting("", name, field)


class _Environment(PydanticBaseSettingsSource):
    """The environment as nested values; a `SENDOUT_` name that nothing reads is an error."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # this source answers for all fields at once

    def __call__(self) -> dict[str, Any]:
        known = {setting.variable: setting for setting in _all_settings()}
        strangers = [n for n in os.environ if n.startswith(PREFIX) and n not in known and not _NOT_OURS.match(n)]
        if strangers:
            raise ConfigError("\n".join(_unknown(name, known) for name in sorted(strangers)))
        values: dict[str, Any] = {}
        for variable, setting in known.items():
            if os.environ.get(variable):
                _place(values, setting, _decoded(variable, setting, os.environ[variable]))
        return values


def _unknown(name: str, known: dict[str, _Setting]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"{name} is not a setting of Sendout." + (f" Did you mean {near[0]}?" if near else " Remove it.")


def _decoded(variable: str, setting: _Setting, text: str) -> Any:
    if setting.name != "carriers":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{variable} is not JSON: {error}.") from error


def _place(values: dict[str, Any], setting: _Setting, value: Any) -> None:
    target = values.setdefault(setting.section, {}) if setting.section else values
    target[setting.name] = value


def load_settings(config: Path | str | None = None, **flags: Any) -> Settings:
    """Read all settings. `flags` are settings by name (`listen="…"`); those that are None were not given.

    Raises ConfigError, with one line per problem.
    """
    known = {setting.name: setting for setting in _all_settings()}
    given: dict[str, Any] = {} if config is None else {"config": config}
    for name, value in flags.items():
        if value is not None:
            _place(given, known[name], value)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(dict(problem)) for problem in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration file is not TOML: {error}.") from None


def _sentence(problem: dict[str, Any]) -> str:
    """A pydantic error in our words. It never quotes the value, which may be a secret."""
    path = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        siblings = {s.name for s in _all_settings() if s.section == ("" if len(path) == 1 else path[0])}
        near = difflib.get_close_matches(path[-1], siblings | set(Settings.model_fields), 1)
        hint = f" Did you mean {near[0]}?" if near else " Remove it."
        return f"The configuration file has the unknown key {'.'.join(path)}.{hint}"
    message = str(problem["msg"]).rstrip(".")
    for setting in _all_settings():
        if path[: 1 + bool(setting.section)] == [part for part in (setting.section, setting.name) if part]:
            where = ".".join(path[1 + bool(setting.section) :])
            return f"{setting.variable} ({setting.key}{', ' + where if where else ''}): {message}."
    return f"{'.'.join(path)}: {message}."


def settings_table() -> str:
    """The README's Markdown table of all settings."""
    rows = ["| Environment | In the file | Default | Meaning |", "|---|---|---|---|"]
    for setting in _all_settings():
        default = setting.shown_default or _default_words(setting.field.default)
        key = "" if setting.name == "config" else f"`{setting.key}`"
        rows.append(f"| `{setting.variable}` | {key} | {default} | {setting.field.description} |")
    return "\n".join(rows) + "\n"


def _default_words(default: object) -> str:
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
