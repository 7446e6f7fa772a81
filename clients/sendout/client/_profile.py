"""Where the server is and with which key to call it: arguments, then environment, then the profile file.

The profile is TOML at `$XDG_CONFIG_HOME/sendout/profile.toml` (`~/.config/sendout/profile.toml`), mode 0600, one
section a server: `[default]` with `target`, `api_key` and, where the server's certificate is signed by an authority of
its own, `ca_file`. `SENDOUT_PROFILE` names another section.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from sendout.client._errors import InvalidArgument

DEFAULT_TARGET = "127.0.0.1:50051"
_DEFAULT_PORT = 50051

_log = logging.getLogger("sendout.client")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server: a gRPC target, the key, and whether to use TLS."""

    target: str
    api_key: str = field(repr=False)
    tls: bool
    ca_file: Path | None = None


def profile_path() -> Path:
    """Where the profile file is looked for."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "sendout" / "profile.toml"


def resolve(target: str | None, api_key: str | None, tls: bool | None, ca_file: Path | None) -> Connection:
    """Fill in what was not given. Raises InvalidArgument where the profile cannot be used.

    Plaintext goes to loopback and unix sockets, and elsewhere only where asked for: the key travels with every call.
    """
    given_target = target or os.environ.get("SENDOUT_TARGET")
    given_key = api_key if api_key is not None else os.environ.get("SENDOUT_API_KEY")
    # With both at hand the profile is of another server: nothing of it may leak in.
    profile = {} if given_target and given_key is not None else _profile()
    chosen = given_target or profile.get("target") or DEFAULT_TARGET
    if given_key is None and given_target and given_target != profile.get("target"):
        given_key = ""
    key = profile.get("api_key", "") if given_key is None else given_key
    if ca_file is None and profile.get("ca_file"):
        ca_file = Path(profile["ca_file"]).expanduser()
    scheme, _, address = chosen.rpartition("://")
    if scheme in ("http", "https"):
        tls = scheme == "https" if tls is None else tls
        chosen = _with_port(address.rstrip("/"), 443 if scheme == "https" else _DEFAULT_PORT)
    return Connection(chosen, key.strip(), not _is_local(chosen) if tls is None else tls, ca_file)


def _profile() -> dict[str, str]:
    path, name = profile_path(), os.environ.get("SENDOUT_PROFILE", "")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            sections = tomllib.load(file)
    except FileNotFoundError:
        sections, mode = {}, 0
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidArgument(f"The profile {path} cannot be read: {error}.") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning("Others on this machine can read the key in %s: run chmod 600 on it.", path)
    section = sections.get(name or "default", {})
    if name and not section:
        raise InvalidArgument(f'The profile {path} has no section "{name}", which SENDOUT_PROFILE asks for.')
    if not isinstance(section, dict) or not all(isinstance(value, str) for value in section.values()):
        raise InvalidArgument(f'The section "{name or "default"}" of the profile {path} may hold only texts.')
    return section


def _with_port(address: str, port: int) -> str:
    last = address.rpartition("]")[2]  # after an IPv6 address in brackets
    return address if ":" in last else f"{address}:{port}"


def _is_local(target: str) -> bool:
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = target.removeprefix("dns:").lstrip("/").rpartition(":")[0].strip("[]") or target
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
