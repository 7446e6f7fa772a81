"""`webhooks`: other systems that are called with delivery events."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from sendout.cli import output
from sendout.cli.administration import done
from sendout.cli.arguments import Output, examples
from sendout.cli.output import Format
from sendout.client import Client
from sendout.v1 import event_pb2
from sendout.v1.webhook_subscription_pb2 import WebhookSubscription, WebhookSubscriptionState

webhooks = typer.Typer(no_args_is_help=True, help="Have other systems called with delivery events.")

SubscriptionId = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")]


class Kind(StrEnum):
    """What `--event` takes."""

    STATE_CHANGED = "state-changed"
    REPLY_RECEIVED = "reply-received"
    OPTED_OUT = "opted-out"
    OPTED_IN = "opted-in"

    @property
    def wire(self) -> event_pb2.DeliveryEventType:
        """The same on the wire."""
        return {
            "STATE_CHANGED": event_pb2.DELIVERY_EVENT_TYPE_STATE_CHANGED,
            "REPLY_RECEIVED": event_pb2.DELIVERY_EVENT_TYPE_REPLY_RECEIVED,
            "OPTED_OUT": event_pb2.DELIVERY_EVENT_TYPE_OPTED_OUT,
            "OPTED_IN": event_pb2.DELIVERY_EVENT_TYPE_OPTED_IN,
        }[self.name]


@webhooks.command("list", epilog=examples("sendout webhooks list"))
def list_webhooks(form: Output = Format.TEXT) -> None:
    """List who is called, newest first, and how it goes."""
    with Client() as client:
        answer = client.webhook_subscriptions(page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    headings = ("Webhook", "State", "Behind", "Failures", "Last success", "Last failure", "Why", "URL")
    output.table(headings, map(_row, answer.subscriptions), "No webhooks.")


def _row(one: WebhookSubscription) -> tuple[str, ...]:
    return (
        one.subscription_id,
        output.word(WebhookSubscriptionState, one.state),
        str(one.lag),
        str(one.failure_count),
        output.local(one.success_time, "-"),
        output.local(one.failure_time, "-"),
        one.failure_text or "-",
        one.url,
    )


@webhooks.command(
    "create",
    epilog=examples(
        "sendout webhooks create https://agents.example.com/sms --event reply-received",
        "sendout webhooks create https://crm.example.com/hook --crm-system salesforce --topic outages",
    ),
)
def create_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="The https URL to call.")],
    event: Annotated[list[Kind] | None, typer.Option("--event", help="Only such events; may be repeated.")] = None,
    contact_point: Annotated[
        list[str] | None, typer.Option("--contact-point", help="Only of this contact point; may be repeated.")
    ] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", help="Only of this topic; may be repeated.")] = None,
    crm_system: Annotated[str, typer.Option("--crm-system", help="Only of records of this CRM system.")] = "",
    form: Output = Format.TEXT,
) -> None:
    """Have a URL called with events from now on. Shows the secret, once."""
    with Client() as client:
        answer = client.create_webhook_subscription(
            url,
            event_types=[one.wire for one in event or ()],
            contact_points=contact_point or (),
            topics=topic or (),
            crm_system=crm_system,
        )
    done(answer, form, f"Created webhook {answer.subscription.subscription_id}. Its secret is not shown again:")
    if form is Format.TEXT:
        output.line(answer.secret)


@webhooks.command("rotate", epilog=examples("sendout webhooks rotate ID --overlap-hours 48"))
def rotate_webhook(
    subscription_id: SubscriptionId,
    overlap: Annotated[
        int, typer.Option("--overlap-hours", min=0, max=168, help="How long calls bear the old signature as well.")
    ] = 24,
    form: Output = Format.TEXT,
) -> None:
    """Change the secret. Shows the new one, once."""
    with Client() as client:
        answer = client.rotate_webhook_secret(subscription_id, overlap=timedelta(hours=overlap))
    until = output.local(answer.subscription.previous_secret_expire_time)
    done(answer, form, f"The old secret signs until {until}. The new one is not shown again:")
    if form is Format.TEXT:
        output.line(answer.secret)


@webhooks.command("test", epilog=examples("sendout webhooks test ID"))
def try_webhook(subscription_id: SubscriptionId, form: Output = Format.TEXT) -> None:
    """Call the URL once, now. Exit status 1 where it does not take the event."""
    with Client() as client:
        answer = client.test_webhook_subscription(subscription_id)
    done(answer, form, f"Taken: {answer.event_id}." if answer.taken else f"Not taken: {answer.failure_text}")
    if not answer.taken:
        raise typer.Exit(1)


@webhooks.command("delete", epilog=examples("sendout webhooks delete ID"))
def delete_webhook(subscription_id: SubscriptionId, form: Output = Format.TEXT) -> None:
    """Call a URL no more."""
    with Client() as client:
        answer = client.delete_webhook_subscription(subscription_id)
    done(answer, form, f"Deleted webhook {subscription_id}.")


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.add_typer(webhooks, name="webhooks", rich_help_panel="Setting up")
