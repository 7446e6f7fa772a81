"""`python -m sendout.gateway`: the gateway without the rest of the command line."""

import typer

from sendout.gateway.commandline import gateway

if __name__ == "__main__":
    typer.run(gateway)
