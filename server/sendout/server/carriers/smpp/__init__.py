"""SMPP 3.4: an account at an SMSC over TCP or TLS.

`pdu` is the codec, `status` the table of codes, `settings` the account; `texts` and `receipts` translate; `session` is
one connection and `link` keeps it; `sending` is a message under way, `inbox` what comes in; `carrier` joins them.
"""

from sendout.server.carriers.smpp.carrier import SmppCarrier

__all__ = ["SmppCarrier"]
