"""The one command line. Commands import what they need when they run, so that help is instant."""

import gc
import os
import sys

from giemsa.cli import audit, doctor, drift, ingest, lineage, models, predict, run, serve, summary, track
from giemsa.cli.app import app
from giemsa.errors import GiemsaError

__all__ = [
    "app",
    "audit",
    "doctor",
    "drift",
    "ingest",
    "lineage",
    "main",
    "models",
    "predict",
    "run",
    "serve",
    "summary",
    "track",
]

# No tool phones home, and TensorFlow keeps its start-up notes to itself.
QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

OBJECTS = 50_000  # made since the last look for garbage


def main() -> None:
    """Run the command line; an expected failure is one sentence and an exit code, never a traceback."""
    # What is imported stays: looking for garbage among it every 700 objects takes a tenth of a short command.
    gc.set_threshold(OBJECTS)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except GiemsaError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
