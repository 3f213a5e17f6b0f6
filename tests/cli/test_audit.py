"""``giemsa audit``: the contract that other programs rely on."""

import json
import re
import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from giemsa.cli import audit, ingest  # noqa: F401  (registers the commands)
from giemsa.cli.app import app
from giemsa.curation import measuring
from giemsa.data.curated import write_splits
from giemsa.errors import UsageError

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a project, with a source of four images of which two are the same."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for seed, name in enumerate(("ig/a.png", "ig/b.png", "monocyte/c.png")):
        (tmp_path / "cells" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (40, 40 + seed, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / "cells" / name)
    (tmp_path / "cells/monocyte/d.png").write_bytes((tmp_path / "cells/ig/a.png").read_bytes())
    return tmp_path


def test_findings_and_page_are_written_and_nothing_else(here: Path) -> None:
    done = CliRunner().invoke(app, ["audit", "cells", "--json", "found.json", "--html", "page.html"])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in here.iterdir()) == ["cells", "found.json", "page.html"]
    told = json.loads((here / "found.json").read_text("utf-8"))
    assert told["images"] == 4
    assert told["unreadable"] == told["odd"] == told["leaks"] == []
    assert told["groups"] == [
        {
            "kind": "exact",
            "paths": ["ig/a.png", "monocyte/d.png"],
            "labels": ["ig", "monocyte"],
            "conflict": True,
            "junk": False,
            "keep": None,
        }
    ]
    assert "found.json" in done.output
    assert "monocyte/d.png" in (here / "page.html").read_text("utf-8")


def test_the_next_audit_reads_only_what_is_new(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["audit", "cells", "--json", "found.json", "--cache", "known"]
    read = Mock(side_effect=measuring.measure)
    monkeypatch.setattr(measuring, "measure", read)
    assert CliRunner().invoke(app, command).exit_code == 0
    assert read.call_count == 3
    Pillow.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(here / "cells/ig/new.png")
    assert CliRunner().invoke(app, command).exit_code == 0
    assert read.call_count == 4
    told = (here / "found.json").read_bytes()
    shutil.rmtree(here / "known")
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (here / "found.json").read_bytes() == told


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("file", r"file takes no files \(File exists\): give another folder"),
        ("cells/known", "cells/known lies in cells, which is only read"),
    ],
)
def test_a_cache_in_an_impossible_place_is_named(here: Path, cache: str, said: str) -> None:
    (here / "file").touch()
    done = CliRunner().invoke(app, ["audit", "cells", "--json", "found.json", "--cache", cache])
    assert isinstance(done.exception, UsageError)
    assert re.search(said, str(done.exception))
    assert not (here / "cells/known").exists()


def test_an_odd_image_without_a_label_is_shown_for_review(here: Path) -> None:
    Pillow.fromarray(np.zeros((40, 40, 3), np.uint8)).save(here / "cells/black.png")
    done = CliRunner().invoke(app, ["audit", "cells", "--json", "found.json", "--html", "page.html"])
    assert done.exit_code == 0, done.output
    assert "black.png" in (here / "page.html").read_text("utf-8")


def test_a_second_source_is_held_against_the_first(here: Path) -> None:
    (here / "test").mkdir()
    (here / "test/seen.png").write_bytes((here / "cells/ig/b.png").read_bytes())
    done = CliRunner().invoke(app, ["audit", "cells", "--json", "found.json", "--against", "test"])
    assert done.exit_code == 0, done.output
    told = json.loads((here / "found.json").read_text("utf-8"))
    assert told["leaks"] == [{"paths": ["ig/b.png"], "against": ["seen.png"]}]


def test_copies_in_two_batches_of_a_project_are_told_with_the_sides_they_are_on(here: Path) -> None:
    shutil.copy(PARAMS, here)
    (here / "more/ig").mkdir(parents=True)
    (here / "more/ig/again.png").write_bytes((here / "cells/ig/b.png").read_bytes())
    for source in ("cells", "more"):
        assert CliRunner().invoke(app, ["ingest", source]).exit_code == 0
    copies = ["cells/ig/b.png", "more/ig/again.png"]
    sides = pd.DataFrame({"path": copies, "label": "ig", "group": copies, "side": ["train", "test"]})
    write_splits(here / "data/splits.parquet", sides)
    done = CliRunner().invoke(app, ["audit", "data/raw", "--json", "found.json"])
    assert done.exit_code == 0, done.output
    told = json.loads((here / "found.json").read_text("utf-8"))
    # The two that are equal within one batch, a.png and d.png, straddle nothing.
    assert told["straddling"] == [{"paths": copies, "batches": ["cells", "more"], "sides": ["test", "train"]}]
    assert "several sides of the split" in done.output


@pytest.mark.parametrize("source", ["missing", "cells/ig/a.png"])
def test_what_is_no_source_is_told_in_one_sentence(here: Path, source: str) -> None:
    done = CliRunner().invoke(app, ["audit", source, "--json", "found.json"])
    assert isinstance(done.exception, UsageError)
    assert source in str(done.exception)
    assert not (here / "found.json").exists()


@pytest.mark.parametrize("option", ["--json", "--html"])
@pytest.mark.parametrize("place", ["results", ".", "cells/ig/a.png/page"])
def test_an_output_that_cannot_be_a_file_is_refused_before_the_audit(
    here: Path, monkeypatch: pytest.MonkeyPatch, option: str, place: str
) -> None:
    (here / "results").mkdir()
    (here / "results/thesis.txt").touch()
    monkeypatch.setattr("giemsa.curation.audit.audit", lambda *_, **__: pytest.fail("it ran"))
    done = CliRunner().invoke(app, ["audit", "cells", "--json", "found.json", option, place])
    assert isinstance(done.exception, UsageError), done.exception
    assert str(done.exception).startswith(f"{place} cannot be written")
    assert (here / "results/thesis.txt").exists()


def test_a_model_that_is_asked_judges_labels_too(here: Path, tiny_bundle: Path) -> None:
    command = ["audit", "cells", "--json", "found.json", "--model", str(tiny_bundle)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert json.loads((here / "found.json").read_text("utf-8"))["label_errors"] == []
    assert "labels that are likely wrong" in done.output
