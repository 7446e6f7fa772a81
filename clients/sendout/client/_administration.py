"""Builders of TopicService, ContactPointService, RoleService, ApiKeyService, AuditService and WhoAmI."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask

from sendout.client._calls import Call, Listing, listing, unary
from sendout.client._times import timestamp
from sendout.v1 import api_key_pb2, audit_pb2, contact_point_pb2, role_pb2, topic_pb2
from sendout.v1 import api_key_service_pb2 as keys_pb
from sendout.v1 import audit_service_pb2 as audit_pb
from sendout.v1 import contact_point_service_pb2 as points_pb
from sendout.v1 import role_service_pb2 as roles_pb
from sendout.v1 import topic_service_pb2 as topics_pb
from sendout.v1 import user_service_pb2 as users_pb


@unary
def whoami() -> Call[users_pb.WhoAmIResponse]:
    """Who the key belongs to and what it may do."""
    return Call("UserService/WhoAmI", users_pb.WhoAmIRequest(), users_pb.WhoAmIResponse)


@listing
def topics(
    *, state: topic_pb2.TopicStateFilter = topic_pb2.TOPIC_STATE_FILTER_UNSPECIFIED, page_size: int = 0
) -> Listing[topics_pb.ListTopicsResponse, topic_pb2.Topic]:
    """Topics, the default one first, then by label; the active ones where `state` is left out."""
    request = topics_pb.ListTopicsRequest(state=state, page_size=page_size)
    return Listing(Call("TopicService/ListTopics", request, topics_pb.ListTopicsResponse), lambda page: page.topics)


@unary
def get_topic(topic_id: str) -> Call[topics_pb.GetTopicResponse]:
    """One topic."""
    return Call("TopicService/GetTopic", topics_pb.GetTopicRequest(topic_id=topic_id), topics_pb.GetTopicResponse)


@unary
def create_topic(label: str, *, topic_id: str = "") -> Call[topics_pb.CreateTopicResponse]:
    """Create a topic; its id is made from the label where none is given."""
    request = topics_pb.CreateTopicRequest(topic=topic_pb2.Topic(topic_id=topic_id, label=label))
    return Call("TopicService/CreateTopic", request, topics_pb.CreateTopicResponse)


@unary
def rename_topic(topic_id: str, label: str) -> Call[topics_pb.UpdateTopicResponse]:
    """Change a topic's label; its past notifications and tallies stay with it."""
    request = topics_pb.UpdateTopicRequest(
        topic=topic_pb2.Topic(topic_id=topic_id, label=label), update_mask=FieldMask(paths=["label"])
    )
    return Call("TopicService/UpdateTopic", request, topics_pb.UpdateTopicResponse)


@unary
def disable_topic(topic_id: str) -> Call[topics_pb.DisableTopicResponse]:
    """Take a topic out of use; what was accepted finishes and counts."""
    request = topics_pb.DisableTopicRequest(topic_id=topic_id)
    return Call("TopicService/DisableTopic", request, topics_pb.DisableTopicResponse)


@unary
def activate_topic(topic_id: str) -> Call[topics_pb.ActivateTopicResponse]:
    """Bring a disabled topic back; its tallies continue."""
    request = topics_pb.ActivateTopicRequest(topic_id=topic_id)
    return Call("TopicService/ActivateTopic", request, topics_pb.ActivateTopicResponse)


@listing
def contact_points(
    *, sendable_only: bool = False, page_size: int = 0
) -> Listing[points_pb.ListContactPointsResponse, contact_point_pb2.ContactPoint]:
    """The contact points the caller may see, by label."""
    request = points_pb.ListContactPointsRequest(sendable_only=sendable_only, page_size=page_size)
    call = Call("ContactPointService/ListContactPoints", request, points_pb.ListContactPointsResponse)
    return Listing(call, lambda page: page.contact_points)


@unary
def get_contact_point(contact_point_id: str) -> Call[points_pb.GetContactPointResponse]:
    """One contact point with its settings."""
    request = points_pb.GetContactPointRequest(contact_point_id=contact_point_id)
    return Call("ContactPointService/GetContactPoint", request, points_pb.GetContactPointResponse)


