"""The command that runs the gateway, for `sendout` (mounted through an entry point) and `python -m sendout.gateway`."""

from __future__ import annotations

from pathlib import Path

import typer

from sendout.client import SendoutError
from sendout.gateway.serving import run
from sendout.gateway.settings import PREFIX, ConfigError, load_settings

_LISTEN = typer.Option(None, "--listen", help=f"Address and port (127.0.0.1:8080). Environment: {PREFIX}LISTEN.")
_CERT = typer.Option(None, "--tls-cert", help=f"PEM file; turns TLS on. Environment: {PREFIX}TLS_CERT.")
_KEY = typer.Option(None, "--tls-key", help=f"PEM file of its key. Environment: {PREFIX}TLS_KEY.")
_PROXIES = typer.Option(
    None, "--trusted-proxies", help=f"Proxies that end TLS, with commas between. Environment: {PREFIX}TRUSTED_PROXIES."
)
_ORIGINS = typer.Option(
    None, "--cors-origins", help=f"Origins whose pages may call from a browser. Environment: {PREFIX}CORS_ORIGINS."
)
_CA_FILE = typer.Option(
    None, "--server-ca-file", help=f"Authorities to trust for the server. Environment: {PREFIX}SERVER_CA_FILE."
)


def gateway(
    listen: str | None = _LISTEN,
    tls_cert: Path | None = _CERT,
    tls_key: Path | None = _KEY,
    trusted_proxies: str | None = _PROXIES,
    cors_origins: str | None = _ORIGINS,
    server_ca_file: Path | None = _CA_FILE,
) -> None:
    """Run the web gateway: every call of the server as REST, with a description at /api. Any number may run.

    The server is the one of SENDOUT_TARGET (https://HOST:PORT for TLS), or of the profile that sendout up writes.
    Callers send their own key as Authorization: Bearer KEY; the gateway has none. It listens on this machine alone
    unless it has a certificate, or the proxies before it are named.

    Example: sendout gateway --listen 127.0.0.1:8080

    Then: curl -H "Authorization: Bearer KEY" http://127.0.0.1:8080/v1/whoami
    """
    try:
        run(
            load_settings(
                listen=listen,
                tls_cert=tls_cert,
                tls_key=tls_key,
                trusted_proxies=trusted_proxies,
                cors_origins=cors_origins,
                server_ca_file=server_ca_file,
            )
        )
    except (ConfigError, SendoutError) as error:
        typer.echo(f"sendout: {error}", err=True)
        raise typer.Exit(1) from None


def register(application: typer.Typer) -> None:
    """Mount this command."""
    application.command("gateway", rich_help_panel="Running Sendout")(gateway)
