"""The Twilio carrier: a request for each message, `window` of them under way, and a slow look-up for the lost ones."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sendout.server.carriers.base import (
    Capabilities,
    CarrierContext,
    Lost,
    Outcome,
    OutcomeKind,
    Outgoing,
    Receipt,
    Report,
    WebhookRequest,
    WebhookResponse,
)
from sendout.server.carriers.twilio.api import MessagesApi, NoAnswer, NotListed, NotSent
from sendout.server.carriers.twilio.codes import alarming, outcome_of
from sendout.server.carriers.twilio.explaining import of_code
from sendout.server.carriers.twilio.matching import settle
from sendout.server.carriers.twilio.settings import TwilioSettings
from sendout.server.carriers.twilio.webhooks import Webhooks

_log = logging.getLogger(__name__)

_LONGEST_VALIDITY_S = 36_000
"""A message waits no longer than this in Twilio's own queue."""

_STOPPED = Outcome(OutcomeKind.NOT_SENT, code="STOPPED")


class TwilioCarrier:
    """See the package's own description."""

    def __init__(self, context: CarrierContext) -> None:
        self._settings = settings = TwilioSettings(**context.settings)
        self._name, self._clock = context.name, context.clock
        self._webhooks = Webhooks(context, settings)
        self._api: MessagesApi | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._looking_up = asyncio.Lock()

    @staticmethod
    def capabilities(settings: Mapping[str, Any]) -> Capabilities:
        """By whether the provider has an address to call, and may be asked."""
        return TwilioSettings(**settings).capabilities()

    @property
    def window(self) -> int:
        """One connection for each message."""
        return self._settings.window

    def explain(self, code: str) -> str:
        """Of Twilio's errors and of connections, with the names of the settings to check."""
        return of_code(code, self._settings)

    async def start(self) -> None:
        """Nothing is connected before there is something to send."""
        self._api = MessagesApi(self._settings, self._clock)

    async def stop(self) -> None:
        """Hear the answers that are due, then disconnect."""
        api, self._api = self._api, None
        await self._idle.wait()
        if api is not None:
            await api.close()

    # --- submits ---------------------------------------------------------------------------------------------------

    async def submit(self, messages: Sequence[Outgoing], report: Report) -> None:
        """One request for each message, all at once."""
        api = self._api
        if api is None:
            for message in messages:
                report(message, _STOPPED)
            return
        self._under_way += 1
        self._idle.clear()
        try:
            calls = (self._submit(api, message, report) for message in messages)
            for failed in await asyncio.gather(*calls, return_exceptions=True):  # none takes the others with it
                if failed is not None:
                    raise failed
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _submit(self, api: MessagesApi, message: Outgoing, report: Report) -> None:
        try:
            answer = await api.create(self._form(message))
        except NotSent as error:
            outcome = Outcome(OutcomeKind.NOT_SENT, code=str(error))
        except NoAnswer as error:
            outcome = Outcome(OutcomeKind.UNKNOWN, code=str(error))
        else:
            outcome = outcome_of(
                answer,
                refusals=message.refusals,
                refusal_503=self._settings.refusal_503,
                now_us=self._clock.now_us(),
            )
            if alarming(outcome):
                _log.error("%s: refused with %s: the account or the sender needs a look", self._name, outcome.code)
        report(message, outcome)

    def _form(self, message: Outgoing) -> dict[str, str]:
        left_s = (message.expire_time - self._clock.now_us()) // 1_000_000
        form = {
            "To": message.number,
            "From": message.sender,
            "Body": message.text,
            "ValidityPeriod": str(max(1, min(left_s, _LONGEST_VALIDITY_S))),
        }
        if self._settings.messaging_service_sid is not None:
            form["MessagingServiceSid"] = self._settings.messaging_service_sid
            form["SmartEncoded"] = "false"  # the text is final: it was counted, and may have to be found by itself
        if self._settings.public_url is not None:
            form["StatusCallback"] = self._webhooks.status_callback(message.message_id)
        return form

    # --- what comes from there -------------------------------------------------------------------------------------

    async def webhook(self, request: WebhookRequest) -> WebhookResponse:
        """A callback or a reply."""
        return await self._webhooks.answer(request)

    async def find(self, lost: Sequence[Lost]) -> Sequence[Receipt]:
        """Ask for the list of each number, one after the other; what cannot be asked is not found."""
        by_number: defaultdict[str, list[Lost]] = defaultdict(list)
        for one in lost:
            by_number[one.number].append(one)
        found: list[Receipt] = []
        async with self._looking_up:
            for number, waiting in by_number.items():
                if self._api is None or not self._settings.look_ups_per_second:
                    break
                try:
                    listed = await self._api.listed(number, min(one.not_before for one in waiting))
                except NotListed as error:
                    _log.warning("%s: lost messages cannot be looked up: %s", self._name, error)
                    break
                found += settle(waiting, listed, round(self._settings.answer_timeout_s * 1_000_000))
                await asyncio.sleep(1 / self._settings.look_ups_per_second)
        return found
