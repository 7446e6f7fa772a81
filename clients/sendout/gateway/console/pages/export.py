"""The messages of an interval as a CSV file, passed on as the server streams them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc.aio
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sendout.client.cells import EXPORT_COLUMNS, exported
from sendout.gateway.console.pages.history import interval_of
from sendout.gateway.console.visits import Console, Visit
from sendout.gateway.transcode.refusals import later
from sendout.v1 import history_service_pb2

_MOST_AT_ONCE = 20  # all calls share one connection, which takes 256


def routes(console: Console) -> list[Route]:
    """The download."""
    exports = Exports()
    return [console.page("/history/export", exports.download)]


class Exports:
    """The downloads of this process."""

    def __init__(self) -> None:
        self._open = 0

    async def download(self, visit: Visit) -> Response:
        """The file. What the server refuses is known before it begins; a break later breaks the download off."""
        if self._open >= _MOST_AT_ONCE:
            raise later(f"{_MOST_AT_ONCE} exports are under way already. Try again in a moment.", seconds=5)
        interval = interval_of(visit)
        topic_id = visit.request.query_params.get("topic", "")
        call = visit.follow(
            history_service_pb2.ExportMessagesRequest(
                topic_id=topic_id, start_time=interval.start_time, end_time=interval.end_time
            )
        )
        self._open += 1
        call.add_done_callback(self._done)
        first = await call.read()
        name = "-".join(part for part in ("messages", topic_id, str(interval.first), str(interval.last)) if part)
        headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
        return StreamingResponse(_file(call, first), media_type="text/csv; charset=utf-8", headers=headers)

    def _done(self, _call: Any) -> None:
        self._open -= 1


async def _file(call: Any, answer: Any) -> AsyncIterator[str]:
    """Piece by piece; the call ends with it."""
    try:
        yield "\ufeff" + _lines([EXPORT_COLUMNS])  # spreadsheets take a file without the mark for another encoding
        while answer is not grpc.aio.EOF:
            yield _lines(exported(row) for row in answer.messages)
            answer = await call.read()
    finally:
        call.cancel()


def _lines(rows: Iterable[Iterable[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
