"""The limits that the contract's comments promise are the ones that the domain enforces."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from sendout.domain import contact_points, limits, time_zones, webhooks
from sendout.domain.sign_in import LINK_S, LONGEST_LINK_S
from sendout.server.commands import import_consents, sign_in
from tests.packaging.tree import ROOT

HOUR = 3600
DAY = 86_400

# Fields (a pattern over "Message.field") and what the comment of each of them must say.
STATED: tuple[tuple[str, str], ...] = (
    (r"\w+\.page_size", f"At most {limits.MAX_PAGE_SIZE:,}."),
    (r"(?!ListTopicTallies)\w+\.page_size", f"0 means {limits.DEFAULT_PAGE_SIZE}."),
    (r"ListTopicTalliesRequest\.page_size", f"0 means {limits.MAX_PAGE_SIZE:,}."),
    (r"\w+Request\.request_id", f"At most {limits.MAX_REQUEST_ID} characters."),
    (r"SendNotificationHeader\.request_id", f"At most {limits.MAX_REQUEST_ID} characters."),
    (r"(ContactPoint|Topic|Role|User|CreateApiKeyRequest)\.label", f"At most {limits.MAX_LABEL} characters."),
    (
        r"(CreateUserRequest|SetUserPasswordRequest)\.password",
        f"At least {limits.MIN_PASSWORD} characters. At most {limits.MAX_PASSWORD} characters.",
    ),
    (r"PasswordCredential\.password", f"At most {limits.MAX_PASSWORD} characters."),
    (r"CreateSessionRequest\.sign_in_token", f"At most {sign_in.MAX_SIGN_IN_TOKEN} characters."),
    (r"IdTokenCredential\.id_token", f"At most {sign_in.MAX_ID_TOKEN:,} characters."),
    (r"IdTokenCredential\.nonce", f"At most {sign_in.MAX_NONCE} characters."),
    (r"User\.external_id", f"At most {limits.MAX_EXTERNAL_ID} characters."),
    (r"CreateSignInLinkRequest\.lifetime", f"means {LINK_S // 60} minutes. At most {LONGEST_LINK_S // HOUR} hours."),
    (r"\w*(NotificationRequest|NotificationHeader)\.text", f"At most {limits.MAX_TEXT:,} characters."),
    (r"(SendFromHandsetRequest|Snippet)\.text", f"At most {limits.MAX_TEXT:,} characters."),
    (r"\w*(NotificationRequest|RecipientChunk)\.recipients", f"At most {limits.MAX_RECIPIENTS:,}."),
    (r"\w*(NotificationRequest|NotificationHeader)\.max_segments", f"At most {limits.MAX_SEGMENTS}."),
    (
        r"\w*(NotificationRequest|NotificationHeader)\.labels",
        f"at most {limits.MAX_LABEL_KEY} characters, values at most {limits.MAX_LABEL_VALUE} characters. "
        f"At most {limits.MAX_LABELS} entries.",
    ),
    (
        r"\w*(NotificationRequest|NotificationHeader)\.(send|expire)_time",
        f"At most {limits.MAX_SCHEDULE_AHEAD_S // DAY} days ahead.",
    ),
    (r"\w*(NotificationRequest|NotificationHeader)\.expire_time", f"means {limits.DEFAULT_VALIDITY_S // HOUR} hours"),
    (
        r"ListRecentMessagesResponse\.messages",
        f"All pages together hold at most {limits.MAX_RECENT_MESSAGES:,}.",
    ),
    (r"Consent\.evidence", f"At most {limits.MAX_EVIDENCE:,} characters."),
    (r"ImportConsentsRequest\.consents", f"At most {limits.MAX_IMPORT_PART:,}."),
    (r"ImportConsentsResponse\.problems", f"the first {import_consents.MAX_PROBLEMS:,} of them."),
    (r"ContactPoint\.segments_per_second", f"At most {contact_points.MAX_SEGMENTS_PER_SECOND:,}."),
    (r"ContactPoint\.burst_segments", f"At most {contact_points.MAX_BURST_SEGMENTS:,}."),
    (r"ContactPoint\.\w+_roles", f"At most {contact_points.MAX_ROLES} entries."),
    (r"ContactPoint\.allowed_countries", f"At most {contact_points.MAX_COUNTRIES} entries."),
    (r"ContactPoint\.sender", f"(at most {contact_points.MAX_SENDER_NAME})"),
    (r"HandleWebhookRequest\.body", f"At most {limits.MAX_WEBHOOK_BODY:,} bytes."),
    (r"WebhookSubscription\.url", f"At most {webhooks.MAX_URL:,} characters."),
    (r"WebhookSubscription\.event_types", f"At most {webhooks.MAX_EVENT_TYPES} entries."),
    (
        r"RotateWebhookSecretRequest\.overlap",
        f"means {webhooks.OVERLAP_S / HOUR:g} hours. At most {webhooks.LONGEST_OVERLAP_S / DAY:g} days.",
    ),
    (r"\w+\.(cap_time_zone|time_zone|fallback_time_zone)", f"At most {time_zones.MAX_NAME} characters."),
)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    """The contract with its comments."""
    path = tmp_path_factory.mktemp("contract") / "set.binpb"
    generate = Path("protos") / "generate.py"
    subprocess.run([sys.executable, generate, "--descriptor-set", path], cwd=ROOT, check=True)
    return FileDescriptorSet.FromString(path.read_bytes())


@pytest.fixture(scope="module")
def comments(contract: FileDescriptorSet) -> dict[str, str]:
    """Comment by "Message.field", on one line; fields that are only given back are left out."""
    found = {}
    for file in contract.file:
        if file.package != "sendout.v1":
            continue
        lines = {tuple(of.path): " ".join(of.leading_comments.split()) for of in file.source_code_info.location}
        for place, message in enumerate(file.message_type):
            for name, path in _fields(message, (4, place)):
                found[name] = lines.get(path, "")
    return found


def _fields(message: DescriptorProto, path: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for place, field in enumerate(message.field):
        assert field.label != FieldDescriptorProto.LABEL_REQUIRED
        yield f"{message.name}.{field.name}", (*path, 2, place)


@pytest.mark.parametrize(("pattern", "sentence"), STATED)
def test_comments_state_the_domains_limits(comments: dict[str, str], pattern: str, sentence: str) -> None:
    """Each of these fields says in its comment the limit that the domain enforces."""
    names = [name for name in comments if re.fullmatch(pattern, name)]
    assert names, f"no field is called {pattern}"
    for name in names:
        said = comments[name]
        if said.startswith("Output only.") and "All pages" not in sentence:
            continue
        assert sentence in said, f"{name}: {said}"


def test_the_streams_limit_is_stated(contract: FileDescriptorSet) -> None:
    """The comments of the streaming send state how many recipients all its parts may hold."""
    said = " ".join(
        " ".join(of.leading_comments.split())
        for file in contract.file
        if file.name.endswith("notification_service.proto")
        for of in file.source_code_info.location
    )
    assert f"At most {limits.MAX_STREAM_RECIPIENTS:,} recipients in" in said
