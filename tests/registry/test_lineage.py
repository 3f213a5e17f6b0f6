"""From a prediction back to model, commit and exact data; from an image to where it was used."""

import csv
import hashlib
import json
import shutil
import subprocess
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from giemsa.cli import lineage  # noqa: F401  (registers the command)
from giemsa.cli.app import app
from giemsa.data.curated import write_curated, write_splits
from giemsa.errors import UsageError
from giemsa.registry.chronicle import write_chronicle
from giemsa.registry.connection import connect
from giemsa.registry.fingerprints import content_hash
from giemsa.registry.lineage import trace
from giemsa.registry.promotion import move
from giemsa.registry.versions import register_version
from giemsa.training.bundle import write_seen
from giemsa.workspace import Workspace

NAME = "blood-cell-classifier"


@pytest.fixture
def project(workspace: Workspace, project_params: Path, picture: bytes, tiny_bundle: Path) -> Workspace:
    shutil.copy(project_params, workspace.params)
    bundle = shutil.copytree(tiny_bundle, workspace.root / "trained")
    row = {
        "path": "first/ig/1.png",
        "label": "ig",
        "group": "first/ig/1.png",
        "subject": None,
        "batch": "first",
        "batch_order": 1,
        "drawn": False,
        "sha256": hashlib.sha256(picture).hexdigest(),
        "image": picture,
    }
    write_curated(workspace.curated, [row], itemgetter("image"))
    write_splits(workspace.splits, pd.DataFrame([row])[["path", "label", "group"]].assign(side="test"))
    gate = {"event": "", "verdict": {"reason": "It is better."}}
    figures = {"accuracy": [0.97, 0.96, 0.98], "macro_f1": [0.96, 0.95, 0.97]}
    tags = {
        "dvc_data_hash": content_hash(workspace.curated),
        "dvc_splits_hash": content_hash(workspace.splits),
        "git_commit": "abc",
        "git_changed": "true",
        "gate": json.dumps(gate),
        "figures": json.dumps(figures),
        "trained_model": "cnn<b>",
    }
    for fingerprint in ("f00d", "beef"):
        if fingerprint == "beef":
            write_seen(bundle, [hashlib.sha256(picture).hexdigest()])
        facts = {**tags, "fingerprint": fingerprint}
        register_version(workspace, bundle, name=NAME, run_id=None, tags=facts)
    move(workspace, NAME, action="promote", version="1", why="It <i>is</i> better.")
    return workspace


def test_a_version_names_commit_data_and_how_to_bring_them_back(project: Workspace) -> None:
    facts = trace("champion", project)
    assert facts["model"] == f"{NAME}/1"
    assert facts["commit"] == "abc with uncommitted changes"
    assert facts["verdict"] == "It is better."
    assert "as they stand (1 test)" in facts["its data"]


def test_the_command_shows_each_fact_on_a_line(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(app, ["lineage", "champion"], catch_exceptions=False)
    assert done.exit_code == 0
    said = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert {name.strip(): fact.strip() for name, fact in said.items()} == trace("champion", project)


def test_a_version_of_a_changed_tree_is_brought_back_by_the_commit_that_names_its_data(
    project: Workspace,
) -> None:
    tags = trace("champion", project)
    lost = "no commit names them"
    write_splits(project.splits, pd.DataFrame({"path": [], "label": [], "group": [], "side": []}, dtype=str))
    assert lost in trace("champion", project)["its data"]

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=project.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    for splits in ("another split", tags["splits"]):
        (project.root / "dvc.lock").write_text(f"{tags['data']} {splits}")
        git("add", "dvc.lock")
        assert lost in trace("champion", project)["its data"]
        git("commit", "-qm", splits)
    commit = git("rev-parse", "--short", "HEAD")
    assert trace("champion", project)["its data"] == f"git checkout {commit} && dvc pull"


def test_a_version_of_a_clean_commit_is_brought_back_by_it(project: Workspace) -> None:
    connect(project).set_model_version_tag(NAME, "1", "git_changed", "false")
    shutil.rmtree(project.curated)
    assert trace("champion", project)["its data"] == "git checkout abc && dvc pull"


def test_predictions_lead_to_the_version_that_made_them(project: Workspace, tmp_path: Path) -> None:
    for data in (content_hash(project.curated), "other"):
        schema = pa.schema([("path", pa.string())], metadata={"model": f"{NAME}/2", "data": data})
        pq.write_table(pa.table({"path": ["a"]}, schema=schema), tmp_path / "p.parquet")
        facts = trace(str(tmp_path / "p.parquet"), project)
        assert facts["model"] == f"{NAME}/2"
        assert ("not this one" in facts) == (data == "other")


def test_a_table_of_something_else_is_one_sentence(project: Workspace, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="does not say which model"):
        trace(str(tmp_path / "t.parquet"), project)


def test_a_file_that_is_no_table_is_one_sentence(project: Workspace, tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(UsageError, match="no table of predictions"):
        trace(str(tmp_path / "t.parquet"), project)


def test_an_image_leads_to_its_side_its_correction_and_the_versions(
    project: Workspace, picture: bytes, tmp_path: Path
) -> None:
    (tmp_path / "cell.png").write_bytes(picture)
    line = {"sha256": hashlib.sha256(picture).hexdigest(), "predicted": "ig", "label": "monocyte"}
    project.inbox.mkdir()
    with (project.inbox / "corrections.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*line, "who", "when"])
        writer.writeheader()
        writer.writerow({**line, "who": "Ada", "when": "2026-01-01"})
    facts = trace(str(tmp_path / "cell.png"), project)
    assert (facts["side"], facts["batch"], facts["label"]) == ("test", "first", "ig")
    assert facts["corrected"] == "from ig to monocyte by Ada, 2026-01-01"
    assert facts["versions that learned from it"] == f"{NAME}/2"


def test_a_withdrawn_image_still_leads_to_the_versions_that_learned_from_it(
    project: Workspace, picture: bytes, tmp_path: Path
) -> None:
    (tmp_path / "cell.png").write_bytes(picture)
    shutil.rmtree(project.curated)
    facts = trace(str(tmp_path / "cell.png"), project)
    assert facts["versions that learned from it"] == f"{NAME}/2"


def test_an_unknown_image_is_one_sentence(project: Workspace, tmp_path: Path) -> None:
    (tmp_path / "stranger.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="is not among the curated cells"):
        trace(str(tmp_path / "stranger.png"), project)


def test_the_page_shows_every_version_and_every_move_as_text(project: Workspace) -> None:
    write_chronicle(project, NAME)
    page = (project.root / "reports" / "models.html").read_text()
    assert page.count("<circle") == 2
    assert "Version 1 is champion." in page
    assert "97.0%" in page
    assert "cnn&lt;b&gt;" in page
    assert "It &lt;i&gt;is&lt;/i&gt; better." in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_an_empty_registry_has_a_page_too(workspace: Workspace) -> None:
    write_chronicle(workspace, NAME)
    assert "No version is registered yet." in (workspace.root / "reports" / "models.html").read_text()
