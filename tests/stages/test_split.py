import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from giemsa.data.curated import read_splits, write_curated
from giemsa.data.manifest import SCHEMA, write_manifest
from giemsa.errors import UsageError
from giemsa.settings import Split
from giemsa.stages.split import run
from giemsa.workspace import Workspace
from tests.curation.manifests import manifest

SPLIT = Split(validation=0.1, test=0.1, seed=2024)


def curated(frame: pd.DataFrame, subjects: Sequence[str | None]) -> Iterator[dict[str, Any]]:
    for (_, row), subject in zip(frame.iterrows(), subjects, strict=True):
        yield {
            "path": row["path"],
            "label": None if pd.isna(row["label"]) else row["label"],
            "group": row["path"],
            "subject": subject,
            "batch": "first",
            "batch_order": 1,
            "drawn": True,
            "sha256": row["sha256"],
            "image": b"not read by the split",
        }


def project(
    folder: Path, labels: Sequence[str | None], subjects: Sequence[str | None] | None = None
) -> Workspace:
    workspace = Workspace(folder)
    subjects = subjects or [None] * len(labels)
    frame = manifest(labels, subject=subjects)
    write_manifest(workspace.manifest, pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False))
    write_curated(workspace.curated, curated(frame, subjects), itemgetter("image"))
    workspace.duplicates.mkdir(parents=True)
    (workspace.duplicates / "decisions.csv").write_text("path,label,decision,reason,group,by\n")
    return workspace


def summary(workspace: Workspace) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((workspace.root / "reports/splits.json").read_text("utf-8"))
    return content


def test_every_curated_cell_gets_a_side_and_the_counts_are_reported(tmp_path: Path) -> None:
    workspace = project(tmp_path, ["ig", "platelet"] * 50)
    run(workspace, split=SPLIT)
    sides = read_splits(workspace.splits)
    assert list(sides.columns) == ["path", "label", "group", "side"]
    assert len(sides) == 100
    report = summary(workspace)
    assert report["cells"] == {"train": 80, "validation": 10, "test": 10}
    assert report["classes"]["ig"] == {"train": 40, "validation": 5, "test": 5}
    assert report["drawn"] is True


def test_the_report_says_that_there_are_no_patient_identifiers(tmp_path: Path) -> None:
    workspace = project(tmp_path, ["ig", "platelet"] * 5)
    run(workspace, split=SPLIT)
    sentence = "The set carries no patient identifiers: the split cannot be by patient."
    assert summary(workspace)["subjects"] == sentence


def test_known_patients_stay_on_one_side_and_the_report_says_so(tmp_path: Path) -> None:
    patients = [f"P{row // 5}" for row in range(100)]
    workspace = project(tmp_path, ["ig", "platelet"] * 50, patients)
    run(workspace, split=SPLIT)
    sides = read_splits(workspace.splits).assign(patient=patients)
    assert (sides.groupby("patient")["side"].agg(set).map(len) == 1).all()
    assert summary(workspace)["groups"] == 20
    assert summary(workspace)["subjects"] == "No patient or slide is on two sides."


def test_partly_known_patients_are_counted(tmp_path: Path) -> None:
    workspace = project(tmp_path, ["ig", "platelet"] * 5, ["P1", "P2", *[None] * 8])
    run(workspace, split=SPLIT)
    assert "8 cells carry no such identifier" in summary(workspace)["subjects"]


def test_cells_without_a_class_are_counted_and_left_out(tmp_path: Path) -> None:
    workspace = project(tmp_path, ["ig", "platelet", None] * 5)
    run(workspace, split=SPLIT)
    assert summary(workspace)["without_class"] == 5
    assert len(read_splits(workspace.splits)) == 10


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    first, second = (project(tmp_path / name, ["ig", "platelet"] * 20) for name in ("a", "b"))
    for workspace in (first, second):
        run(workspace, split=SPLIT)
    assert first.splits.read_bytes() == second.splits.read_bytes()
    assert summary(first) == summary(second)


def test_a_curated_cell_that_the_manifest_does_not_know_is_named(tmp_path: Path) -> None:
    workspace = project(tmp_path, ["ig", "platelet"] * 5)
    frame = manifest(["monocyte"])
    write_curated(workspace.curated, curated(frame, [None]), itemgetter("image"))
    with pytest.raises(UsageError, match=r"first/monocyte/0\.png.*giemsa run deduplicate"):
        run(workspace, split=SPLIT)
