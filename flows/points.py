"""One point of a sweep, trained as an experiment of DVC's own.

Apart from the flow: Prefect loads a flow's file under a name that the processes of a Ray cluster do not know.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.commands import run
from flows.reproducing import may_pass, state_of
from giemsa.workspace import Workspace

TRIES = 30

Value = bool | int | float | str | list[Any]
Point = dict[str, Value]


def experiment(name: str, point: Point) -> str:
    """Name a point's experiment in DVC: the same point of the same sweep has the same name."""
    digest = hashlib.sha256(json.dumps(point, sort_keys=True).encode()).hexdigest()
    return f"{name}-{digest[:8]}"


@task(
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    retries=TRIES,
    retry_delay_seconds=5,
    retry_jitter_factor=1.0,
    retry_condition_fn=may_pass,
)
def train(name: str, point: Point, stage: str, root: Path) -> State[None]:
    """Train one point in a folder of its own; it is tried again only while another DVC prepares its own."""
    if name in experiments(root):
        return Completed(name="Cached", message="It was trained before.")
    values = [f"--set-param={key}={json.dumps(value, separators=(',', ':'))}" for key, value in point.items()]
    workspace = Workspace(root)
    weights = [f"--copy-paths={file.relative_to(root)}" for file in workspace.weights.glob("*.h5")]
    # All points are tracked in one place; each would else have a database in its own folder.
    command = ["env", f"MLFLOW_TRACKING_URI={workspace.tracking_uri}", "dvc", "exp", "run", "--temp"]
    ended = run([*command, "--name", name, *values, *weights, stage], root)
    return state_of(stage, ended) if ended.code else Completed(message=f"{name} is trained.")


def experiments(root: Path) -> set[str]:
    """Name the experiments that DVC holds of the commit that the project stands on."""
    return set(run(["dvc", "exp", "list", "--name-only"], root, keep=None).lines)
