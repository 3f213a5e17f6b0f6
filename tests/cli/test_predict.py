"""``giemsa predict``: from a folder to a table, without loading what scoring does not need."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from giemsa.cli import predict  # noqa: F401  (registers the command)
from giemsa.cli.app import app
from giemsa.errors import UsageError


@pytest.fixture
def project(tmp_path: Path, tiny_bundle: Path) -> Path:
    shutil.copytree(tiny_bundle, tmp_path / "models" / "cnn")
    for index, kind in enumerate(("ig", "platelet")):
        folder = tmp_path / "cells" / kind
        folder.mkdir(parents=True)
        Pillow.fromarray(np.full((40, 40, 3), 90 * index, np.uint8)).save(folder / f"{index}.png")
    return tmp_path


def test_a_model_folder_needs_neither_tensorflow_nor_mlflow(project: Path) -> None:
    code = """
import sys
from giemsa.cli import main, predict
main()
"""
    probe = (
        "atexit.register(lambda: print({'tensorflow', 'keras', 'mlflow', 'matplotlib'} & set(sys.modules)))"
    )
    script = f"import atexit, sys; {probe}{code}"
    arguments = ("predict", "cells", "--model", "models/cnn", "--out", "out/p.csv")
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 images" in done.stdout
    assert done.stdout.strip().endswith("set()")
    assert pd.read_csv(project / "out" / "p.csv")["true"].tolist() == ["ig", "platelet"]


def test_labels_that_the_model_does_not_know_count_neither_way(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "cells" / "ig").rename(project / "cells" / "promyelocyte")
    (project / "cells" / "platelet").rename(project / "cells" / "PLT")
    call = ["predict", "cells", "--model", "models/cnn", "--out", "p.csv"]
    said = CliRunner().invoke(app, call, catch_exceptions=False).output
    assert "2 labelled as a class that the model does not know" in said
    assert "as labelled," not in said


@pytest.mark.parametrize(
    ("source", "model", "out", "sentence"),
    [
        ("nowhere", "models/cnn", "p.csv", "nowhere does not exist"),
        ("cells", "models/cnn", "p.xlsx", "p.xlsx has no known ending"),
        ("cells", "models/lost", "p.csv", 'There is no model "models/lost"'),
        ("cells", "champion", "p.csv", 'There is no model "champion"'),
        ("cells", "cells", "p.csv", "cells holds no trained model"),
        ("cells", "models/cnn", "/proc/p.csv", "/proc/p.csv cannot be written"),
        ("cells", "models/cnn", "models/cnn/bundle.json/p.csv", "p.csv cannot be written"),
    ],
)
def test_wrong_use_is_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, source: str, model: str, out: str, sentence: str
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = CliRunner().invoke(app, ["predict", source, "--model", model, "--out", out])
    assert isinstance(result.exception, UsageError)
    assert sentence in str(result.exception)
    assert "\n" not in str(result.exception)
    assert sorted(path.name for path in project.iterdir()) == ["cells", "models"]
