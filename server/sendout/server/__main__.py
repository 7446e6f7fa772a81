"""`python -m sendout.server serve`: the commands that run Sendout, without the rest of the command line."""

import typer

from sendout.server.commandline import register

application = typer.Typer(no_args_is_help=True, add_completion=False)
register(application)

if __name__ == "__main__":
    application()
