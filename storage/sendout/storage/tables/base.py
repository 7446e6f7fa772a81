"""The metadata that all tables share, and the column types that recur."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Micros = BigInteger
"""Microseconds since 1970, UTC."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""An ever-growing key: identity on PostgreSQL, rowid on SQLite."""


class RawText(TypeDecorator[str]):
    """Any string whatever, as bytes: PostgreSQL's texts take no NUL, and no database takes half a surrogate pair."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:
        return None if value is None else value.decode("utf-8", "surrogatepass")
