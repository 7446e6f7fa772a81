"""The tables of the documents that are made from the code, and where they stand.

    python -m tests.packaging.tables      write them into the documents anew

Each stands between `<!-- table: NAME -->` and `<!-- end -->`; a test holds what is there equal to what is made here.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator

from google.protobuf.descriptor import ServiceDescriptor

import sendout.v1
from sendout.domain.errors import Reason, category_of
from sendout.gateway.settings import settings_table as gateway_table
from sendout.server.carriers.simulator import numbers_table
from sendout.server.carriers.twilio.settings import settings_table as twilio_table
from sendout.server.config import settings_table
from sendout.server.telemetry.names import METRICS
from tests.packaging.tree import ROOT


def services() -> Iterator[ServiceDescriptor]:
    """Every service of the contract, by name."""
    for module in pkgutil.iter_modules(sendout.v1.__path__):
        if module.name.endswith("_service_pb2"):
            loaded = importlib.import_module(f"sendout.v1.{module.name}")
            yield from loaded.DESCRIPTOR.services_by_name.values()


def errors_table() -> str:
    """Every reason with its status and what the contract says about it."""
    said = _reason_comments()
    rows = ["| Reason | Status | What it means and what to do |", "|---|---|---|"]
    for reason in Reason:
        status = category_of(reason).name
        comment = said[reason.name].removeprefix(f"{status}. ")
        assert comment != said[reason.name], f"The comment of {reason.name} does not begin with {status}."
        rows.append(f"| `{reason.name}` | {status} | {comment} |")
    return "\n".join(rows) + "\n"


def _reason_comments() -> dict[str, str]:
    """The comment of each value of `ErrorReason`, on one line."""
    text = (ROOT / "protos" / "sendout" / "v1" / "error_reason.proto").read_text()
    found = {}
    for comment, name in re.findall(r"((?:^  // .*\n)+)^  ([A-Z_]+) = \d+;", text, re.MULTILINE):
        found[name] = " ".join(line.strip().removeprefix("// ") for line in comment.splitlines())
    return found


def metrics_table() -> str:
    """Every metric with its unit and meaning."""
    rows = ["| Metric | Unit | Meaning |", "|---|---|---|"]
    rows += [f"| `{metric.name}` | `{metric.unit}` | {metric.description} |" for metric in METRICS]
    return "\n".join(rows) + "\n"


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "settings": ("README.md", settings_table),
    "simulator": ("README.md", numbers_table),
    "errors": ("docs/errors.md", errors_table),
    "metrics": ("docs/operations.md", metrics_table),
    "twilio": ("docs/twilio.md", twilio_table),
    "gateway": ("docs/rest.md", gateway_table),
}
"""By name: the document and what makes the table."""


def between(name: str) -> re.Pattern[str]:
    """Matches a table with its two marks; group 2 is the table."""
    return re.compile(rf"(<!-- table: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def write() -> None:
    """Write every table into its document."""
    for name, (document, make) in TABLES.items():
        path = ROOT / document
        text = path.read_text()
        found = between(name).search(text)
        if found is None:
            raise SystemExit(f"{document} must have the marks of the table {name}.")
        path.write_text(text[: found.start(2)] + make() + text[found.end(2) :])


if __name__ == "__main__":
    write()
