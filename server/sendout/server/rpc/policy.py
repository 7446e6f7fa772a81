"""What each RPC asks of its caller. The interceptor refuses what is not in this table.

`grant` says which list of the contact point a command looks at, in SQL and in its own transaction; the interceptor
cannot know the contact point. `audit_action` is what the command records: the method's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from sendout.domain.permissions import Grant, Permission


@dataclass(frozen=True, slots=True)
class Rule:
    """The condition for one RPC: a permission of the whole organisation, a grant per contact point, or neither."""

    permission: Permission | None = None
    grant: Grant | None = None
    audit_action: str = ""  # empty: changes nothing that is audited
    public: bool = False  # open to callers without credentials
    standard: bool = False  # of a service that is not ours, which answers by itself


_ANYONE = Rule()
_ADMINISTER = Rule(permission=Permission.ADMINISTER)
_HISTORY = Rule(permission=Permission.VIEW_HISTORY)
_SEND = Rule(grant=Grant.SEND_NOTIFICATIONS)
_CONVERSE = Rule(grant=Grant.START_CONVERSATIONS)


def _administer(action: str) -> Rule:
    return Rule(permission=Permission.ADMINISTER, audit_action=action)


def _topics(action: str) -> Rule:
    return Rule(permission=Permission.MANAGE_TOPICS, audit_action=action)


def _sends(action: str) -> Rule:
    return Rule(grant=Grant.SEND_NOTIFICATIONS, audit_action=action)


def _converses(action: str) -> Rule:
    return Rule(grant=Grant.START_CONVERSATIONS, audit_action=action)


def _anyone(action: str) -> Rule:
    return Rule(audit_action=action)


# A method has a permission here where its proto comment names ROLE_REQUIRED and every call needs it. Where only some
# do (shared snippets, other people's passwords) the command decides.
_SERVICES: dict[str, dict[str, Rule]] = {
    "NotificationService": {
        "PreviewNotification": _SEND,
        "SendNotification": _sends("SendNotification"),
        "SendNotificationStream": _sends("SendNotificationStream"),
        "GetNotification": _ANYONE,
        "ListNotifications": _HISTORY,
        "CancelNotification": _sends("CancelNotification"),
        "WatchNotification": _ANYONE,
        "ListMessages": _ANYONE,
    },
    "TopicService": {
        "CreateTopic": _topics("CreateTopic"),
        "GetTopic": _ANYONE,
        "ListTopics": _ANYONE,
        "UpdateTopic": _topics("UpdateTopic"),
        "DisableTopic": _topics("DisableTopic"),
        "ActivateTopic": _topics("ActivateTopic"),
    },
    "HistoryService": {
        "ListTopicTallies": _HISTORY,
        "GetTopicSeries": _HISTORY,
        "ListRecentMessages": _HISTORY,
        "GetMessage": _HISTORY,
        "StreamDeliveryEvents": _ANYONE,  # without VIEW_HISTORY: own sends, and conversations
        "ExportMessages": _HISTORY,
    },
    "ContactPointService": {
        "CreateContactPoint": _administer("CreateContactPoint"),
        "GetContactPoint": _ANYONE,
        "ListContactPoints": _ANYONE,
        "UpdateContactPoint": _administer("UpdateContactPoint"),
    },
    "RoleService": {
        "CreateRole": _administer("CreateRole"),
        "GetRole": _ADMINISTER,
        "ListRoles": _ADMINISTER,
        "UpdateRole": _administer("UpdateRole"),
        "DeleteRole": _administer("DeleteRole"),
    },
    "ApiKeyService": {
        "CreateApiKey": _administer("CreateApiKey"),
        "GetApiKey": _ADMINISTER,
        "ListApiKeys": _ADMINISTER,
        "RevokeApiKey": _administer("RevokeApiKey"),
    },
    "UserService": {
        "WhoAmI": _ANYONE,
        "CreateUser": _administer("CreateUser"),
        "GetUser": _ADMINISTER,
        "ListUsers": _ADMINISTER,
        "UpdateUser": _administer("UpdateUser"),
        "SetUserPassword": _anyone("SetUserPassword"),
    },
    "SessionService": {
        "CreateSession": Rule(public=True, audit_action="CreateSession"),
        "GetSession": _ANYONE,
        "DeleteSession": _anyone("DeleteSession"),
        "DeleteAllSessions": _anyone("DeleteAllSessions"),
        "CreateSignInLink": _administer("CreateSignInLink"),
    },
    "SnippetService": {
        "CreateSnippet": _anyone("CreateSnippet"),
        "GetSnippet": _ANYONE,
        "ListSnippets": _ANYONE,
        "UpdateSnippet": _anyone("UpdateSnippet"),
        "DeleteSnippet": _anyone("DeleteSnippet"),
    },
    "ConsentService": {
        "GetConsent": _ANYONE,
        "RecordConsent": _administer("RecordConsent"),
        "ListConsents": _ADMINISTER,
        "ImportConsents": _administer("ImportConsents"),
    },
    "ConversationService": {
        "ListConversations": _CONVERSE,
        "GetConversation": _CONVERSE,
        "ReplyToConversation": _converses("ReplyToConversation"),
        "CloseConversation": _converses("CloseConversation"),
    },
    "PriceService": {
        "CreatePrice": _administer("CreatePrice"),
        "ListPrices": _HISTORY,
        "DeletePrice": _administer("DeletePrice"),
    },
    # Providers have no key of ours: the carrier believes their signature or nothing.
    "WebhookService": {"HandleWebhook": Rule(public=True)},
    "WebhookSubscriptionService": {
        "CreateWebhookSubscription": _administer("CreateWebhookSubscription"),
        "GetWebhookSubscription": _ADMINISTER,
        "ListWebhookSubscriptions": _ADMINISTER,
        "RotateWebhookSecret": _administer("RotateWebhookSecret"),
        "TestWebhookSubscription": _administer("TestWebhookSubscription"),
        "DeleteWebhookSubscription": _administer("DeleteWebhookSubscription"),
    },
    "UsageService": {"GetUsage": _HISTORY},
    "AuditService": {"ListAuditEntries": _ADMINISTER},
    "SimulatorService": {
        "ListHandsets": _ANYONE,
        "ListHandsetMessages": _ANYONE,
        "SendFromHandset": _anyone("SendFromHandset"),
    },
}

# The standard services. Reflection is served only where it is enabled, so it is open where it exists.
_STANDARD = (
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)

POLICY: dict[str, Rule] = {
    f"/sendout.v1.{service}/{method}": rule
    for service, methods in _SERVICES.items()
    for method, rule in methods.items()
} | {method: Rule(public=True, standard=True) for method in _STANDARD}
