"""The gateway as a process, and over TLS: how it starts, what it logs and how it ends."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.gateway_probe import Probe, probed
from tests.integration.gateway_site import web

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
async def target() -> AsyncIterator[str]:
    async with probed(Probe()) as address:
        yield address


async def test_tls(target: str, tmp_path: Path) -> None:
    """With a certificate the gateway speaks TLS, and nothing else."""
    cert, key = self_signed(tmp_path)
    async with web(target, "so_key", tls_cert=cert, tls_key=key) as site:
        trust = ssl.create_default_context(cafile=str(cert))
        address = f"{site.base.replace('http:', 'https:')}/v1/whoami"
        async with site.session.get(address, ssl=trust, headers={"Authorization": "Bearer x"}) as response:
            assert response.status == 200
            assert "Strict-Transport-Security" in response.headers
        with pytest.raises(aiohttp.ClientError):
            await site.call("GET", "/v1/whoami")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for loopback and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    made = built.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (folder / "key.pem").chmod(0o600)
    return folder / "cert.pem", folder / "key.pem"


def gateway_process(target: str, port: int) -> subprocess.Popen[str]:
    """`sendout gateway` as a process of its own."""
    environment = os.environ | {"SENDOUT_TARGET": target, "SENDOUT_GATEWAY_LISTEN": f"127.0.0.1:{port}"}
    command = [sys.executable, "-c", "from sendout.cli import main; main()", "gateway"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def test_the_process_ends_in_order(target: str, unused_port: int) -> None:
    """SIGTERM ends streams with an error event and the process with status 0; no log has a query or a key."""
    process = gateway_process(target, unused_port)
    try:
        async with web(target) as site:  # for its session only
            site.base = f"http://127.0.0.1:{unused_port}"
            async with asyncio.timeout(20):
                while not await answers(unused_port):
                    await asyncio.sleep(0.05)
            path = f"{site.base}/v1/messages:export?topicId=canary-query"
            headers = EVENTS | {"Authorization": "Bearer canary-key"}
            async with site.session.request("GET", path, headers=headers) as response:
                await response.content.readuntil(b"\n\n")
                process.send_signal(signal.SIGTERM)
                rest = await asyncio.wait_for(response.content.read(), 10)
        assert json.loads(rest.partition(b"data: ")[2])["error"]["code"] == 503
        output, _ = await asyncio.to_thread(process.communicate, timeout=10)
        assert process.returncode == 0, output
        assert "canary" not in output
        assert "listening" in output
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def answers(port: int) -> bool:
    """Whether something listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def test_a_port_in_use_is_a_sentence(target: str) -> None:
    """Where it cannot listen the command says so, without a traceback, with status 1."""
    process = gateway_process(target, int(target.rpartition(":")[2]))
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Cannot listen on" in output
    assert "Traceback" not in output
