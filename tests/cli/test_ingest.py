"""``giemsa ingest``: what a person sees when images come in."""

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from giemsa.cli import ingest  # noqa: F401  (registers the command)
from giemsa.cli.app import app
from giemsa.data.manifest import read_manifest
from giemsa.errors import UsageError
from giemsa.settings import load_params
from giemsa.stages.ingest import run
from giemsa.workspace import Workspace
from tests.data.pictures import png

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(PARAMS, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def march(tmp_path: Path) -> Path:
    folder = tmp_path / "march"
    for number, path in enumerate(("ig/a.png", "ig/b.png", "platelet/c.png")):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(png(number * 40))
    return folder


def called(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["ingest", *map(str, arguments)])


def test_a_folder_becomes_a_batch_that_the_stage_lists(project: Path, march: Path) -> None:
    done = called(march)
    assert done.exit_code == 0
    assert done.stdout == f"{march}: 3 images found, 3 new in batch march.\n"
    run(Workspace(project), image=load_params(PARAMS).image)
    manifest = read_manifest(project / "data/manifest.parquet")
    assert manifest["path"].tolist() == ["march/ig/a.png", "march/ig/b.png", "march/platelet/c.png"]


def test_the_same_folder_again_adds_nothing_and_says_so(project: Path, march: Path) -> None:
    called(march, "--batch", "lab")
    done = called(march)
    assert done.exit_code == 0
    assert done.stdout == f"{march} is here already, as batch lab: 3 images, none new.\n"
    assert [folder.name for folder in (project / "data/raw").iterdir()] == ["lab"]


def test_a_grown_folder_adds_what_is_new(project: Path, march: Path) -> None:
    called(march)
    (march / "ig" / "d.png").write_bytes(png(200))
    assert called(march).stdout == f"{march}: 4 images found, 1 new in batch march-2.\n"
    assert (project / "data/raw/march-2/ig/d.png").read_bytes() == png(200)


def test_a_folder_whose_name_is_no_unicode_comes_in(project: Path, march: Path) -> None:
    named = march.rename(os.fsdecode(os.fsencode(march.parent) + b"/m\xe4rz"))
    done = called(named)
    assert done.exit_code == 0, done.exception
    assert "m\\xe4rz: 3 images found, 3 new in batch m_xe4rz." in done.stdout
    assert (project / "data/raw/m_xe4rz/ig/a.png").is_file()


@pytest.mark.usefixtures("project")
def test_the_first_unreadable_files_are_named_and_the_others_counted(march: Path) -> None:
    for number in range(12):
        (march / "ig" / f"broken-{number:02d}.jpg").write_bytes(b"no picture %d" % number)
    lines = called(march).stdout.splitlines()
    assert lines[:2] == [
        f"{march}: 15 images found, 15 new in batch march.",
        "12 cannot be read and were set aside:",
    ]
    assert [line.split(":")[0] for line in lines[2:12]] == [f"  ig/broken-{n:02d}.jpg" for n in range(10)]
    assert all(line.split(": ", 1)[1] for line in lines[2:12])
    assert lines[12:] == ["  … and 2 more: reports/validation lists them all."]


def test_a_missing_source_is_wrong_use_and_adds_nothing(project: Path) -> None:
    failure = called("nowhere").exception
    assert isinstance(failure, UsageError)
    assert str(failure).startswith("nowhere does not exist")
    assert not (project / "data").exists()


def test_what_was_brought_in_is_no_source(project: Path, march: Path) -> None:
    called(march)
    for place in ("data/raw", "data/raw/march", "data", "."):
        failure = called(place).exception
        assert isinstance(failure, UsageError)
        assert str(failure).startswith(f"{place} holds what was brought in already")
    assert [folder.name for folder in (project / "data/raw").iterdir()] == ["march"]


def test_a_batch_that_dvc_refuses_is_reported_all_the_same(
    march: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(raw: Path, root: Path) -> None:
        message = f"DVC could not add {raw} below {root}"
        raise UsageError(message)

    monkeypatch.setattr("giemsa.data.versioning.add_to_dvc", refuse)
    done = called(march)
    assert isinstance(done.exception, UsageError)
    assert "3 new in batch march" in done.stdout
    assert (project / "data/raw/march").is_dir()
