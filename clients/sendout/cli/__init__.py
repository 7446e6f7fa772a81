"""The command line: `sendout send`, `sendout history`, … over the client; `sendout up` with the server.

`app` puts the commands together; `sending`, `history` and `administration` hold them; `output` is where everything is
printed, on a terminal with colours and bars, otherwise in plain lines.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The `sendout` script."""
    try:
        from sendout.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich"):
            raise
        print("sendout: The command line is not installed. Run: pip install 'sendout[cli]'", file=sys.stderr)
        raise SystemExit(1) from None
    app()
