"""ApiKeyService: the secrets that programs call with."""

from __future__ import annotations

from typing import Any

from sendout.server.commands.api_keys import ApiKeys
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros, timestamp
from sendout.server.rpc.pages import Pages
from sendout.storage.identity import ApiKey
from sendout.v1 import api_key_pb2, api_key_service_pb2, api_key_service_pb2_grpc


class ApiKeyServicer(api_key_service_pb2_grpc.ApiKeyServiceServicer):
    """Parses, calls `ApiKeys` and converts."""

    def __init__(self, api_keys: ApiKeys, pages: Pages) -> None:
        self._api_keys = api_keys
        self._pages = pages

    async def CreateApiKey(
        self, request: api_key_service_pb2.CreateApiKeyRequest, context: Any
    ) -> api_key_service_pb2.CreateApiKeyResponse:
        """A new key; its secret is in this answer and nowhere else."""
        created, secret = await self._api_keys.create(
            current_caller(),
            request.label,
            role_ids=request.role_ids,
            principal_id=request.principal_id,
            expire_time=micros(request, "expire_time"),
            daily_segment_quota=request.daily_segment_quota,
        )
        return api_key_service_pb2.CreateApiKeyResponse(api_key=_message(created), secret=secret)

    async def GetApiKey(
        self, request: api_key_service_pb2.GetApiKeyRequest, context: Any
    ) -> api_key_service_pb2.GetApiKeyResponse:
        """One key, without its secret."""
        found = await self._api_keys.get(current_caller(), request.api_key_id)
        return api_key_service_pb2.GetApiKeyResponse(api_key=_message(found))

    async def ListApiKeys(
        self, request: api_key_service_pb2.ListApiKeysRequest, context: Any
    ) -> api_key_service_pb2.ListApiKeysResponse:
        """Keys, newest first."""
        rows = await self._api_keys.list_page(
            current_caller(),
            *self._pages.asked(request),
            principal_id=request.principal_id,
            include_revoked=request.include_revoked,
        )
        shown, token = self._pages.cut(request, rows, lambda key: (key.create_time, key.id))
        return api_key_service_pb2.ListApiKeysResponse(api_keys=[_message(key) for key in shown], next_page_token=token)

    async def RevokeApiKey(
        self, request: api_key_service_pb2.RevokeApiKeyRequest, context: Any
    ) -> api_key_service_pb2.RevokeApiKeyResponse:
        """Make a key useless."""
        revoked = await self._api_keys.revoke(current_caller(), request.api_key_id)
        return api_key_service_pb2.RevokeApiKeyResponse(api_key=_message(revoked))


def _message(key: ApiKey) -> api_key_pb2.ApiKey:
    return api_key_pb2.ApiKey(
        api_key_id=key.id,
        label=key.label,
        principal_id=key.principal_id,
        role_ids=sorted(key.role_ids),
        create_time=timestamp(key.create_time),
        expire_time=timestamp(key.expire_time),
        daily_segment_quota=key.daily_segment_quota,
        last_used_time=timestamp(key.last_used_time),
        revoke_time=timestamp(key.revoke_time),
    )
