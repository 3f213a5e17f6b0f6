import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from giemsa.curation.measuring import Measurements
from giemsa.data.curated import read_curated
from giemsa.data.manifest import SCHEMA, write_manifest
from giemsa.errors import CheckFailedError, UsageError
from giemsa.settings import Deduplicate, Image
from giemsa.stages.deduplicate import run
from giemsa.workspace import Workspace
from tests.curation.conftest import draw_cell

IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
SETTINGS = Deduplicate(max_distance=8, min_similarity=0.9, symmetries=True, junk_copies=10)


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(draw_cell(seed)).save(buffer, "PNG")
    return buffer.getvalue()


def project(root: Path, images: dict[str, bytes]) -> Workspace:
    """Lay out ``<batch>/<class>/<name>`` and the manifest, as ingest does."""
    workspace = Workspace(root)
    measurements = Measurements(workspace.measurements, IMAGE)
    rows: list[dict[str, Any]] = []
    keyed = ((hashlib.sha256(held).hexdigest(), held) for held in images.values())
    batches = sorted({path.split("/")[0] for path in images})
    for path, measured in zip(images, measurements.measure(keyed), strict=True):
        (workspace.raw / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace.raw / path).write_bytes(images[path])
        batch, label, _ = path.split("/")
        origin = {
            "path": path,
            "batch": batch,
            "batch_order": batches.index(batch) + 1,
            "label": label,
            "source": path,
            "subject": None,
            "drawn": True,
            "sha256": hashlib.sha256(images[path]).hexdigest(),
            "bytes": len(images[path]),
        }
        rows.append(origin | measured)
    rows.sort(key=lambda row: (row["batch_order"], row["path"]))
    write_manifest(workspace.manifest, pa.Table.from_pylist(rows, schema=SCHEMA))
    return workspace


@pytest.fixture
def images() -> dict[str, bytes]:
    return {
        **{f"one/ig/{seed}.png": png(seed) for seed in range(6)},
        "one/monocyte/0-again.png": png(0),
        "one/ig/1-again.png": png(1),
        "one/monocyte/cut.png": png(7)[:300],
        "two/ig/2-again.png": png(2),
        "two/ig/8.png": png(8),
    }


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_curated_cells_hold_one_image_of_each_picture(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    curated = read_curated(workspace.curated).to_pylist()
    # 0 stands under two labels, 1 and 2 twice, one is cut: the older of the copies stays.
    assert [row["path"] for row in curated] == [
        "one/ig/1-again.png",
        "one/ig/2.png",
        "one/ig/3.png",
        "one/ig/4.png",
        "one/ig/5.png",
        "two/ig/8.png",
    ]
    for row in curated:
        assert row["image"] == images[row["path"]]
        assert row["sha256"] == hashlib.sha256(row["image"]).hexdigest()
        assert row["label"] == "ig"
        assert row["subject"] is None


def test_every_image_has_a_decision_with_its_reason(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    told = pd.read_csv(workspace.duplicates / "decisions.csv").set_index("path")
    assert sorted(told.index) == sorted(images)
    assert told["reason"].notna().all()
    assert str(told.loc["one/monocyte/cut.png", "reason"]).startswith("cannot be read: truncated")
    assert told.loc["two/ig/2-again.png", "group"] == "one/ig/2.png"
    assert told.loc["one/ig/0.png", "reason"] == "the same picture under different labels: ig, monocyte"
    summary = json.loads((workspace.duplicates / "summary.json").read_text("utf-8"))
    assert summary["images"] == 11
    assert summary["kept"] == 6
    assert summary["unreadable"] == 1
    assert summary["dropped_conflict"] == 2
    assert (summary["groups_exact"], summary["groups_conflict"]) == (2, 1)
    assert {"gallery.html", "classes.csv", "classes.png"} <= set(digest(workspace.duplicates))


def test_the_outputs_are_the_same_byte_for_byte(tmp_path: Path, images: dict[str, bytes]) -> None:
    outcomes = []
    for name in ("first", "second"):
        workspace = project(tmp_path / name, images)
        run(workspace, image=IMAGE, deduplicate=SETTINGS)
        outcomes.append((digest(workspace.curated), digest(workspace.duplicates)))
    assert outcomes[0] == outcomes[1]


def test_without_the_cache_images_are_read_again(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    before = digest(workspace.curated)
    workspace.measurements.rename(tmp_path / "gone")
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    assert digest(workspace.curated) == before


def test_a_new_batch_leaves_older_images_and_their_files_as_they_were(
    tmp_path: Path, images: dict[str, bytes]
) -> None:
    workspace = project(tmp_path, images)
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    before = digest(workspace.curated)
    grown = project(tmp_path, images | {"zwei/ig/9.png": png(9), "zwei/ig/3-again.png": png(3)})
    run(grown, image=IMAGE, deduplicate=SETTINGS)
    after = digest(grown.curated)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_a_persons_decisions_override(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    workspace.decisions.write_text(
        "path,decision,label\none/ig/0.png,keep,neutrophil\none/ig/5.png,drop,\n", "utf-8"
    )
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    kept = {row["path"]: row["label"] for row in read_curated(workspace.curated).to_pylist()}
    assert kept["one/ig/0.png"] == "neutrophil"
    assert "one/ig/5.png" not in kept


def test_a_decision_on_an_unknown_image_stops_the_stage(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    workspace.decisions.write_text("path,decision\none/ig/zero.png,keep\n", "utf-8")
    with pytest.raises(UsageError, match=r"names one/ig/zero\.png"):
        run(workspace, image=IMAGE, deduplicate=SETTINGS)
    assert not workspace.curated.exists()


def test_where_nothing_is_left_the_stage_says_so_and_shows_why(tmp_path: Path) -> None:
    workspace = project(tmp_path, {"one/ig/a.png": png(1), "one/monocyte/a.png": png(1)})
    with pytest.raises(CheckFailedError, match=r"decisions\.csv says why"):
        run(workspace, image=IMAGE, deduplicate=SETTINGS)
    assert (workspace.duplicates / "gallery.html").exists()


def test_an_original_that_was_changed_is_never_taken_for_the_one_that_came_in(
    tmp_path: Path, images: dict[str, bytes]
) -> None:
    workspace = project(tmp_path, images)
    (workspace.raw / "one/ig/4.png").write_bytes(png(99))
    with pytest.raises(CheckFailedError, match=r"one/ig/4\.png was changed since it came in"):
        run(workspace, image=IMAGE, deduplicate=SETTINGS)


def test_memories_damaged_by_a_power_cut_are_forgotten(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    before = digest(workspace.curated)
    memories = list(workspace.measurements.rglob("*.parquet"))
    assert len(memories) > 1
    for file in memories:
        file.write_bytes(b"")
    run(workspace, image=IMAGE, deduplicate=SETTINGS)
    assert digest(workspace.curated) == before


def test_an_original_that_is_gone_is_named(tmp_path: Path, images: dict[str, bytes]) -> None:
    workspace = project(tmp_path, images)
    (workspace.raw / "one/ig/4.png").unlink()
    with pytest.raises(CheckFailedError, match=r"one/ig/4\.png cannot be read"):
        run(workspace, image=IMAGE, deduplicate=SETTINGS)
