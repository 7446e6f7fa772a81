"""The settings of an SMPP account."""

from __future__ import annotations

import ssl
import zoneinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from sendout.server.carriers.base import Capabilities, OutcomeKind
from sendout.server.carriers.smpp.status import OWN_CODES, OWN_KINDS


class LongMessages(StrEnum):
    """How a text of several parts travels."""

    UDH_8 = "udh8"
    UDH_16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


class ReceiptIds(StrEnum):
    """How the id in a receipt is made into the one that the answer to the submit gave."""

    AS_IS = "as_is"
    STRIP_ZEROS = "strip_zeros"
    DECIMAL_TO_HEX = "decimal_to_hex"
    HEX_TO_DECIMAL = "hex_to_decimal"


def _code(typed: object) -> object:
    """`0x4A1` or `1185`; anything else is left for pydantic to refuse."""
    try:
        return int(typed, 0) if isinstance(typed, str) else typed
    except ValueError:
        return typed


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("give a time zone by its IANA name, such as Europe/Paris") from None
    return name


OwnCode = Annotated[int, BeforeValidator(_code), Field(ge=OWN_CODES.start, lt=OWN_CODES.stop)]
_Seconds = Annotated[float, Field(gt=0, le=3600)]


class SmppSettings(BaseModel):
    """One account at an SMSC. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    host: str = Field(min_length=1, description="Name or address of the SMSC.")
    port: int = Field(2775, ge=1, le=65535, description="Its port.")
    system_id: str = Field(min_length=1, max_length=15, description="The account's name.")
    password: SecretStr = Field(SecretStr(""), max_length=64, description="Give it as `file:PATH` or `env:NAME`.")
    system_type: str = Field("", max_length=12, description="Where the provider asks for one.")
    bind: Literal["transceiver", "transmitter_receiver"] = Field(
        "transceiver", description="`transceiver`, or `transmitter_receiver` for two connections, one each way."
    )
    binds: int = Field(1, ge=1, le=32, description="How many connections (or pairs of them) to keep.")
    window: int = Field(10, ge=1, le=1000, description="Submits without an answer, per connection.")
    tls: bool = Field(False, description="Encrypt, and check the SMSC's certificate.")
    tls_ca: Path | None = Field(None, description="File of the authority to trust instead of the system's.")
    tls_cert: Path | None = Field(None, description="File of our own certificate, where the SMSC asks for one.")
    tls_key: Path | None = Field(None, description="File of its key.")
    tls_server_name: str | None = Field(None, description="The name in the SMSC's certificate, if not `host`.")
    connect_timeout_s: _Seconds = Field(10.0, description="To connect and to bind.")
    response_timeout_s: _Seconds = Field(30.0, description="After this an answer is lost and the connection renewed.")
    enquire_interval_s: _Seconds = Field(30.0, description="Silence after which to ask whether the SMSC is there.")
    reconnect_max_s: _Seconds = Field(60.0, description="Longest pause between two attempts to connect.")
    long_messages: LongMessages = Field(
        LongMessages.UDH_8, description="Parts by `udh8`, `udh16` or `sar`, or whole texts as `payload`."
    )
    receipt_ids: ReceiptIds = Field(
        ReceiptIds.AS_IS,
        description="How to make the id of a receipt into that of the answer: `as_is`, `strip_zeros` (and case), "
        "`decimal_to_hex`, `hex_to_decimal`.",
    )
    receipt_time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "UTC", description="The zone of the times in receipts."
    )
    statuses: dict[OwnCode, OutcomeKind] = Field(
        default_factory=dict, description='What 0x400 to 0x4FF mean here, such as `{"0x4A1": "content_refused"}`.'
    )
    segments_per_second: float | None = Field(None, gt=0, description="What the provider takes from one sender.")

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if not self.tls and (self.tls_ca or self.tls_cert or self.tls_server_name):
            raise ValueError("a tls_ setting needs tls = true")
        if wrong := set(self.statuses.values()) - OWN_KINDS:
            names = ", ".join(sorted(kind.value for kind in OWN_KINDS))
            raise ValueError(f"statuses: {min(kind.value for kind in wrong)} is no refusal; use one of {names}")
        return self

    @property
    def reference_bits(self) -> int:
        """Of the reference of parts. SAR may become a header of either size, so the larger one is kept free."""
        return 16 if self.long_messages in (LongMessages.UDH_16, LongMessages.SAR) else 8

    def capabilities(self) -> Capabilities:
        """Parts are ours to make unless the SMSC takes whole payloads; then it has one id and one receipt for them."""
        splits = self.long_messages is not LongMessages.PAYLOAD
        return Capabilities(
            splits=splits,
            receipts_per_part=splits,
            replies=True,
            reference_bits=self.reference_bits,
            segments_per_second=self.segments_per_second,
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """What to encrypt with. Raises RuntimeError with a sentence where a file cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
            if self.tls_cert and self.tls_key:
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:  # ssl.SSLError is one
            raise RuntimeError(
                f"The certificates of SMPP account {self.system_id!r} cannot be used: {error.strerror or error}. "
                "Check tls_ca, tls_cert and tls_key."
            ) from None
        return context
