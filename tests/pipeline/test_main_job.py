"""Images in, a registered model out: the whole graph as a person runs it."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from tests.pipeline.project import CELLS_PER_CLASS, CLASSES, Project, write_cells

PATIENCE_S = 300.0


def runs(project: Project) -> int:
    with sqlite3.connect(project.root / "mlflow.db") as database:
        count: int = database.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
    return count


def test_one_command_ends_with_a_registered_model(finished: Project) -> None:
    receipt = json.loads((finished.root / "reports/registration.json").read_text(encoding="utf-8"))
    assert receipt["version"] == "1"
    assert len(pq.read_table(finished.root / "data/curated")) == CELLS_PER_CLASS * len(CLASSES)
    assert "champion" in finished.run("giemsa", "models", "list")


def test_a_second_run_does_nothing_and_logs_nothing(finished: Project) -> None:
    before = finished.results(), runs(finished)
    said = finished.run("dvc", "repro")
    assert "Running stage" not in said
    assert (finished.results(), runs(finished)) == before


def test_the_champion_scores_what_a_person_gives_it(finished: Project, cells: Path, tmp_path: Path) -> None:
    finished.run("giemsa", "predict", str(cells), "--model", "champion", "--out", str(tmp_path / "cells.csv"))
    table = pd.read_csv(tmp_path / "cells.csv")
    assert len(table) == CELLS_PER_CLASS * len(CLASSES)
    assert {"path", "label", "confidence", "rejected", "reason", "true", "p_platelet"} <= set(table.columns)


def test_new_images_leave_the_curated_cells_of_older_batches_on_disk(
    new_project: Callable[[], Project], cells: Path, tmp_path: Path
) -> None:
    project, parts = new_project(), []
    for source in (cells, write_cells(tmp_path / "more", count=3)):
        project.run("giemsa", "ingest", str(source))
        project.run("dvc", "repro", "deduplicate")
        parts.append({part.name: part.stat() for part in (project.root / "data/curated").iterdir()})
    (old,) = parts[0].items()
    assert len(parts[1]) == 2
    facts = parts[1][old[0]]
    assert (facts.st_ino, facts.st_mtime_ns) == (old[1].st_ino, old[1].st_mtime_ns)
    assert "up to date" in project.run("dvc", "status", "deduplicate")


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(
    finished: Project, new_project: Callable[[], Project], cells: Path
) -> None:
    project = new_project()
    killed_when(project, ["giemsa", "ingest", str(cells)], project.root / "data/raw")
    project.run("giemsa", "ingest", str(cells))
    for sign in ("data/manifest.parquet", "models/.cnn.partial", "models/.fine-tuned.partial", "mlartifacts"):
        killed_when(project, ["dvc", "repro"], project.root / sign)
    project.run("dvc", "repro")
    assert project.results() == finished.results()
    assert runs(project) == runs(finished)


def killed_when(project: Project, command: list[str], sign: Path) -> None:
    """Run until ``sign`` appears, then kill the whole process group at once."""
    assert not sign.exists()
    process = project.start(*command)
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := sign.exists()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate()
    assert seen, f"{sign} never appeared: {said}"
    assert process.returncode == -signal.SIGKILL, f"it ended before it was killed: {said}"
