"""The ``sweep`` flow: a grid of parameters, each point an experiment of DVC's own, side by side in MLflow."""

import itertools
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.notifying import notify_of_failure
from flows.parameters import override
from flows.points import Point, Value, experiment, experiments, train
from flows.running import settle_in
from giemsa.errors import GiemsaError, UsageError
from giemsa.registry.connection import connect
from giemsa.settings import Compute
from giemsa.workspace import Workspace, find_workspace

DAY_S = 24 * 3600
DECIMALS = 4
STAGES = {"cnn": "train", "fine-tuned": "fine-tune"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")

Grid = dict[str, list[Value]]


@flow(name="sweep", timeout_seconds=7 * DAY_S, on_failure=[notify_of_failure], on_crashed=[notify_of_failure])
def sweep(
    grid: Grid, name: str = "", model: Literal["cnn", "fine-tuned"] = "cnn", at_once: int = 1
) -> State[None]:
    """Train a model at every point of a grid and compare them on the validation cells.

    The project's own parameters, data and models stay as they are. A point that was trained under this name
    before is not trained again.

    Args:
        grid: Values to try for params.yaml by dotted name, such as
            {"train.learning_rate": [0.002, 0.004], "train.dropout": [0.1, 0.3]}: each with each.
        name: What the sweep is called in DVC and MLflow: letters, digits, hyphens. Empty: the run's own name.
        model: Which model to train.
        at_once: Points that are trained at the same time on this machine. With compute.engine ray the cluster
            takes as many as it has cores for.
    """
    settle_in()
    workspace = find_workspace()
    name = name or str(flow_run.name)
    try:
        points = [point_of(values, grid) for values in itertools.product(*grid.values())]
        compute = check(points, name, workspace)
        connect(workspace)  # Its database is made once, before several points would make it at once.
    except GiemsaError as error:
        return Failed(message=str(error))
    in_parallel = train_all.with_options(task_runner=_runner(compute, at_once))
    ended = in_parallel(points, name, model, workspace.root, return_state=True)
    rows = compare(points, name, model, workspace)
    if not rows:
        why = ended.message or "their task runs say why."
        return Failed(message=f"None of {len(points)} points was trained: {why}")
    done = f"{len(rows)} of {len(points)} points of {name}"
    return (Completed if len(rows) == len(points) else Failed)(
        message=f"{done}; best: {rows[0]['experiment']}."
    )


def point_of(values: Sequence[Value], grid: Mapping[str, object]) -> Point:
    """Give one point of a grid: a value for each of its names."""
    return dict(zip(grid, values, strict=True))


def check(points: Sequence[Point], name: str, workspace: Workspace) -> Compute:
    """Make sure that every point is one that ``params.yaml`` could hold, before anything runs.

    Returns:
        Where to compute.

    Raises:
        UsageError: naming what is wrong.
    """
    if not NAME.fullmatch(name):
        message = f'"{name}" cannot name a sweep: use letters, digits and hyphens.'
        raise UsageError(message)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / workspace.params.name
        copy.write_bytes(workspace.params.read_bytes())
        compute = override(copy, {}).compute
        for point in points:
            override(copy, point)
    return compute


def _runner(compute: Compute, at_once: int) -> TaskRunner[Any]:
    """Train the points on the machines of a Ray cluster, which share the project's folder, or on this one."""
    if compute.engine != "ray":
        return ThreadPoolTaskRunner(max_workers=at_once)
    from prefect_ray import RayTaskRunner

    from giemsa import engine

    engine.connect(compute.workers)
    on_ray: TaskRunner[Any] = RayTaskRunner()
    return on_ray


@flow(name="points", timeout_seconds=7 * DAY_S)
def train_all(points: list[Point], name: str, model: str, root: Path) -> State[None]:
    """Train every point, whatever becomes of the others."""
    futures = [train.submit(experiment(name, point), point, STAGES[model], root) for point in points]
    for future in futures:
        future.wait()
    lost = [str(future.state.message) for future in futures if future.state.is_crashed()]
    return Failed(message=lost[0]) if lost else Completed()


def compare(points: Sequence[Point], name: str, model: str, workspace: Workspace) -> list[dict[str, Any]]:
    """Show the points that were trained side by side, best first, and mark their runs in MLflow.

    They are compared on the validation cells: the test cells are for the one model that is chosen.
    """
    known = {experiment(name, point): point for point in points}
    trained = experiments(workspace.root)
    rows = [
        {**point, **_result(workspace, point, sweep=name, experiment=title, model=model)}
        for title, point in known.items()
        if title in trained
    ]
    rows.sort(key=lambda row: (row["loss"], -row["macro-F1"]))
    if rows:
        create_table_artifact(rows, key="sweep", description=f"{model} on the validation cells, best first.")
    return rows


def _result(workspace: Workspace, point: Point, *, sweep: str, experiment: str, model: str) -> dict[str, Any]:
    """Give the figures of a trained point's best epoch, and mark its run."""
    from dvc.api import DVCFileSystem

    from giemsa.registry.training_runs import mark_run
    from giemsa.training.bundle import read_history, read_info

    with tempfile.TemporaryDirectory() as folder:
        files = DVCFileSystem(str(workspace.root), rev=experiment)
        for file in ("bundle.json", "history.csv"):
            files.get_file(f"models/{model}/{file}", f"{folder}/{file}")
        history = read_history(Path(folder))
        # What training kept is one of the last phase's; losses at other resolutions say nothing of it.
        last = (epoch for epoch in history if epoch.phase == history[-1].phase)
        best = min(last, key=lambda epoch: epoch.val_loss)
        tried = " ".join(f"{key}={value}" for key, value in point.items())
        run_id = mark_run(workspace, read_info(Path(folder)), {"sweep": sweep, "point": tried})
    figures = {"macro-F1": best.val_macro_f1, "accuracy": best.val_accuracy, "loss": best.val_loss}
    rounded = {key: round(value, DECIMALS) for key, value in figures.items()}
    return {**rounded, "experiment": experiment, "run": run_id}
