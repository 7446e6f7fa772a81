"""`contact-points`."""

from __future__ import annotations

from typing import Annotated

import typer

from sendout.cli import output
from sendout.cli.arguments import Output, examples
from sendout.cli.output import Format
from sendout.client import Client
from sendout.v1.contact_point_pb2 import (
    CONSENT_POLICY_BLOCK_OPTED_OUT,
    CONSENT_POLICY_REQUIRE_OPT_IN,
    ContactPoint,
    QuietHours,
)

points = typer.Typer(no_args_is_help=True, help="Set up what notifications are sent from.")

PointId = Annotated[str, typer.Argument(metavar="ID", help="The contact point's id.")]
SendRoles = Annotated[
    list[str] | None,
    typer.Option("--send-role", help='Role on Outbound Roles › Send Notifications; may be repeated, "" for nobody.'),
]
ConversationRoles = Annotated[
    list[str] | None, typer.Option("--conversation-role", help="Role that may start conversations; may be repeated.")
]
Region = Annotated[str | None, typer.Option("--default-region", help="Country of numbers without country code: US.")]
Emoji = Annotated[bool | None, typer.Option("--emoji/--no-emoji", help="Whether texts may have emoji.")]
MaxSegments = Annotated[int | None, typer.Option("--max-segments", min=1, max=10, help="Most segments of a message.")]
Rate = Annotated[float | None, typer.Option("--segments-per-second", min=0, help="How fast messages leave.")]
Burst = Annotated[int | None, typer.Option("--burst-segments", min=0, help="How many leave at once after a pause.")]
DailyCap = Annotated[int | None, typer.Option("--daily-segment-cap", min=0, help="Most segments a day; 0 is no cap.")]
CapZone = Annotated[str | None, typer.Option("--cap-time-zone", help="Zone in which that day begins: Europe/Paris.")]
Countries = Annotated[
    list[str] | None, typer.Option("--allowed-country", help='Country to allow; may be repeated, "" for all.')
]
Quiet = Annotated[str | None, typer.Option("--quiet-hours", help='Such as "21:00-08:00 Europe/Paris"; "" for none.')]
OptIn = Annotated[
    bool | None,
    typer.Option("--require-opt-in/--block-opted-out", help="Only who opted in, or everyone but who opted out."),
]
PerNumber = Annotated[
    int | None, typer.Option("--number-messages-per-hour", min=0, help="Most messages to one number; 0 is no limit.")
]
Backlog = Annotated[
    int | None, typer.Option("--max-backlog-hours", min=0, help="How long what waits may take to leave; 0 is 72.")
]
Smart = Annotated[
    bool | None, typer.Option("--smart-encoding/--no-smart-encoding", help="Replace curly quotes and the like.")
]
Fallback = Annotated[
    list[str] | None,
    typer.Option("--fallback-carrier", help='Carrier to try next; may be repeated, in order, "" for none.'),
]
OptOutReply = Annotated[str | None, typer.Option("--opt-out-reply", help='Answer to STOP; "" for the built-in one.')]
OptInReply = Annotated[str | None, typer.Option("--opt-in-reply", help='Answer to START; "" for the built-in one.')]
HelpReply = Annotated[str | None, typer.Option("--help-reply", help='Answer to HELP; "" for the built-in one.')]
Enabled = Annotated[bool | None, typer.Option("--enabled/--disabled", help="Whether it may be sent from.")]


