"""SimulatorService: the simulator's phones."""

from __future__ import annotations

from typing import Any

from sendout.server.commands.simulator import Handsets
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import timestamp
from sendout.storage.handsets import Handset, HandsetMessage
from sendout.v1 import simulator_pb2, simulator_service_pb2, simulator_service_pb2_grpc


class SimulatorServicer(simulator_service_pb2_grpc.SimulatorServiceServicer):
    """Parses, calls `Handsets` and converts."""

    def __init__(self, handsets: Handsets) -> None:
        self._handsets = handsets

    async def ListHandsets(
        self, request: simulator_service_pb2.ListHandsetsRequest, context: Any
    ) -> simulator_service_pb2.ListHandsetsResponse:
        """The phones, latest first."""
        page = await self._handsets.list_handsets(request.page_size, request.page_token)
        return simulator_service_pb2.ListHandsetsResponse(
            handsets=[_handset(found) for found in page.handsets], next_page_token=page.next_page_token
        )

    async def ListHandsetMessages(
        self, request: simulator_service_pb2.ListHandsetMessagesRequest, context: Any
    ) -> simulator_service_pb2.ListHandsetMessagesResponse:
        """The texts on one phone, newest first."""
        page = await self._handsets.list_messages(request.phone_number, request.page_size, request.page_token)
        return simulator_service_pb2.ListHandsetMessagesResponse(
            messages=[_message(found) for found in page.messages], next_page_token=page.next_page_token
        )

    async def SendFromHandset(
        self, request: simulator_service_pb2.SendFromHandsetRequest, context: Any
    ) -> simulator_service_pb2.SendFromHandsetResponse:
        """A text from a phone to a contact point."""
        written = await self._handsets.send(current_caller(), request.phone_number, request.sender, request.text)
        return simulator_service_pb2.SendFromHandsetResponse(message=_message(written))


def _handset(found: Handset) -> simulator_pb2.Handset:
    return simulator_pb2.Handset(
        phone_number=found.number, message_count=found.messages, last_time=timestamp(found.last_time)
    )


def _message(found: HandsetMessage) -> simulator_pb2.HandsetMessage:
    return simulator_pb2.HandsetMessage(
        message_id=found.message_id,
        sender=found.sender,
        text=found.text,
        segments=found.segments,
        receive_time=timestamp(found.receive_time),
        from_handset=found.from_handset,
    )
