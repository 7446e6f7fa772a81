"""Previews as they go out."""

from __future__ import annotations

from sendout.domain.errors import SendoutError
from sendout.domain.hints import Hint
from sendout.domain.numbers import NumberProblem
from sendout.server.commands.preview_notification import Preview, RecipientPreview, TextPreview
from sendout.server.rpc.convert import timestamp
from sendout.server.rpc.money import money
from sendout.v1 import consent_pb2
from sendout.v1 import notification_service_pb2 as service_pb2

_WORDS = {
    None: consent_pb2.CONSENT_STATE_UNSPECIFIED,
    True: consent_pb2.CONSENT_STATE_OPTED_OUT,
    False: consent_pb2.CONSENT_STATE_OPTED_IN,
}


def preview_message(preview: Preview) -> service_pb2.PreviewNotificationResponse:
    """A preview with every problem and every recipient."""
    draft, shown = preview.draft, preview.text
    return service_pb2.PreviewNotificationResponse(
        sendable=not preview.refusals,
        problems=[_problem(refusal) for refusal in preview.refusals],
        text=draft.whole.text,
        encoding=f"ENCODING_{draft.encoding.name}",
        segments=draft.segments,
        characters_used=shown.composed.units,
        characters_left=shown.characters_left,
        ucs2_characters=shown.forcing,
        segments_without_ucs2_characters=shown.segments_without,
        acknowledgement_needed=draft.segments > 1,
        max_segments=draft.point.max_segments,
        recipients=[_recipient(one) for one in preview.recipients],
        message_count=preview.message_count,
        held_count=preview.held_count,
        billable_segments=preview.billable_segments,
        estimated_cost=money(preview.cost),
        estimated_finish_time=timestamp(preview.finish_us),
        smart_encoding=_smart(shown),
        hints=[_hint(hint) for hint in shown.hints],
        sample_text=preview.sample_text,
        variables=draft.composer.names,
    )


def _problem(refusal: SendoutError) -> service_pb2.PreviewProblem:
    field = refusal.violations[0].field if len({v.field for v in refusal.violations}) == 1 else ""
    return service_pb2.PreviewProblem(reason=refusal.reason.value, field=field, description=refusal.message)


def _recipient(one: RecipientPreview) -> service_pb2.RecipientPreview:
    problem = one.problem
    return service_pb2.RecipientPreview(
        index=one.place,
        phone_number=one.typed,
        e164=one.e164,
        reason=f"RECIPIENT_PROBLEM_REASON_{problem.problem.value if problem else 'UNSPECIFIED'}",
        description=problem.sentence if problem else "",
        duplicate=problem is not None and problem.problem is NumberProblem.DUPLICATE,
        opted_out=one.opted_out is True,
        segments=one.segments,
        consent_state=_WORDS[one.opted_out],
        held_until=timestamp(one.held_until),
        country=one.country,
    )


def _smart(shown: TextPreview) -> service_pb2.SmartEncodingPreview:
    smart = shown.smart
    return service_pb2.SmartEncodingPreview(
        enabled=shown.smart_enabled,
        applies=smart.applied,
        replacements=[
            service_pb2.Replacement(index=index, replaced=replaced, replacement=replacement)
            for index, replaced, replacement in smart.replacements
        ],
        segments_before=smart.before.count,
        segments_after=smart.after.count,
    )


def _hint(hint: Hint) -> service_pb2.ContentHint:
    return service_pb2.ContentHint(kind=hint.kind.value, description=hint.sentence, index=hint.index)
