"""Stage ingest: from the batches' records to the manifest."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from giemsa.curation.measuring import Measurements
from giemsa.data.batches import bring_in
from giemsa.data.manifest import read_manifest
from giemsa.data.sources import Item
from giemsa.errors import CheckFailedError
from giemsa.settings import Image
from giemsa.stages.ingest import run
from giemsa.workspace import Workspace
from tests.data.pictures import Pictures, cells, unmeasured

IMAGE = Image(size=32, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def bring(workspace: Workspace, items: list[Item], name: str = "march", *, drawn: bool = False) -> None:
    bring_in(Pictures(items, name, drawn), workspace.raw, batch=None, measure=unmeasured)


def test_the_manifest_lists_every_image_in_the_order_it_came(workspace: Workspace) -> None:
    bring(workspace, cells("platelet/a.png", "ig/b.png"))
    bring(workspace, cells("basophil/c.png", shade=9), "april")
    run(workspace, image=IMAGE)
    manifest = read_manifest(workspace.manifest)
    assert manifest["path"].tolist() == ["march/ig/b.png", "march/platelet/a.png", "april/basophil/c.png"]
    assert manifest["batch_order"].tolist() == [1, 1, 2]
    assert manifest["label"].tolist() == ["ig", "platelet", "basophil"]
    assert manifest[["width", "height"]].to_numpy().tolist() == [[8, 8]] * 3
    assert manifest["readable"].all()
    assert manifest["brightness"].tolist() == pytest.approx([101 / 255, 100 / 255, 9 / 255], abs=0.01)


def test_what_cannot_be_read_is_listed_with_its_reason(workspace: Workspace) -> None:
    bring(
        workspace,
        [
            *cells("ig/a.png"),
            Item("ig/broken.png", "ig", b"no picture"),
            Item("ig/link.png", "ig", None, "a link, which is not followed"),
        ],
    )
    run(workspace, image=IMAGE)
    manifest = read_manifest(workspace.manifest).set_index("path")
    assert manifest["readable"].tolist() == [True, False, False]
    assert manifest.loc["march/ig/link.png", "reason"] == "a link, which is not followed"
    assert manifest.loc["march/ig/broken.png", "reason"]
    assert manifest.loc["march/ig/broken.png", "sha256"]


def test_what_was_measured_before_is_not_read_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    measurements = Measurements(workspace.measurements, IMAGE)
    source = Pictures(cells("ig/a.png", "ig/b.png"))
    bring_in(source, workspace.raw, batch=None, measure=measurements.measure)

    def read(path: Path) -> bytes:
        pytest.fail(f"{path} was read")

    monkeypatch.setattr("giemsa.curation.measuring.original", read)
    run(workspace, image=IMAGE)
    assert read_manifest(workspace.manifest)["readable"].tolist() == [True, True]


def test_the_manifest_is_the_same_bytes_with_and_without_the_cache(
    workspace: Workspace, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    folder = tmp_path / "cells" / "ig"
    folder.mkdir(parents=True)
    items = []
    for name in ("a.png", "b.png"):
        Pillow.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / name)
        items.append(Item(f"ig/{name}", "ig", (folder / name).read_bytes()))
    bring(workspace, items)
    run(workspace, image=IMAGE)
    first = workspace.manifest.read_bytes()
    run(workspace, image=IMAGE)
    assert workspace.manifest.read_bytes() == first


def test_drawn_cells_leave_as_soon_as_there_are_real_ones(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    bring(workspace, cells("ig/a.png", "ig/b.png"), "demo", drawn=True)
    run(workspace, image=IMAGE)
    assert read_manifest(workspace.manifest)["drawn"].tolist() == [True, True]
    bring(workspace, cells("ig/real.png", shade=9))
    run(workspace, image=IMAGE)
    assert read_manifest(workspace.manifest)["path"].tolist() == ["march/ig/real.png"]
    assert "2 drawn images are left out" in capsys.readouterr().err


def test_a_class_keeps_the_spelling_that_came_first(workspace: Workspace) -> None:
    bring(workspace, cells("Neutrophil/a.png", "ig/b.png"))
    bring(workspace, cells("neutrophil/c.png", "IG/d.png", shade=9), "april")
    run(workspace, image=IMAGE)
    assert read_manifest(workspace.manifest)["label"].tolist() == ["Neutrophil", "ig", "ig", "Neutrophil"]


def test_nothing_brought_in_is_one_sentence(workspace: Workspace) -> None:
    with pytest.raises(CheckFailedError, match=r'holds no images: run "giemsa ingest SOURCE" first'):
        run(workspace, image=IMAGE)
    assert not workspace.manifest.exists()


def test_a_lost_file_is_named_with_the_way_to_bring_it_back(workspace: Workspace) -> None:
    bring(workspace, cells("ig/a.png", "ig/b.png"))
    (workspace.raw / "march/ig/b.png").unlink()
    with pytest.raises(CheckFailedError, match=r"march/ig/b.png cannot be read .*dvc checkout"):
        run(workspace, image=IMAGE)
    assert not workspace.manifest.exists()
