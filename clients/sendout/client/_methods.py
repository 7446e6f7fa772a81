"""The methods that `Client` and `AsyncClient` have in common, by room."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.message import Message

from sendout.client import (
    _administration,
    _billing,
    _consents,
    _conversations,
    _history,
    _people,
    _sending,
    _snippets,
    _webhooks,
)
from sendout.client._calls import Call, unary


@unary
def rpc(request: Message, *, retry_safe: bool | None = None) -> Call[Any]:
    """Any RPC with one request and one answer, found by its request: `client.rpc(GetConsentRequest(...))`.

    Calls that read are tried again after a lost answer, and others where `retry_safe` says that they may.
    """
    for service in request.DESCRIPTOR.file.services_by_name.values():
        for method in service.methods:
            one_to_one = not (method.client_streaming or method.server_streaming)
            if method.input_type is request.DESCRIPTOR and one_to_one:
                if retry_safe is None:
                    retry_safe = method.name.startswith(("Get", "List"))
                answer: type[Any] = message_factory.GetMessageClass(method.output_type)  # type: ignore[arg-type]
                return Call(f"{service.name}/{method.name}", request, answer, retry_safe=retry_safe)
    raise TypeError(f"{request.DESCRIPTOR.name} is not the request of a call with one answer.")


class Methods:
    """What can be asked of a server."""

    preview = _sending.preview
    send = _sending.send
    watch = _sending.watch
    wait = _sending.wait
    cancel = _sending.cancel
    get_notification = _sending.get_notification
    notifications = _sending.notifications
    messages = _sending.messages

    tallies = _history.tallies
    series = _history.series
    recent = _history.recent
    get_message = _history.get_message
    events = _history.events
    event_batches = _history.event_batches
    export = _history.export

    whoami = _administration.whoami
    topics = _administration.topics
    get_topic = _administration.get_topic
    create_topic = _administration.create_topic
    rename_topic = _administration.rename_topic
    disable_topic = _administration.disable_topic
    activate_topic = _administration.activate_topic
    contact_points = _administration.contact_points
    get_contact_point = _administration.get_contact_point
    create_contact_point = _administration.create_contact_point
    update_contact_point = _administration.update_contact_point
    roles = _administration.roles
    create_role = _administration.create_role
    delete_role = _administration.delete_role
    api_keys = _administration.api_keys
    create_api_key = _administration.create_api_key
    revoke_api_key = _administration.revoke_api_key
    audit_entries = _administration.audit_entries

    snippets = _snippets.snippets
    get_snippet = _snippets.get_snippet
    create_snippet = _snippets.create_snippet
    update_snippet = _snippets.update_snippet
    delete_snippet = _snippets.delete_snippet

    create_price = _billing.create_price
    prices = _billing.prices
    delete_price = _billing.delete_price
    usage = _billing.usage

    get_consent = _consents.get_consent
    record_consent = _consents.record_consent
    consents = _consents.consents
    import_consents = _consents.import_consents

    users = _people.users
    get_user = _people.get_user
    create_user = _people.create_user
    update_user = _people.update_user
    set_user_password = _people.set_user_password
    create_sign_in_link = _people.create_sign_in_link
    sign_in = _people.sign_in
    get_session = _people.get_session
    sign_out = _people.sign_out
    sign_out_everywhere = _people.sign_out_everywhere

    conversations = _conversations.conversations
    conversation = _conversations.conversation
    reply_to_conversation = _conversations.reply_to_conversation
    close_conversation = _conversations.close_conversation

    webhook_subscriptions = _webhooks.webhook_subscriptions
    get_webhook_subscription = _webhooks.get_webhook_subscription
    create_webhook_subscription = _webhooks.create_webhook_subscription
    rotate_webhook_secret = _webhooks.rotate_webhook_secret
    test_webhook_subscription = _webhooks.test_webhook_subscription
    delete_webhook_subscription = _webhooks.delete_webhook_subscription

    rpc = rpc
