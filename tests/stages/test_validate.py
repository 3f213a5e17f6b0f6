import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from giemsa.data.manifest import SCHEMA, write_manifest
from giemsa.errors import CheckFailedError, UsageError
from giemsa.stages.validate import run
from giemsa.workspace import Workspace
from tests.curation.manifests import LIMITS, manifest


def project(folder: Path, frame: pd.DataFrame) -> Workspace:
    workspace = Workspace(folder)
    write_manifest(workspace.manifest, pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False))
    return workspace


def test_a_good_manifest_leaves_a_result_and_a_page(tmp_path: Path) -> None:
    workspace = project(tmp_path, manifest(["monocyte", "platelet"] * 8))
    run(workspace, validate=LIMITS)
    result = json.loads((workspace.validation / "result.json").read_text("utf-8"))
    assert result["passed"] is True
    assert result["classes"] == {"monocyte": 8, "platelet": 8}
    assert all(rule["passed"] for rule in result["rules"])
    assert "Every critical rule holds." in (workspace.validation / "report.html").read_text("utf-8")


def test_a_broken_critical_rule_stops_the_run_in_one_sentence_and_leaves_the_report(tmp_path: Path) -> None:
    workspace = project(tmp_path, manifest(["monocyte"] * 3))
    with pytest.raises(CheckFailedError) as failure:
        run(workspace, validate=LIMITS)
    sentence = str(failure.value)
    assert "classes: 1 class, needed at least 2 classes" in sentence
    assert "count_per_class: too small: monocyte with 3, needed at least 5" in sentence
    assert sentence.count("\n") == 0
    assert failure.value.exit_code == 1
    assert json.loads((workspace.validation / "result.json").read_text("utf-8"))["passed"] is False
    assert "2 critical rules broken" in (workspace.validation / "report.html").read_text("utf-8")


def test_a_broken_rule_that_is_not_critical_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(project(tmp_path, manifest(["monocyte", "platelet"] * 8, mode="L")), validate=LIMITS)
    assert "0 critical rules broken, warnings: modes" in capsys.readouterr().err


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    frame = manifest(["monocyte", "platelet"] * 8)
    for name in ("a", "b"):
        run(project(tmp_path / name, frame), validate=LIMITS)
    for file in ("result.json", "report.html"):
        first, second = (Workspace(tmp_path / name).validation / file for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_a_project_without_a_manifest_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="giemsa ingest"):
        run(Workspace(tmp_path), validate=LIMITS)
