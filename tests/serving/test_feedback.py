"""A corrected cell comes back as data: with its provenance, and never on both sides of the split."""

import csv
import io
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from typer.testing import CliRunner

from giemsa.cli import app as cli
from giemsa.data.curated import read_curated, read_splits
from giemsa.data.manifest import read_manifest
from giemsa.serving.app import create_app
from giemsa.serving.following import Follower
from giemsa.settings import load_params
from giemsa.stages import deduplicate, ingest, split
from giemsa.workspace import Workspace
from tests.curation.conftest import draw_cell

CELLS = 12
SEEDS = range(8)


def png(seed: int, turns: int = 0) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(draw_cell(seed)).rotate(90 * turns).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project with a first batch of cells of two classes."""
    workspace = Workspace(tmp_path / "project")
    workspace.root.mkdir()
    shutil.copy(Path(__file__).parents[2] / "params.yaml", workspace.params)
    monkeypatch.chdir(workspace.root)
    for seed in range(2 * CELLS):
        folder = tmp_path / "march" / ("ig", "monocyte")[seed % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed:02d}.png").write_bytes(png(seed))
    took_in(tmp_path / "march")
    return workspace


def took_in(source: Path) -> None:
    done = CliRunner().invoke(cli, ["ingest", str(source)])
    assert done.exit_code == 0, done.exception


def correct(workspace: Workspace, bundle: Path, cells: dict[str, tuple[bytes, str]]) -> None:
    """Have a person correct cells on the page: the content and the right label, by file name."""
    app = create_app(workspace, Follower(str(bundle), workspace), load_params(workspace.params).serve)
    with TestClient(app, base_url="http://localhost") as client:
        for name, (content, label) in cells.items():
            form = {"label": label, "who": "Dr. Ada"}
            answer = client.post("/corrections", files={"file": (name, content)}, data=form)
            assert answer.status_code == 201, answer.text


def curate(workspace: Workspace) -> None:
    params = load_params(workspace.params)
    ingest.run(workspace, image=params.image)
    deduplicate.run(workspace, image=params.image, deduplicate=params.deduplicate)


def test_corrected_cells_are_the_next_batch_and_say_where_they_come_from(
    lab: Workspace, tiny_bundle: Path
) -> None:
    correct(lab, tiny_bundle, {"slide 7/new.png": (png(100), "platelet")})
    took_in(lab.inbox)
    curate(lab)
    manifest = read_manifest(lab.manifest)
    (row,) = manifest[manifest["batch"] == "inbox"].to_dict("records")
    assert (row["label"], row["batch_order"], row["drawn"]) == ("platelet", 2, False)
    with (lab.inbox / "corrections.csv").open(newline="") as stream:
        (line,) = csv.DictReader(stream)
    assert line["sha256"] == row["sha256"]
    assert line["path"] == row["source"]
    assert (line["name"], line["who"], line["data"]) == ("slide 7/new.png", "Dr. Ada", "0" * 64)
    assert line["model"] == str(tiny_bundle)
    kept = read_curated(lab.curated, ["path", "sha256"]).to_pylist()
    assert row["sha256"] in {cell["sha256"] for cell in kept}


def test_a_corrected_cell_is_never_in_training_and_test_at_once(lab: Workspace, tiny_bundle: Path) -> None:
    corrections = {
        "known.png": (png(0), "ig"),  # the very file that came in with the first batch
        "turned.png": (png(2, turns=1), "ig"),  # the same cell, turned
        "other label.png": (png(4), "monocyte"),  # known under another label
        "new.png": (png(100), "ig"),
    }
    correct(lab, tiny_bundle, corrections)
    took_in(lab.inbox)
    curate(lab)
    shown = {png(0): "0", png(2): "2", png(2, turns=1): "2", png(4): "4", png(100): "100"}
    cells = read_curated(lab.curated).to_pylist()
    # Both labels of one picture: nobody has decided yet, so it teaches and tests nothing.
    assert not [cell for cell in cells if shown.get(cell["image"]) == "4"]
    for seed in SEEDS:
        split.run(lab, split=load_params(lab.params).split.model_copy(update={"seed": seed}))
        told = read_splits(lab.splits)
        sides = dict(zip(told["path"], told["side"], strict=True))
        of_cell: dict[str, set[str]] = {}
        for cell in cells:
            name = shown.get(cell["image"], cell["path"])
            of_cell.setdefault(name, set()).add(sides[cell["path"]])
        assert {"0", "2", "100"} <= set(of_cell)
        assert all(len(one) == 1 for one in of_cell.values())
