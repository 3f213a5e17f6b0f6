"""A whole small project on drawn cells, run once for all tests of the main job."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.pipeline.project import ROOT, SMALL, Project, write_cells


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Make projects that hold the graph, the code and small parameters, and no images yet."""

    def make() -> Project:
        root = tmp_path_factory.mktemp("project")
        shutil.copy(ROOT / "dvc.yaml", root)
        shutil.copy(ROOT / ".dvcignore", root)
        shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "mlflow", root / "mlflow")
        shutil.copy(ROOT / "decisions.csv", root)
        (root / "weights").mkdir()
        yaml = YAML()
        params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for section, values in SMALL.items():
            params[section].update(values)
        with (root / "params.yaml").open("w", encoding="utf-8") as stream:
            yaml.dump(params, stream)
        project = Project(root)
        project.run("dvc", "init", "--no-scm", "--quiet")
        return project

    return make


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cells(tmp_path_factory.mktemp("source") / "cells")


@pytest.fixture(scope="session")
def finished(new_project: Callable[[], Project], cells: Path) -> Project:
    """A project whose main job has run, undisturbed."""
    project = new_project()
    project.run("giemsa", "ingest", str(cells))
    project.run("dvc", "repro")
    return project
