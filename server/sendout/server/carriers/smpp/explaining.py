"""For the operator who tries an account: why there is no connection or no bind, and which setting to look at.

Who comes in: `SmppCarrier.explain`. Sentences name the address and the settings, never the password.
"""

from __future__ import annotations

import socket
import ssl

from sendout.server.carriers.smpp.session import BindRefused
from sendout.server.carriers.smpp.settings import SmppSettings

_ASK = "Ask the provider what this status means for your account."
_LOGIN = "Check system_id and password: they are often not those of the provider's web pages."

# By command_status of the bind.
_OF_BIND = {
    0x05: "The account is bound already and takes no more. Ask how many binds it may have and set binds; where a "
    "dispatcher has them all, stop it for the test.",
    0x0D: f"{_LOGIN} Some providers say this too where this machine's address is not on their list.",
    0x0E: _LOGIN,
    0x0F: _LOGIN,
    0x53: "Check system_type: leave it empty unless the provider gives one.",
    0x03: "The SMSC does not know this kind of bind: set bind to transmitter_receiver.",
}

# By command_status of a submit, where the kind of the outcome does not say enough.
_OF_SUBMIT = {
    "0x01": "It does not take parts of this length: try another long_messages.",
    "0x0A": "Register the sender with the provider, or write it as the provider wants it.",
    "0x43": "It does not take parts with a header: try long_messages = sar or payload.",
    "0x48": "It does not take senders of this type: a number with +, a short code, a name.",
    "0x49": "It does not take senders of this type: a number with +, a short code, a name.",
    "0x45": "Many an SMSC says this for whatever it does not like. Ask the provider what it did not like.",
    "0x08": "The SMSC says that the fault is its own.",
}


def of_code(code: str) -> str:
    """What to add to the code of a submit, such as `0x0A RINVSRCADR`."""
    status, _, name = code.removeprefix("PARTS ").partition(" ")
    if name == "UNMAPPED":
        return f"{_ASK} Then say so in statuses, if it is between 0x400 and 0x4FF."
    return _OF_SUBMIT.get(status, "")


def of_trouble(trouble: Exception, settings: SmppSettings) -> str:
    """Why an attempt to connect failed, and what to check."""
    where = f"{settings.host}:{settings.port}"
    if isinstance(trouble, BindRefused):
        return f"{where} was reached and refused the login with {trouble}. {_OF_BIND.get(trouble.code, _ASK)}"
    if isinstance(trouble, ssl.SSLCertVerificationError):
        said = trouble.verify_message
        return (
            f"The certificate of {where} is not trusted: {said}. "
            "Check tls_ca (who signed it), tls_server_name (whose it is) and host."
        )
    if isinstance(trouble, ssl.SSLError):
        return (
            f"{where} was reached and TLS failed ({trouble.reason or 'no reason given'}). "
            "Check port, tls (this one may speak without it), tls_cert and tls_key."
        )
    return _of_network(trouble, where, settings)


def _of_network(trouble: Exception, where: str, settings: SmppSettings) -> str:
    if isinstance(trouble, socket.gaierror):
        return f"There is no address for the name {settings.host}. Check host, and this machine's DNS."
    if isinstance(trouble, ConnectionRefusedError):
        return f"{where} refused the connection: nothing listens there. Check host and port."
    hint = "" if settings.tls else " If the provider wants TLS, set tls = true."
    if isinstance(trouble, TimeoutError):
        return (
            f"{where} did not answer within {settings.connect_timeout_s:g} s. Check host and port, the firewalls, and "
            f"whether the provider has this machine's address on its list.{hint}"
        )
    if isinstance(trouble, ConnectionError):
        return (
            f"{where} took the connection and closed it before the bind was answered. Check port, and whether the "
            f"provider has this machine's address on its list.{hint}"
        )
    said = trouble.strerror if isinstance(trouble, OSError) and trouble.strerror else type(trouble).__name__
    return f"{where} cannot be reached: {said}. Check host, port and this machine's network."