@unary
def create_contact_point(
    contact_point: contact_point_pb2.ContactPoint,
) -> Call[points_pb.CreateContactPointResponse]:
    """Create a contact point. With an id a lost answer is asked for again."""
    return Call(
        "ContactPointService/CreateContactPoint",
        points_pb.CreateContactPointRequest(contact_point=contact_point),
        points_pb.CreateContactPointResponse,
        retry_safe=bool(contact_point.contact_point_id),
    )


@unary
def update_contact_point(
    contact_point: contact_point_pb2.ContactPoint, fields: Sequence[str] = ()
) -> Call[points_pb.UpdateContactPointResponse]:
    """Change the named fields of a contact point; without names, those that are set."""
    request = points_pb.UpdateContactPointRequest(contact_point=contact_point)
    if fields:
        request.update_mask.paths.extend(fields)
    return Call("ContactPointService/UpdateContactPoint", request, points_pb.UpdateContactPointResponse)


@listing
def roles(*, page_size: int = 0) -> Listing[roles_pb.ListRolesResponse, role_pb2.Role]:
    """Roles, the built-in ones first, then by label."""
    request = roles_pb.ListRolesRequest(page_size=page_size)
    return Listing(Call("RoleService/ListRoles", request, roles_pb.ListRolesResponse), lambda page: page.roles)


@unary
def create_role(
    label: str, *, role_id: str = "", permissions: Sequence[role_pb2.Permission] = ()
) -> Call[roles_pb.CreateRoleResponse]:
    """Create a role. One without permissions can still stand on a contact point's list."""
    role = role_pb2.Role(role_id=role_id, label=label, permissions=permissions)
    request = roles_pb.CreateRoleRequest(role=role)
    return Call("RoleService/CreateRole", request, roles_pb.CreateRoleResponse, retry_safe=bool(role_id))


@unary
def delete_role(role_id: str) -> Call[roles_pb.DeleteRoleResponse]:
    """Delete a role and take it off every list."""
    return Call("RoleService/DeleteRole", roles_pb.DeleteRoleRequest(role_id=role_id), roles_pb.DeleteRoleResponse)


@listing
def api_keys(
    *, principal_id: str = "", include_revoked: bool = False, page_size: int = 0
) -> Listing[keys_pb.ListApiKeysResponse, api_key_pb2.ApiKey]:
    """API keys, newest first, without their secrets."""
    request = keys_pb.ListApiKeysRequest(
        principal_id=principal_id, include_revoked=include_revoked, page_size=page_size
    )
    return Listing(Call("ApiKeyService/ListApiKeys", request, keys_pb.ListApiKeysResponse), lambda page: page.api_keys)


@unary
def create_api_key(
    label: str,
    *,
    role_ids: Sequence[str] = (),
    principal_id: str = "",
    expire_time: datetime | None = None,
    daily_segment_quota: int = 0,
) -> Call[keys_pb.CreateApiKeyResponse]:
    """Create an API key. The secret is in this answer alone, so a lost answer is not asked for again."""
    request = keys_pb.CreateApiKeyRequest(
        label=label,
        role_ids=role_ids,
        principal_id=principal_id,
        expire_time=timestamp(expire_time),
        daily_segment_quota=daily_segment_quota,
    )
    return Call("ApiKeyService/CreateApiKey", request, keys_pb.CreateApiKeyResponse, retry_safe=False)


@unary
def revoke_api_key(api_key_id: str) -> Call[keys_pb.RevokeApiKeyResponse]:
    """Revoke a key: the next call with it is refused."""
    request = keys_pb.RevokeApiKeyRequest(api_key_id=api_key_id)
    return Call("ApiKeyService/RevokeApiKey", request, keys_pb.RevokeApiKeyResponse)


@listing
def audit_entries(
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    principal_id: str = "",
    action: str = "",
    object_id: str = "",
    page_size: int = 0,
) -> Listing[audit_pb.ListAuditEntriesResponse, audit_pb2.AuditEntry]:
    """Who changed what, newest first; `action` is the name of an RPC, such as "DisableTopic"."""
    request = audit_pb.ListAuditEntriesRequest(
        start_time=timestamp(start),
        end_time=timestamp(end),
        principal_id=principal_id,
        action=action,
        object_id=object_id,
        page_size=page_size,
    )
    call = Call("AuditService/ListAuditEntries", request, audit_pb.ListAuditEntriesResponse)
    return Listing(call, lambda page: page.entries)
