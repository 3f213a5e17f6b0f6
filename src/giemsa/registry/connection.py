"""Reach MLflow: quietly, quickly, and with one clear sentence when it is not there."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from giemsa.errors import UsageError
from giemsa.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "giemsa"

_QUIET_AND_QUICK = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def connect(workspace: Workspace) -> "MlflowClient":
    """Give a client of the workspace's MLflow, with its database initialised and its experiment made.

    Raises:
        UsageError: naming the address and the mend, when MLflow does not answer there.
    """
    return _connect(workspace.tracking_uri, workspace.root.resolve())


def experiment_id(client: "MlflowClient") -> str:
    """Give the id of the one experiment, which :func:`connect` has made."""
    found = client.get_experiment_by_name(EXPERIMENT)
    assert found is not None
    return str(found.experiment_id)


def plain_reason(error: Exception) -> str:
    """Say in one line what MLflow or its database complained of."""
    first = str(error).strip().splitlines() or [type(error).__name__]
    short = re.sub(r"\s*with (url|exception).*", "", first[0])[:200].rstrip(".: ")
    return _without_password(short)


def unanswered(uri: str, error: Exception) -> UsageError:
    """Say that MLflow does not answer, and what to do."""
    return UsageError(
        f"MLflow cannot be used at {_without_password(uri)} ({plain_reason(error)}): "
        "start its server there, or unset MLFLOW_TRACKING_URI to use the project's own database."
    )


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Let one process of the project at a time look up and create in MLflow."""
    path = workspace.root / ".cache" / "mlflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield


@cache
def _connect(uri: str, root: Path) -> "MlflowClient":
    for name, value in _QUIET_AND_QUICK.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401  (its import sets the logging up that is quietened next)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    _quieten()
    try:
        with locked(Workspace(root)):
            client = MlflowClient(uri, uri)
            _ensure_experiment(client, uri, root)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise unanswered(uri, error) from None
    return client


def _ensure_experiment(client: "MlflowClient", uri: str, root: Path) -> None:
    place = (root / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
    known = client.get_experiment_by_name(EXPERIMENT)
    own = uri == f"sqlite:///{root}/mlflow.db"
    if known and own and known.artifact_location.startswith("file:") and known.artifact_location != place:
        # The project was moved or copied: what is written from now on must not go to the old place.
        old = f"{EXPERIMENT} {known.experiment_id}, in {known.artifact_location}"
        client.rename_experiment(known.experiment_id, old)
        known = None
    if known is None:
        client.create_experiment(EXPERIMENT, place)


def _without_password(text: str) -> str:
    return re.sub(r"//[^@/\s]*@", "//***@", text)


def _quieten() -> None:
    for name in ("mlflow", "alembic", "sqlalchemy.engine", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