@points.command("list")
def list_points(
    sendable: Annotated[bool, typer.Option("--sendable", help="Only those I may send from.")] = False,
    form: Output = Format.TEXT,
) -> None:
    """List the contact points you may see."""
    with Client() as client:
        answer = client.contact_points(sendable_only=sendable, page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [
        (
            one.contact_point_id,
            one.label,
            one.sender,
            one.carrier,
            "yes" if one.enabled else "no",
            ", ".join(one.send_notification_roles) or "nobody",
        )
        for one in answer.contact_points
    ]
    output.table(("Contact point", "Label", "Sender", "Carrier", "Enabled", "May send"), rows, "No contact points.")


@points.command("get")
def get_point(contact_point_id: PointId, form: Output = Format.TEXT) -> None:
    """Show a contact point with its settings."""
    with Client() as client:
        answer = client.get_contact_point(contact_point_id)
    output.json(answer) if form is Format.JSON else _show(answer.contact_point)


def _show(point: ContactPoint) -> None:
    quiet = point.quiet_hours
    output.facts(
        [
            ("Contact point", f"{point.contact_point_id} ({point.label})"),
            ("Sender", point.sender),
            ("Carrier", ", then ".join((point.carrier, *point.fallback_carriers))),
            ("Enabled", "yes" if point.enabled else "no"),
            ("May send notifications", ", ".join(point.send_notification_roles) or "nobody"),
            ("May start conversations", ", ".join(point.start_conversation_roles) or "nobody"),
            ("Default region", point.default_region or "none: numbers need a country code"),
            ("Emoji", "allowed" if point.emoji_enabled else "not allowed"),
            ("Smart encoding", "on" if point.smart_encoding else "off"),
            ("Most segments", point.max_segments),
            ("Rate", f"{point.segments_per_second:g} segments a second, {point.burst_segments} at once"),
            (
                "Daily cap",
                f"{point.daily_segment_cap:,} ({point.cap_time_zone})" if point.daily_segment_cap else "none",
            ),
            ("Countries", ", ".join(point.allowed_countries) or "all"),
            ("Quiet hours", f"{quiet.start}-{quiet.end} {quiet.fallback_time_zone}" if quiet.start else "none"),
            (
                "Sends to",
                "who opted in" if point.consent_policy == CONSENT_POLICY_REQUIRE_OPT_IN else "all but opted out",
            ),
            ("Per number and hour", f"{point.number_messages_per_hour:,}" if point.number_messages_per_hour else "any"),
            ("Backlog", f"at most {point.max_backlog_hours:,} h"),
            ("Answer to STOP", point.opt_out_reply or "built in"),
            ("Answer to START", point.opt_in_reply or "built in"),
            ("Answer to HELP", point.help_reply or "built in"),
            ("Changed", output.local(point.update_time)),
        ]
    )


@points.command(
    "create",
    epilog=examples('sendout contact-points create "Main line" --sender +14155550001 --carrier simulator --id main'),
)
def create_point(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The name people see.")],
    sender: Annotated[str, typer.Option("--sender", help="Number, short code or name that recipients see.")],
    carrier: Annotated[str, typer.Option("--carrier", help="Carrier that is set up on the server.")],
    contact_point_id: Annotated[str, typer.Option("--id", help="Its id; made from the label otherwise.")] = "",
    send_role: SendRoles = None,
    conversation_role: ConversationRoles = None,
    default_region: Region = None,
    emoji: Emoji = None,
    max_segments: MaxSegments = None,
    segments_per_second: Rate = None,
    burst_segments: Burst = None,
    daily_segment_cap: DailyCap = None,
    cap_time_zone: CapZone = None,
    allowed_country: Countries = None,
    quiet_hours: Quiet = None,
    smart_encoding: Smart = None,
    require_opt_in: OptIn = None,
    number_messages_per_hour: PerNumber = None,
    max_backlog_hours: Backlog = None,
    fallback_carrier: Fallback = None,
    opt_out_reply: OptOutReply = None,
    opt_in_reply: OptInReply = None,
    help_reply: HelpReply = None,
    enabled: Enabled = None,
    form: Output = Format.TEXT,
) -> None:
    """Create a contact point. Everyone may send from it until --send-role says who."""
    given = _given(_settings(locals()))
    point = ContactPoint(contact_point_id=contact_point_id, **given)  # type: ignore[arg-type]
    with Client() as client:
        answer = client.create_contact_point(point)
    output.json(answer) if form is Format.JSON else _show(answer.contact_point)


@points.command("update", epilog=examples("sendout contact-points update main --send-role agents --no-emoji"))
def update_point(
    contact_point_id: PointId,
    label: Annotated[str | None, typer.Option("--label", help="The name people see.")] = None,
    sender: Annotated[str | None, typer.Option("--sender", help="What recipients see.")] = None,
    carrier: Annotated[str | None, typer.Option("--carrier", help="Carrier that is set up on the server.")] = None,
    send_role: SendRoles = None,
    conversation_role: ConversationRoles = None,
    default_region: Region = None,
    emoji: Emoji = None,
    max_segments: MaxSegments = None,
    segments_per_second: Rate = None,
    burst_segments: Burst = None,
    daily_segment_cap: DailyCap = None,
    cap_time_zone: CapZone = None,
    allowed_country: Countries = None,
    quiet_hours: Quiet = None,
    smart_encoding: Smart = None,
    require_opt_in: OptIn = None,
    number_messages_per_hour: PerNumber = None,
    max_backlog_hours: Backlog = None,
    fallback_carrier: Fallback = None,
    opt_out_reply: OptOutReply = None,
    opt_in_reply: OptInReply = None,
    help_reply: HelpReply = None,
    enabled: Enabled = None,
    form: Output = Format.TEXT,
) -> None:
    """Change a contact point. Only what is given changes, from the next send on."""
    given = _given(_settings(locals()))
    if not given:
        raise typer.BadParameter("Say what to change; --help lists what can be.")
    point = ContactPoint(contact_point_id=contact_point_id, **given)  # type: ignore[arg-type]
    with Client() as client:
        answer = client.update_contact_point(point, fields=sorted(given))
    output.json(answer) if form is Format.JSON else _show(answer.contact_point)


# The options whose fields are called otherwise.
_FIELDS = {
    "send_role": "send_notification_roles",
    "conversation_role": "start_conversation_roles",
    "emoji": "emoji_enabled",
    "allowed_country": "allowed_countries",
    "require_opt_in": "consent_policy",
    "fallback_carrier": "fallback_carriers",
}


def _settings(options: dict[str, object]) -> dict[str, object]:
    """A command's options without those that are no settings."""
    return {name: value for name, value in options.items() if name not in ("contact_point_id", "form")}


def _given(options: dict[str, object]) -> dict[str, object]:
    """Fields of the options that were given; an empty item empties a list."""
    given = {
        _FIELDS.get(name, name): list(filter(None, value)) if isinstance(value, list) else value
        for name, value in options.items()
        if value is not None
    }
    if "consent_policy" in given:
        given["consent_policy"] = (
            CONSENT_POLICY_REQUIRE_OPT_IN if given["consent_policy"] else CONSENT_POLICY_BLOCK_OPTED_OUT
        )
    if "quiet_hours" in given:
        given["quiet_hours"] = _quiet(str(given["quiet_hours"]))
    return given


def _quiet(typed: str) -> QuietHours | None:
    if not typed:
        return None
    hours, _, zone = typed.strip().partition(" ")
    start, dash, end = hours.partition("-")
    if not (dash and zone.strip()):
        raise typer.BadParameter('Write --quiet-hours "21:00-08:00 Europe/Paris".', param_hint="--quiet-hours")
    return QuietHours(start=start, end=end, fallback_time_zone=zone.strip())


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.add_typer(points, name="contact-points", rich_help_panel="Setting up")
