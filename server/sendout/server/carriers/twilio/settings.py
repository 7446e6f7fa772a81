"""The settings of a Twilio account."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from sendout.domain.addresses import is_here
from sendout.server.carriers.base import Capabilities

_Token = Annotated[SecretStr, Field(min_length=1, max_length=128)]


def _web_address(typed: str) -> str:
    """An address without a slash at its end. Passwords and texts must not cross a network in clear."""
    try:
        parts = urlsplit(typed)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("give an address such as https://sms.example.com") from None
    if not host or parts.scheme not in ("https", "http") or parts.query or parts.fragment or parts.username:
        raise ValueError("give an address such as https://sms.example.com, without user, ? and #")
    if parts.scheme == "http" and not is_here(host):
        raise ValueError("begin it with https://; http:// is for this machine alone")
    return typed.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


class TwilioSettings(BaseModel):
    """One account. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    account_sid: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$", description="The account's id, `AC…`.")
    auth_token: _Token = Field(description="Its auth token. Give it as `file:PATH` or `env:NAME`.")
    second_auth_token: _Token | None = Field(
        None, description="While tokens are changed: the other one, with which webhooks may be signed as well."
    )
    base_url: WebAddress = Field("https://api.twilio.com", description="The server that speaks the Messages API.")
    messaging_service_sid: str | None = Field(
        None, pattern=r"^[A-Za-z0-9-]{1,64}$", description="`MG…`: send through this service; senders are in its pool."
    )
    public_url: WebAddress | None = Field(
        None, description="Where the provider reaches the gateway. Without it there are no receipts and no replies."
    )
    window: int = Field(20, ge=1, le=1000, description="Requests under way, each on a connection of its own.")
    connect_timeout_s: float = Field(5.0, gt=0, le=60, description="To connect; after it the message was not sent.")
    answer_timeout_s: float = Field(
        10.0, gt=0, le=300, description="For the whole request; after it the outcome is not known."
    )
    refusal_503: bool = Field(
        False, description="The server took nothing when it answers 503; otherwise that is not known."
    )
    look_ups_per_second: float = Field(
        1.0, ge=0, le=100, description="How fast to look for messages whose answer was lost; 0 = never."
    )

    @property
    def tokens(self) -> list[str]:
        """With which webhooks may be signed."""
        found = [self.auth_token, self.second_auth_token]
        return [token.get_secret_value() for token in found if token is not None]

    def capabilities(self) -> Capabilities:
        """Long texts are the provider's to cut; without an address for its calls it tells nothing."""
        return Capabilities(
            splits=False,
            receipts_per_part=False,
            replies=self.public_url is not None,
            looks_up=self.look_ups_per_second > 0,
            webhooks=self.public_url is not None,
        )


def settings_table() -> str:
    """The settings as a Markdown table; the documentation holds a copy that a test compares."""
    lines = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for name, field in TwilioSettings.model_fields.items():
        shown = "required" if field.is_required() else "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"
