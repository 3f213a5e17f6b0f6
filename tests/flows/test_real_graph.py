"""The real graph on drawn cells, retrained through the API of a real server by a real worker."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from giemsa.stages import STAGES
from tests.flows.support import CONFIG, Services, shared_services
from tests.pipeline.project import ROOT, SMALL, write_cells

pytestmark = [pytest.mark.server]

CLASSES = ("lymphocyte", "platelet")
CELLS = 24
QUICK = {"train": {"max_epochs": 1}, "fine_tune": {"max_epochs": 1, "head_epochs": 1}}
PATIENCE_S = 600


@pytest.fixture(scope="module")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with the real graph and code, small parameters and few cells, and nothing run yet."""
    root = tmp_path_factory.mktemp("real") / "project"
    root.mkdir()
    for name in ("dvc.yaml", ".dvcignore", "services.env", "flows", "mlflow", "src"):
        (root / name).symlink_to(ROOT / name)
    for name in ("weights", ".dvc"):
        (root / name).mkdir()
    (root / ".dvc" / "config").write_text(CONFIG.format(url=root.parent / "store"))
    (root / "decisions.csv").write_bytes((ROOT / "decisions.csv").read_bytes())
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    for section, values in (*SMALL.items(), *QUICK.items()):
        params[section].update(values)
    YAML().dump(params, root / "params.yaml")
    write_cells(root / "inbox", CLASSES, CELLS)
    return root


@dataclass(frozen=True)
class Small:
    """The small project on the shared server and worker."""

    root: Path
    services: Services

    def run(self, flow: str, **parameters: Any) -> str:
        """Run a flow in this project to its end, which must be a good one."""
        known = self.services.deployment(flow)
        kept = ("flow_id", "entrypoint", "work_pool_name", "parameter_openapi_schema")
        there = {"prefect.deployments.steps.set_working_directory": {"directory": str(self.root)}}
        body: dict[str, Any] = {name: known[name] for name in kept}
        deployed = self.services.post("/deployments/", **body, name="small", pull_steps=[there])["id"]
        path = f"/deployments/{deployed}/create_flow_run"
        run: str = self.services.post(path, parameters=parameters)["id"]
        state = self.services.wait_for(run, PATIENCE_S)
        assert state["type"] == "COMPLETED", (state["message"], self.services.logs(run)[-3000:])
        return run

    def shown(self, run: str) -> set[str]:
        """Name the artifacts of a run."""
        artifacts = self.services.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        return {each["key"] for each in artifacts}

    def trained(self) -> int:
        """Count the runs in MLflow."""
        with sqlite3.connect(self.root / "mlflow.db") as database:
            count: int = database.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
        return count


@pytest.fixture(scope="module")
def small(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, small_project: Path
) -> Small:
    return Small(small_project, shared_services(pytestconfig, tmp_path_factory))


@pytest.fixture(scope="module")
def retrained(small: Small) -> str:
    """Retrain once, so that there is a champion; give the run."""
    return small.run("retrain")


def test_drawn_cells_become_a_champion_and_a_second_time_everything_is_cached(
    small: Small, retrained: str
) -> None:
    run = retrained
    steps = [f"ingest {small.root / 'inbox'}", *STAGES, "push"]
    assert small.services.tasks(run) == dict.fromkeys(steps, "Completed")
    assert small.shown(run) >= {"duplicates", "classes", "evaluation", "confusion", "decision", "gate"}
    assert "Traceback" not in small.services.logs(run)

    before = small.trained(), (small.root / "dvc.lock").read_bytes()
    again = small.run("retrain")
    assert small.services.tasks(again) == dict.fromkeys(steps, "Cached")
    assert (small.trained(), (small.root / "dvc.lock").read_bytes()) == before


@pytest.mark.usefixtures("retrained")
def test_a_folder_is_scored_with_the_champion_and_summed_up(small: Small) -> None:
    run = small.run("score", source="inbox", model="1")
    assert small.shown(run) == {"differential-count", "scores"}
    (table,) = (small.root / "reports" / "scores").glob("inbox-*.parquet")
    assert pq.read_metadata(table).num_rows == CELLS * len(CLASSES)


@pytest.mark.usefixtures("retrained")
def test_new_images_are_seen_and_a_retraining_is_asked_for_once(small: Small) -> None:
    write_cells(small.root / "inbox", ("monocyte",), CELLS)
    params = small.root / "params.yaml"
    params.write_text(params.read_text().replace("new_images: 200", "new_images: 20"))
    told = [small.services.state(small.run("watch"))["message"] for _ in range(2)]
    assert told == ["A retraining looks after this: 24 new images wait (20 are enough)."] * 2
    keys = [run["idempotency_key"] or "" for run in small.services.runs("retrain")]
    assert sum(key.startswith("new-images") for key in keys) == 1
