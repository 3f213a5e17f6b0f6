"""The one command line. Commands import what they need when they run, so that help is instant."""

import os
import sys

from giemsa.cli import drift, run
from giemsa.cli.app import app
from giemsa.errors import GiemsaError

__all__ = ["app", "drift", "main", "run"]


def main() -> None:
    """Run the command line; an expected failure is one sentence and an exit code, never a traceback."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app()
    except GiemsaError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
