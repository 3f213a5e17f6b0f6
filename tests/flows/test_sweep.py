"""A sweep trains every point of its grid beside the project, never in it, and compares them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.points import Point, experiment
from flows.sweep import check
from giemsa.errors import UsageError
from giemsa.workspace import Workspace
from tests.flows.support import CONFIG, Services
from tests.pipeline.project import ROOT, SMALL, Project, write_cells

CLASSES = ("lymphocyte", "platelet")
QUICK = {"train": {"max_epochs": 1, "widths": [8]}}
GRID = {"train.learning_rate": [0.01, 0.02], "train.widths": [[8]]}
POINTS: list[Point] = [{"train.learning_rate": rate, "train.widths": [8]} for rate in (0.01, 0.02)]
PATIENCE_S = 600


def standing(tmp_path: Path) -> Workspace:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return Workspace(tmp_path)


def test_every_point_is_checked_before_anything_runs(tmp_path: Path) -> None:
    workspace = standing(tmp_path)
    before = workspace.params.read_bytes()
    assert check(POINTS, "rates", workspace).engine == "local"
    with pytest.raises(UsageError, match=r"train\.dropout: input should be less than 1"):
        check([*POINTS, {"train.dropout": 2.0}], "rates", workspace)
    with pytest.raises(UsageError, match="unknown key"):
        check([{"train.dropuot": 0.2}], "rates", workspace)
    assert workspace.params.read_bytes() == before


@pytest.mark.parametrize("name", ["", "a b", "-x", "x/../y"])
def test_a_name_that_dvc_could_not_keep_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a sweep"):
        check(POINTS, name, standing(tmp_path))


def test_a_point_has_one_name_in_a_sweep_and_another_in_the_next() -> None:
    one, other = POINTS
    assert experiment("rates", one) == experiment("rates", dict(sorted(one.items(), reverse=True)))
    assert len({experiment("rates", one), experiment("rates", other), experiment("later", one)}) == 3


@pytest.fixture(scope="module")
def split_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Make a small project under git, with cells that are split and nothing trained."""
    root = tmp_path_factory.mktemp("sweep") / "project"
    root.mkdir()
    for name in ("dvc.yaml", ".dvcignore", "services.env", "decisions.csv"):
        shutil.copy(ROOT / name, root)
    for name in ("flows", "mlflow", "src"):
        (root / name).symlink_to(ROOT / name)
    for name in ("weights", ".dvc"):
        (root / name).mkdir()
    (root / "weights" / "README.md").touch()
    (root / ".gitignore").write_text("/mlflow.db*\n/.cache/\n/mlartifacts/\n")
    (root / ".dvc" / "config").write_text(CONFIG.format(url="store").replace("no_scm = true", ""))
    (root / ".dvc" / ".gitignore").write_text("/tmp\n/cache\n/config.local\n")
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    for section, values in (*SMALL.items(), *QUICK.items()):
        params[section].update(values)
    YAML().dump(params, root / "params.yaml")
    project = Project(root)
    git(root, "init", "--quiet")
    git(root, "config", "user.name", "giemsa")
    git(root, "config", "user.email", "giemsa@localhost")
    project.run("giemsa", "ingest", str(write_cells(root.parent / "cells", CLASSES, 24)))
    project.run("dvc", "repro", "split")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "cells")
    return project


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def compute_on(root: Path, engine: str) -> None:
    """Say in ``params.yaml`` where to compute."""
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    params["compute"] |= {"engine": engine, "workers": 2}
    yaml.dump(params, root / "params.yaml")


def tagged(root: Path) -> list[tuple[str, str]]:
    """Give each marked run's sweep and point, as MLflow holds them."""
    code = (
        "import json, sys; from mlflow import MlflowClient; client = MlflowClient(sys.argv[1]);"
        "runs = client.search_runs([client.get_experiment_by_name('giemsa').experiment_id]);"
        "print(json.dumps([[run.data.tags[key] for key in ('sweep', 'point')] for run in runs]))"
    )
    uri = Workspace(root).tracking_uri
    done = subprocess.run([sys.executable, "-c", code, uri], check=True, capture_output=True, text=True)
    found: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return sorted((sweep, point) for sweep, point in found)


@pytest.mark.server
def test_points_are_trained_by_ray_beside_the_project_and_known_to_this_machine_afterwards(
    services: Services, split_project: Project
) -> None:
    root = split_project.root
    compute_on(root, "ray")
    known = services.deployment("sweep")
    kept = ("flow_id", "entrypoint", "work_pool_name", "parameter_openapi_schema")
    there = {"prefect.deployments.steps.set_working_directory": {"directory": str(root)}}
    body: dict[str, Any] = {name: known[name] for name in kept}
    deployed = services.post("/deployments/", **body, name="small", pull_steps=[there])["id"]

    def run() -> str:
        parameters = {"grid": GRID, "name": "rates", "at_once": 2}
        path = f"/deployments/{deployed}/create_flow_run"
        started: str = services.post(path, parameters=parameters)["id"]
        state = services.wait_for(started, PATIENCE_S)
        assert state["type"] == "COMPLETED", (state["message"], services.logs(started)[-3000:])
        return started

    before = git(root, "status", "--porcelain")
    first = run()
    assert git(root, "status", "--porcelain") == before
    assert not (root / "models").exists()
    (table,) = services.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [first]}})
    rows = json.loads(table["data"])
    assert {row["experiment"] for row in rows} == {experiment("rates", point) for point in POINTS}
    assert sorted(row["loss"] for row in rows) == [row["loss"] for row in rows]
    points = [f"train.learning_rate={rate} train.widths=[8]" for rate in (0.01, 0.02)]
    assert tagged(root) == [("rates", point) for point in points]

    compute_on(root, "local")
    again = run()
    (same,) = services.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [again]}})
    assert json.loads(same["data"]) == rows
    assert len(tagged(root)) == 2
