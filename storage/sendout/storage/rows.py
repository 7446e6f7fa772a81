"""Many rows as one parameter: the same statement text on both databases, whatever the number of rows.

PostgreSQL gets typed arrays (`unnest`), SQLite one JSON text (`json_each`); the caller sees a table either way.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ClauseElement,
    ColumnElement,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    column,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import Subquery
from sqlalchemy.types import TypeEngine

from sendout.storage.engine import BYTES_OF_HEX

Columns = Mapping[str, TypeEngine[Any]]


def rows_table(dialect: str, name: str, columns: Columns) -> Subquery:
    """A selectable with these columns, filled by `rows_parameters`. Join it like any table."""
    if dialect == "postgresql":
        arrays = [bindparam(f"{name}_{key}", type_=ARRAY(kind)) for key, kind in columns.items()]
        cells = func.unnest(*arrays).table_valued(
            *(column(key, kind) for key, kind in columns.items()), name=f"{name}_s"
        )
        table = cells.render_derived()
        return select(*(table.c[key] for key in columns)).subquery(name)
    return _json_rows(name, columns).subquery(name)


def _json_rows(name: str, columns: Columns) -> Select[Any]:
    each = func.json_each(bindparam(name, type_=String)).table_valued("value", name=f"{name}_each")
    return select(
        *(
            type_coerce(_cell(func.json_extract(each.c.value, f"$[{place}]"), kind), kind).label(key)
            for place, (key, kind) in enumerate(columns.items())
        )
    )


def _cell(value: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """JSON has no bytes: they come as hex, and a function of ours reads it (SQLite has one from 3.41 on)."""
    return getattr(func, BYTES_OF_HEX)(value) if isinstance(kind, LargeBinary) else value


def rows_parameters(
    connection: AsyncConnection, name: str, columns: Columns, rows: Sequence[Sequence[Any]]
) -> dict[str, Any]:
    """Parameters for `rows_table` of the same name and columns."""
    if connection.dialect.name == "postgresql":
        lists = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
        return {f"{name}_{key}": list(values) for key, values in zip(columns, lists, strict=True)}
    return {name: json.dumps([[_plain(value) for value in row] for row in rows])}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.hex if isinstance(value, uuid.UUID) else value


def as_script(statement: ClauseElement, parameters: Mapping[str, Any]) -> str:
    """The statement with its parameters in it, for PostgreSQL's simple protocol: whole numbers, texts, ids, and arrays
    of them. It ends in a semicolon."""
    compiled = _compiled(statement)
    cells = {**compiled.params, **parameters}
    values = [_literal(cells[name]) for name in compiled.positiontup]
    return _PLACE.sub(lambda found: values[int(found[1]) - 1], str(compiled)) + ";"


_PLACE = re.compile(r"\$(\d+)")


@cache
def _compiled(statement: ClauseElement) -> Any:
    dialect: Any = asyncpg.dialect
    return statement.compile(dialect=dialect())


def _literal(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    text = "{" + ",".join(map(_element, value)) + "}" if isinstance(value, list) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _element(value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def insert_into(dialect: str, table: Table) -> Any:
    """INSERT as the database spells it, with ON CONFLICT, which both have and SQLAlchemy's own has not."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


async def insert_once(connection: AsyncConnection, table: Table, **values: Any) -> bool:
    """Insert one row; False, and nothing changed, where a row stands that has its key."""
    statement = insert_into(connection.dialect.name, table).values(**values).on_conflict_do_nothing()
    return bool((await connection.execute(statement)).rowcount == 1)


async def insert_rows(
    connection: AsyncConnection,
    table: Table,
    columns: Columns,
    rows: Sequence[Sequence[Any]],
    *,
    or_ignore: bool = False,
    returning: str | None = None,
) -> list[Any]:
    """Insert many rows in one statement; with `or_ignore`, rows whose key exists are passed over.

    Answers the column `returning` of the rows that were inserted, where one is named.
    """
    if not rows:
        return []
    statement = _insert_statement(connection.dialect.name, table, tuple(columns.items()), or_ignore, returning)
    done = await connection.execute(statement, rows_parameters(connection, "fresh", columns, rows))
    return list(done.scalars()) if returning else []


@cache
def _insert_statement(
    dialect: str,
    table: Table,
    columns: tuple[tuple[str, TypeEngine[Any]], ...],
    or_ignore: bool,
    returning: str | None,
) -> Any:
    fresh = rows_table(dialect, "fresh", dict(columns))
    # SQLite's grammar needs a WHERE between SELECT and ON CONFLICT.
    chosen = select(*(fresh.c[name] for name, _ in columns)).where(fresh.c[columns[0][0]].is_not(None))
    statement = insert_into(dialect, table).from_select([name for name, _ in columns], chosen)
    if or_ignore:
        statement = statement.on_conflict_do_nothing()
    return statement.returning(table.c[returning]) if returning else statement
