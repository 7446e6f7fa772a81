"""For the operator who tries an account: what a code means, and which setting to look at.

Who comes in: `TwilioCarrier.explain`. Sentences name the server and the settings, never a token.
"""

from __future__ import annotations

from sendout.server.carriers.twilio.codes import ERRORS, error_code
from sendout.server.carriers.twilio.settings import TwilioSettings

_LOGIN = "The server refused the login. Check account_sid and auth_token; a token that was replaced is of no more use."
_TLS = (
    "The certificate of {server} is not trusted. Check base_url, and this machine's list of authorities and its date."
)
_SLOW = "{server} did not answer in time. Check base_url, the firewalls and whether this machine needs a proxy."

_OF_CODE = {
    "20003": _LOGIN,
    "HTTP 401": _LOGIN,
    "HTTP 403": f"{_LOGIN} The account may also be closed, or may not send to this country.",
    "20404": "The server knows no such account. Check account_sid and base_url.",
    "HTTP 404": "There is no Messages API at this address. Check base_url.",
    # Names of what failed before a byte of the message left, or of what ended without an answer.
    "ClientConnectorError": "{server} cannot be reached: nothing listens there, or a firewall is between. "
    "Check base_url.",
    "ClientConnectorDNSError": "There is no address for the name in {server}. Check base_url, and this machine's DNS.",
    "ClientConnectorCertificateError": _TLS,
    "ClientConnectorSSLError": "TLS with {server} failed. Check base_url: its port, and https:// or http://.",
    "ConnectionTimeoutError": _SLOW,
    "ServerTimeoutError": _SLOW,
    "TimeoutError": _SLOW,
    "ServerDisconnectedError": "{server} ended the connection without an answer. Check base_url.",
}


def of_code(code: str, settings: TwilioSettings) -> str:
    """What to add to the code of an outcome."""
    if code in _OF_CODE:
        return _OF_CODE[code].format(server=settings.base_url)
    row = ERRORS.get(error_code(code))
    return f"Twilio means by it: {row.meaning}." if row is not None else ""
