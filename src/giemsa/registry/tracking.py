"""Training runs in MLflow: one per piece of work, found again by its fingerprint, filled epoch by epoch."""

import getpass
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from giemsa.progress import say
from giemsa.registry.connection import connect, experiment_id, locked, plain_reason
from giemsa.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities import Run as Entity
    from mlflow.tracking import MlflowClient

FINGERPRINT = "giemsa.fingerprint"


@dataclass
class Run:
    """One MLflow run that is being filled.

    What it already holds is not written again, so that work taken up after a kill supersedes what was
    half logged: the same step never carries the same figure twice. MLflow failing half-way does not stop
    the work, since ``giemsa track`` rebuilds the run from the stage's outputs.
    """

    client: "MlflowClient"
    id: str
    _held: dict[tuple[str, int], float] = field(default_factory=dict)
    _lost: bool = False

    @classmethod
    def taken_up(cls, client: "MlflowClient", run: "Entity") -> Self:
        """Go on with a run that exists, knowing what it holds already."""
        held = {
            (metric.key, metric.step): metric.value
            for key in run.data.metrics
            for metric in client.get_metric_history(run.info.run_id, key)
        }
        return cls(client, str(run.info.run_id), held)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the figures of one epoch, visible at once."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        new = [
            Metric(key, float(value), now, step)
            for key, value in metrics.items()
            if self._held.get((key, step)) != float(value)
        ]
        with self._forgiving():
            self.client.log_batch(self.id, metrics=new)
            self._held.update({(metric.key, step): metric.value for metric in new})

    def artifact(self, path: Path, folder: str = "") -> None:
        """Add a file, or all files of a folder, below ``folder`` of the run's artifacts."""
        with self._forgiving():
            if path.is_dir():
                self.client.log_artifacts(self.id, str(path), folder or None)
            else:
                self.client.log_artifact(self.id, str(path), folder or None)

    def describe(self, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Record parameters (nested mappings become dotted names) and tags."""
        from mlflow.entities import Param, RunTag

        entries = [Param(key, str(value)) for key, value in flat(params)]
        with self._forgiving():
            self.client.log_batch(self.id, params=entries, tags=[RunTag(*tag) for tag in tags.items()])

    def status(self, status: str) -> None:
        """Tell people where the work stands: RUNNING, FINISHED, FAILED or KILLED."""
        with self._forgiving():
            if status == "RUNNING":
                self.client.update_run(self.id, status)
            else:
                self.client.set_terminated(self.id, status)

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError) as error:
            if not self._lost:
                self._lost = True
                say(f'MLflow stopped answering ({plain_reason(error)}): "giemsa track" fills the gap later.')


@contextmanager
def stage_run(
    workspace: Workspace,
    name: str,
    *,
    fingerprint: str,
    params: Mapping[str, object],
    tags: Mapping[str, str],
) -> Iterator[Run]:
    """Open the run of a piece of work: the one that stands for it already, or a new one.

    A run that was killed is taken up again; a finished one stays finished and receives only what it lacks.

    Args:
        workspace: the project, which knows MLflow's address.
        name: the run's name, such as ``"cnn"``.
        fingerprint: names the work, see :func:`giemsa.registry.fingerprints.fingerprint`.
        params: parameters to record; nested mappings become dotted names.
        tags: tags to record, such as the hashes of data and code.

    Raises:
        UsageError: if MLflow does not answer.
    """
    client = connect(workspace)
    with locked(workspace):
        entity = find_run(client, fingerprint) or _create(client, name, fingerprint)
    run = Run.taken_up(client, entity)
    finished = entity.info.status == "FINISHED"
    lacking = {key: value for key, value in tags.items() if key not in entity.data.tags}
    run.describe(params, lacking if finished else tags)
    if finished:
        yield run
        return
    run.status("RUNNING")
    try:
        yield run
    except BaseException as error:
        run.status("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    run.status("FINISHED")


def find_run(client: "MlflowClient", fingerprint: str) -> "Entity | None":
    """Find the run that stands for a piece of work, the finished one first."""
    found = client.search_runs([experiment_id(client)], f"tags.`{FINGERPRINT}` = '{fingerprint}'")
    return min(found, key=lambda run: bool(run.info.status != "FINISHED"), default=None)


def flat(params: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Give the leaves of nested mappings under dotted names."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _create(client: "MlflowClient", name: str, fingerprint: str) -> "Entity":
    tags = {"mlflow.user": getpass.getuser(), "mlflow.runName": name, FINGERPRINT: fingerprint}
    return client.create_run(experiment_id(client), tags=tags)
