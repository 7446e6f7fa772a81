"""`usage` and `prices`: what is to be billed, and what a segment costs."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer
from google.type.date_pb2 import Date

from sendout.cli import output
from sendout.cli.administration import done
from sendout.cli.arguments import Output, examples, future, past
from sendout.cli.output import Format
from sendout.client import Client
from sendout.client.cells import safe_cell
from sendout.client.money import amount_of, in_words
from sendout.v1 import usage_pb2
from sendout.v1.price_pb2 import Price
from sendout.v1.usage_pb2 import UsageRow
from sendout.v1.usage_service_pb2 import GetUsageResponse

prices = typer.Typer(no_args_is_help=True, help="Set, list and delete what a segment costs.")

_DIMENSIONS = {
    "contact-point": usage_pb2.USAGE_DIMENSION_CONTACT_POINT,
    "topic": usage_pb2.USAGE_DIMENSION_TOPIC,
    "country": usage_pb2.USAGE_DIMENSION_COUNTRY,
    "day": usage_pb2.USAGE_DIMENSION_DAY,
    "month": usage_pb2.USAGE_DIMENSION_MONTH,
}
_HEADINGS = {
    "contact-point": "Contact point",
    "topic": "Topic",
    "country": "Country",
    "day": "Day",
    "month": "Month",
}
Country = Annotated[str, typer.Option("--country", help="Two-letter code of the recipients' country, such as GB.")]
ForPoint = Annotated[str, typer.Option("--contact-point", help="The contact point it is for; all otherwise.")]
ForCountry = Annotated[str, typer.Option("--country", help="Two-letter code of the country it is for; all otherwise.")]


def usage(
    since: Annotated[str, typer.Option("--since", help="From when: 30d, 2026-03-01 (local time).")] = "30d",
    until: Annotated[str | None, typer.Option("--until", help="Until when, not included; now otherwise.")] = None,
    by: Annotated[
        str, typer.Option("--by", help=f"What to group by, with commas: {', '.join(_DIMENSIONS)}; one sum otherwise.")
    ] = "",
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Zone in which days and months begin, such as Europe/Paris.")
    ] = "UTC",
    contact_point: Annotated[str, typer.Option("--contact-point", help="Only from this contact point.")] = "",
    topic: Annotated[str, typer.Option("--topic", help="Only this topic.")] = "",
    country: Country = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV, for a spreadsheet or the bill.")] = False,
    form: Output = Format.TEXT,
) -> None:
    """Add up billable segments and what they cost.

    A message counts when it was handed to the carrier, at the price of that moment; what was refused never counts.
    """
    names = _names(by)
    with Client() as client:
        answer = client.usage(
            start=past(since),
            end=past(until) if until else datetime.now(UTC),
            group_by=[_DIMENSIONS[name] for name in names],
            time_zone=time_zone,
            contact_point=contact_point,
            topic=topic,
            country=country,
            page_size=1000,
        ).whole()
    if form is Format.JSON:
        output.json(answer)
    elif as_csv:
        _write_csv(names, answer.rows or [answer.total])
    else:
        _show(names, answer)


def _names(by: str) -> list[str]:
    names = [name for name in (part.strip().lower().replace("_", "-") for part in by.split(",")) if name]
    for name in names:
        if name not in _DIMENSIONS:
            allowed = ", ".join(_DIMENSIONS)
            raise typer.BadParameter(f"'{name}' cannot be grouped by. Choose from {allowed}.", param_hint="--by")
    return list(dict.fromkeys(names))


def _show(names: Sequence[str], answer: GetUsageResponse) -> None:
    total = answer.total
    rows = [(*(key or "-" for key in _keys(names, row)), *_sums(row)) for row in answer.rows] if names else []
    rows.append((*("Total", *[""] * len(names))[: len(names)], *_sums(total)))
    output.table((*(_HEADINGS[name] for name in names), "Messages", "Segments", "Cost"), rows)
    if total.unpriced_segments:
        output.note(
            f"The cost leaves out {output.count(total.unpriced_segments, 'segment')} for which there was no price. "
            "sendout prices set gives one for what is sent from then on."
        )


def _keys(names: Sequence[str], row: UsageRow) -> list[str]:
    found = {
        "contact-point": row.contact_point_id,
        "topic": row.topic_id,
        "country": row.country,
        "day": _day(row.day),
        "month": _day(row.day)[:7],
    }
    return [found[name] for name in names]


def _day(day: Date) -> str:
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def _sums(row: UsageRow) -> list[str]:
    return [f"{row.messages:,}", f"{row.billable_segments:,}", in_words(row.cost) if row.HasField("cost") else "-"]


def _write_csv(names: Sequence[str], rows: Sequence[UsageRow]) -> None:
    writer = csv.writer(sys.stdout)
    keys = [name.replace("-", "_") for name in names]
    writer.writerow([*keys, "messages", "billable_segments", "cost", "currency", "unpriced_segments"])
    for row in rows:
        cost = [format(amount_of(row.cost), "f"), row.cost.currency_code] if row.HasField("cost") else ["", ""]
        cells = [*_keys(names, row), row.messages, row.billable_segments, *cost, row.unpriced_segments]
        writer.writerow([safe_cell(str(cell)) for cell in cells])


@prices.command("list", epilog=examples("sendout prices list --country GB"))
def list_prices(
    contact_point: Annotated[str, typer.Option("--contact-point", help="Only those for this contact point.")] = "",
    country: Annotated[str, typer.Option("--country", help="Only those for this country.")] = "",
    form: Output = Format.TEXT,
) -> None:
    """List prices, the latest first."""
    with Client() as client:
        answer = client.prices(contact_point=contact_point, country=country, page_size=1000).whole()
    if form is Format.JSON:
        output.json(answer)
        return
    rows = [
        (
            one.contact_point_id or "all",
            one.country or "all",
            in_words(one.per_segment),
            output.local(one.start_time, "-"),
            one.price_id,
        )
        for one in answer.prices
    ]
    output.table(("Contact point", "Country", "Per segment", "From", "Price"), rows, "No prices: nothing has a cost.")


@prices.command(
    "set",
    epilog=examples(
        "sendout prices set 0.05 EUR",
        "sendout prices set 0.07 EUR --country GB",
        "sendout prices set 0.06 EUR --country GB --contact-point main --from 2027-01-01",
    ),
)
def set_price(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="What one segment costs, such as 0.07.")],
    currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="Three letters, such as EUR; all prices' own.")],
    contact_point: ForPoint = "",
    country: ForCountry = "",
    start: Annotated[str | None, typer.Option("--from", help="From when it holds, such as 2027-01-01.")] = None,
    form: Output = Format.TEXT,
) -> None:
    """Set what a segment costs from now on, or from --from on.

    Of the prices that fit, the contact point's go before those of all, then the country's before those of all, then the
    latest. What was sent before keeps its price.
    """
    with Client() as client:
        answer = client.create_price(
            _amount(amount),
            currency,
            contact_point=contact_point,
            country=country,
            start=future(start) if start else None,
        )
    done(answer, form, _in_words(answer.price))


def _amount(typed: str) -> Decimal:
    if re.fullmatch(r"\d{1,9}([.]\d{1,9})?", typed, re.ASCII):
        return Decimal(typed)
    raise typer.BadParameter(f"'{typed}' is no price. Write it as 0.07: a point, at most nine decimals.")


def _in_words(price: Price) -> str:
    whom = f"from {price.contact_point_id}" if price.contact_point_id else "from every contact point"
    where = f"to {price.country}" if price.country else "to every country"
    start = output.local(price.start_time, "now")
    return f"A segment {whom} {where} costs {in_words(price.per_segment)} from {start} on. Price {price.price_id}."


@prices.command("delete", epilog=examples("sendout prices delete 0199b2c4-1d2e-7a3b-8c4d-5e6f7a8b9c0d"))
def delete_price(
    price_id: Annotated[str, typer.Argument(metavar="PRICE", help="The price's id; sendout prices list shows it.")],
    form: Output = Format.TEXT,
) -> None:
    """Delete a price. What was sent while it held keeps it."""
    with Client() as client:
        answer = client.delete_price(price_id)
    done(answer, form, f"Deleted price {price_id}.")


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    application.command(
        rich_help_panel="What became of it",
        epilog=examples(
            "sendout usage --since 30d --by day,country",
            "sendout usage --since 2026-03-01 --until 2026-04-01 --by contact-point,topic --csv > march.csv",
        ),
    )(usage)
    application.add_typer(prices, name="prices", rich_help_panel="Setting up")
