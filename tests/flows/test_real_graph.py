"""The real graph on drawn cells, retrained through the API of a real server by a real worker."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.flows.support import CONFIG, Services
from tests.pipeline.project import ROOT, SMALL, write_cells

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("services")]

CLASSES = ("lymphocyte", "platelet")
STAGES = ["ingest", "validate", "deduplicate", "split", "train", "fine-tune", "evaluate", "register"]
PATIENCE_S = 600


@pytest.fixture(scope="module")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with the real graph and code, small parameters and few cells, and nothing run yet."""
    root = tmp_path_factory.mktemp("real") / "project"
    root.mkdir()
    for name in ("dvc.yaml", ".dvcignore", "services.env", "flows", "src"):
        (root / name).symlink_to(ROOT / name)
    for name in ("weights", ".dvc"):
        (root / name).mkdir()
    (root / ".dvc" / "config").write_text(CONFIG.format(url=root.parent / "store"))
    (root / "decisions.csv").write_bytes((ROOT / "decisions.csv").read_bytes())
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    for section, values in SMALL.items():
        params[section].update(values)
    YAML().dump(params, root / "params.yaml")
    write_cells(root / "inbox", CLASSES)
    return root


def deploy(services: Services, root: Path) -> str:
    """Deploy the flow once more, for another project on the same server and worker."""
    retrain = services.deployment("retrain")
    kept = ("flow_id", "entrypoint", "work_pool_name", "parameter_openapi_schema")
    there = {"prefect.deployments.steps.set_working_directory": {"directory": str(root)}}
    body: dict[str, Any] = {name: retrain[name] for name in kept}
    deployed: str = services.post("/deployments/", **body, name="small", pull_steps=[there])["id"]
    return deployed


def runs(root: Path) -> int:
    with sqlite3.connect(root / "mlflow.db") as database:
        count: int = database.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
    return count


def test_drawn_cells_become_a_champion_and_a_second_time_everything_is_cached(
    services: Services, small_project: Path
) -> None:
    deployment = deploy(services, small_project)
    run = services.post(f"/deployments/{deployment}/create_flow_run")["id"]
    state = services.wait_for(run, PATIENCE_S)
    assert state["type"] == "COMPLETED", (state["message"], services.logs(run)[-3000:])
    steps = services.tasks(run)
    first = f"ingest {small_project / 'inbox'}"
    assert steps == dict.fromkeys([first, *STAGES, "push"], "Completed")
    artifacts = services.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
    shown = {each["key"] for each in artifacts}
    assert shown >= {"duplicates", "classes", "evaluation", "confusion", "decision", "gate"}
    assert "Traceback" not in services.logs(run)

    before = runs(small_project), (small_project / "dvc.lock").read_bytes()
    again = services.post(f"/deployments/{deployment}/create_flow_run")["id"]
    assert services.wait_for(again, PATIENCE_S)["type"] == "COMPLETED", services.logs(again)[-3000:]
    assert services.tasks(again) == dict.fromkeys([first, *STAGES, "push"], "Cached")
    assert (runs(small_project), (small_project / "dvc.lock").read_bytes()) == before
