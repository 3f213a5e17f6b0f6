"""``giemsa drift`` counts what is new, compares it with the training data, and says so."""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from giemsa.cli import app
from giemsa.curation.drift import PREDICTED
from giemsa.data import folders, sources
from giemsa.data.manifest import PROPERTIES
from giemsa.errors import UsageError
from giemsa.registry import promotion
from giemsa.registry.promotion import move
from giemsa.registry.versions import register_version
from giemsa.settings import load_params
from giemsa.stages import run
from giemsa.workspace import Workspace
from tests.pipeline.project import ROOT, write_cells

CLASSES = ("lymphocyte", "platelet")
CHALLENGED, PROMOTED = "2026-03-01T08:00:00+00:00", "2026-03-02T09:30:00+00:00"


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with curated cells and no model yet."""
    root = tmp_path_factory.mktemp("curated")
    shutil.copy(ROOT / "params.yaml", root)
    workspace = Workspace(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_cells(root / "first", CLASSES, 40)
        assert CliRunner().invoke(app, ["ingest", "first"]).exit_code == 0
        for stage in ("ingest", "validate", "deduplicate", "split"):
            run(stage, load_params(workspace.params), workspace)
    return root


@pytest.fixture
def here(curated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.rmtree(curated / "inbox", ignore_errors=True)
    monkeypatch.chdir(curated)
    return curated


@pytest.fixture
def championed(curated: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project where a person has made a challenger champion."""
    root = shutil.copytree(curated, tmp_path / "championed", ignore=shutil.ignore_patterns("inbox"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(root)
    workspace = Workspace(root)
    name = load_params(workspace.params).register_.model
    register_version(workspace, tiny_bundle, name=name, run_id=None, tags={"fingerprint": "f00d"})
    for action, when in (("challenge", CHALLENGED), ("promote", PROMOTED)):
        monkeypatch.setattr(promotion, "_now", lambda when=when: when)
        move(workspace, name, action=action, version="1", why="It was looked at.")
    return root


def drift(*arguments: str) -> tuple[dict[str, Any], str]:
    done = CliRunner().invoke(app, ["drift", "--json", "drift.json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(Path("drift.json").read_text())
    return found, done.output


@pytest.mark.usefixtures("here")
def test_an_empty_inbox_holds_nothing_new() -> None:
    found, said = drift()
    assert (found["images"], found["new"], found["shifts"], found["champion"]) == (0, 0, [], None)
    assert said == "0 of 0 images are new.\n"


def test_an_inbox_that_holds_no_image_is_an_empty_one(here: Path) -> None:
    (here / "inbox").mkdir()
    (here / "inbox" / ".DS_Store").touch()
    assert drift()[0]["images"] == 0


def test_what_came_in_before_without_a_label_is_not_new(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(here / "params.yaml", tmp_path)
    shutil.copytree(here / "first" / "platelet", tmp_path / "inbox")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["ingest", "inbox"]).exit_code == 0
    workspace = Workspace(tmp_path)
    run("ingest", load_params(workspace.params), workspace)
    found, _ = drift()
    assert (found["images"], found["new"]) == (40, 0)


def test_what_came_in_before_is_not_new_and_under_another_label_it_is(here: Path) -> None:
    (here / "inbox").mkdir()
    shutil.copytree(here / "first" / "platelet", here / "inbox" / "platelet")
    shutil.copytree(here / "first" / "lymphocyte", here / "inbox" / "monocyte")
    found, _ = drift()
    assert (found["images"], found["new"]) == (80, 40)


def test_known_files_of_the_inbox_are_not_read_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    reading = Mock(side_effect=sources.read_file)
    monkeypatch.setattr(folders, "read_file", reading)
    write_cells(here / "inbox", ("monocyte",), 5)
    first, _ = drift()
    assert reading.call_count == 5
    assert (drift()[0], reading.call_count) == (first, 5)


def test_a_few_images_are_new_but_say_nothing_of_drift(here: Path) -> None:
    write_cells(here / "inbox", ("monocyte",), 5)
    found, _ = drift()
    assert (found["new"], found["shifts"]) == (5, [])


def test_darker_images_have_drifted_and_the_same_ones_give_the_same_digest(here: Path) -> None:
    for file in (here / "first").rglob("*.png"):
        dark = here / "inbox" / file.relative_to(here / "first")
        dark.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(file)) // 2).save(dark)
    found, said = drift()
    assert found["drifted"]
    assert "brightness drifted" in said
    assert drift("inbox")[0]["digest"] == found["digest"]


def test_a_champion_is_named_with_its_day_and_what_it_says_is_compared_too(championed: Path) -> None:
    enough = load_params(championed / "params.yaml").watch.drift_images
    write_cells(championed / "inbox", ("monocyte",), enough)
    found, _ = drift()
    assert found["champion"] == {"version": "1", "since": PROMOTED}
    assert [shift["name"] for shift in found["shifts"]] == [*PROPERTIES, PREDICTED]


def test_a_known_file_that_cannot_be_read_any_more_is_told_apart(
    championed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    enough = load_params(championed / "params.yaml").watch.drift_images
    write_cells(championed / "inbox", ("monocyte",), enough + 1)
    assert drift()[0]["new"] == enough + 1
    opening = sources._no_link

    def failing(path: str, flags: int) -> int:
        if Path(path) == lost:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return opening(path, flags)

    lost = next((championed / "inbox").rglob("*.png"))
    monkeypatch.setattr(sources, "_no_link", failing)
    found, _ = drift()
    assert found["new"] == enough
    assert [shift["name"] for shift in found["shifts"]] == [*PROPERTIES, PREDICTED]


def test_images_without_class_are_named_by_their_pixels_alone(here: Path) -> None:
    (here / "inbox").mkdir()
    Image.fromarray(np.full((96, 96, 3), 90, np.uint8)).save(here / "inbox/a.png")
    pixels = hashlib.sha256(b"96x96:" + bytes([90]) * (96 * 96 * 3)).hexdigest()
    expected = hashlib.sha256(str((pixels, None)).encode()).hexdigest()[:16]
    assert drift()[0]["digest"] == expected


def test_before_the_first_training_new_images_are_counted(
    tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(here / "params.yaml", tmp_path)
    shutil.copytree(here / "first", tmp_path / "inbox")
    monkeypatch.chdir(tmp_path)
    found, _ = drift()
    assert (found["new"], found["shifts"]) == (80, [])


def test_a_folder_is_not_replaced_by_the_report(here: Path) -> None:
    done = CliRunner().invoke(app, ["drift", "--json", "first"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith("first cannot be written (Is a directory)")
    assert (here / "first/platelet").is_dir()


def test_an_unreadable_image_is_counted_but_not_compared(here: Path) -> None:
    (here / "inbox" / "platelet").mkdir(parents=True)
    (here / "inbox" / "platelet" / "broken.png").write_bytes(b"\x89PNG")
    found, _ = drift()
    assert (found["images"], found["new"]) == (1, 0)
