"""Twilio, and servers that speak its Messages API: submits by HTTP, receipts and replies by signed webhooks.

Who comes in: the registry, by the entry point `twilio`. The provider cuts long texts, so a message has one reference
and one receipt. An answer that is lost leaves the message UNCONFIRMED; the address for its status callbacks carries our
message id, so the first of them settles it, and `find` looks for it in the provider's list.

`codes` holds what errors and statuses mean, `api` the two HTTP calls, `webhooks` the way in, `matching` the look-up.
"""

from sendout.server.carriers.twilio.carrier import TwilioCarrier

__all__ = ["TwilioCarrier"]
