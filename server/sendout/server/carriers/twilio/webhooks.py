"""The provider's calls to the gateway: what became of a message, and what people write.

A call is believed by its signature alone, over the address as the provider knows it (`public_url`, never what a request
says of itself) and every field. It is answered after what it tells is stored. The signature holds no time, so a call
may be repeated by anyone who saw it: storing once is what makes that harmless.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from sendout.domain.signatures import twilio_form_signed
from sendout.server.carriers.base import CarrierContext, Reply, WebhookRequest, WebhookResponse
from sendout.server.carriers.twilio.codes import STATUSES, error_code
from sendout.server.carriers.twilio.receipts import receipt_of
from sendout.server.carriers.twilio.settings import TwilioSettings

_log = logging.getLogger(__name__)

STATUS, INBOUND = "status", "inbound"
_SIGNATURE = "x-twilio-signature"
_MESSAGE = "message"
_RETRIES = "#rc=5&rp=5xx,ct,rt"
"""Asks Twilio to repeat a callback that got 5xx, no connection or no answer; by itself it repeats only the second.
It is never sent back to us, so it is no part of what is signed."""

_KEPT = ("MessageStatus", "ErrorCode", "RawDlrDoneDate")
"""Fields of a callback that are kept raw: no number, no text."""

_NOTHING_TO_SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_STATUS = re.compile(r"[a-z_]{1,32}", re.ASCII)
_PARTY = re.compile(r"\+?[A-Za-z0-9 ]{1,15}", re.ASCII)
"""A number, short code or name. Addresses of other channels (`whatsapp:…`) are not texts and are refused."""


class Webhooks:
    """The receiving end of one account."""

    def __init__(self, context: CarrierContext, settings: TwilioSettings) -> None:
        self._name, self._intake, self._settings = context.name, context.intake, settings
        self._address = f"{settings.public_url}/webhooks/{quote(context.name, safe='')}"

    def status_callback(self, message_id: str) -> str:
        """The address for the callbacks of one message. It carries our id, so a callback settles what had no answer."""
        return f"{self._address}/{STATUS}?{urlencode({_MESSAGE: message_id})}{_RETRIES}"

    async def answer(self, request: WebhookRequest) -> WebhookResponse:
        """Verify, store, answer; raises what the intake raises."""
        if self._settings.public_url is None or request.kind not in (STATUS, INBOUND):
            return WebhookResponse(404)
        fields = parse_qsl(request.body.decode("ascii", "replace"), keep_blank_values=True)
        address = f"{self._address}/{request.kind}" + (f"?{request.query}" if request.query else "")
        if not twilio_form_signed(self._settings.tokens, address, fields, request.headers.get(_SIGNATURE, "")):
            _log.warning("%s: a webhook (%s) without a valid signature was refused", self._name, request.kind)
            return WebhookResponse(403)
        if request.kind == STATUS:
            return await self._status(dict(fields), dict(parse_qsl(request.query)))
        return await self._inbound(dict(fields))

    async def _status(self, fields: Mapping[str, str], query: Mapping[str, str]) -> WebhookResponse:
        sid, status = fields.get("MessageSid", ""), fields.get("MessageStatus", "")
        if not (_ID.fullmatch(sid) and _STATUS.fullmatch(status)):
            return WebhookResponse(400)
        if status not in STATUSES:
            _log.warning("%s: the status %s of a callback is in no table", self._name, status)
        receipt = receipt_of(
            sid,
            status,
            error_code(fields.get("ErrorCode")),
            message_id=query.get(_MESSAGE, ""),
            number=fields.get("To", ""),
            raw={name: fields[name][:32] for name in _KEPT if fields.get(name)},
        )
        await self._intake.receipts(self._name, [receipt])
        return WebhookResponse(204)

    async def _inbound(self, fields: Mapping[str, str]) -> WebhookResponse:
        sid, number, sender = (fields.get(name, "") for name in ("MessageSid", "From", "To"))
        if not (_ID.fullmatch(sid) and _PARTY.fullmatch(number) and _PARTY.fullmatch(sender)):
            _log.warning("%s: a reply that is no text from a number was refused", self._name)
            return WebhookResponse(400)
        text = fields.get("Body", "").replace("\0", "")
        await self._intake.replies(self._name, [Reply(sid, number, sender, text)])
        return WebhookResponse(200, "text/xml", _NOTHING_TO_SAY)
