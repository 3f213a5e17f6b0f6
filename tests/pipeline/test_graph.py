"""dvc.yaml, the stages, their params sections and their real imports say the same."""

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

from giemsa.settings import load_params
from giemsa.stages import STAGES
from giemsa.training.bundle import Epoch
from giemsa.workspace import MODELS, Workspace

ROOT = Path(__file__).parents[2]
# Names, checks, messages and places to compute, never what: values reach DVC as params, files as deps.
INFRASTRUCTURE = {
    "giemsa",
    "giemsa.engine",
    "giemsa.errors",
    "giemsa.progress",
    "giemsa.settings",
    "giemsa.stages",
    "giemsa.workspace",
}

# What training logs to MLflow as it goes changes no output of it.
TRAINING = {"train", "fine-tune"}
LOGGED = {*TRAINING, "combine"}
LOGGING = {"giemsa.registry.connection", "giemsa.registry.tracking", "giemsa.registry.training_runs"}

# What tests of the stages find in the tables that are plotted.
COLUMNS = {
    "history.csv": {field.name for field in dataclasses.fields(Epoch)},
    "confusion-*.csv": {"actual", "predicted"},
    "classes.csv": {"class", "before", "after"},
}


def content() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))
    return read


def graph() -> dict[str, dict[str, Any]]:
    stages: dict[str, dict[str, Any]] = content()["stages"]
    return stages


def plots() -> Iterator[tuple[str, set[str]]]:
    """Give each file that is plotted, and the columns that are read of it."""
    for entry in content()["plots"]:
        for plot in entry.values():
            for file, columns in plot["y"].items():
                yield file, {plot["x"], *([columns] if isinstance(columns, str) else columns)}


def outs(stage: dict[str, Any]) -> Iterator[str]:
    for out in stage["outs"]:
        yield next(iter(out)) if isinstance(out, dict) else out


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("giemsa", cache_dir=None)


def module_path(module: str) -> str:
    path = f"src/{module.replace('.', '/')}"
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"


def what_a_stage_runs(imports: grimp.ImportGraph, name: str) -> set[str]:
    module = f"giemsa.stages.{name.replace('-', '_')}"
    modules = {module} | imports.find_upstream_modules(module)
    modules -= INFRASTRUCTURE | (LOGGING if name in LOGGED else set())
    files = {module_path(each) for each in modules}
    templates = {"src/giemsa/pages/templates"} if "giemsa.pages" in modules else set()
    return {file for file in files if not is_docstring_alone(ROOT / file)} | templates


def is_docstring_alone(file: Path) -> bool:
    return len(ast.parse(file.read_text(encoding="utf-8")).body) <= 1


def test_the_graph_has_exactly_the_stages_that_the_command_line_runs() -> None:
    assert tuple(graph()) == STAGES
    # The project's own environment comes first, so that "dvc repro" works without activating it.
    assert {name: stage["cmd"] for name, stage in graph().items()} == {
        name: f"PATH=.venv/bin:$PATH giemsa run {name}" for name in STAGES
    }


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_the_sections_that_dvc_watches(name: str) -> None:
    module = import_module(f"giemsa.stages.{name.replace('-', '_')}")
    taken = set(inspect.signature(module.run).parameters) - {"workspace", "compute"}
    assert taken == {param for param in graph()[name]["params"] if not param.startswith("compute.")}


@pytest.mark.parametrize("name", STAGES)
def test_where_it_is_computed_concerns_dvc_only_where_it_changes_the_outcome(name: str) -> None:
    watched = {param for param in graph()[name]["params"] if param.startswith("compute.")}
    assert watched == ({"compute.trainers"} if name in TRAINING else set())


@pytest.mark.parametrize("name", STAGES)
def test_no_edit_of_a_stages_code_escapes_dvc(name: str, imports: grimp.ImportGraph) -> None:
    watched = {dep for dep in graph()[name]["deps"] if dep.startswith("src/")}
    runs = what_a_stage_runs(imports, name)
    unwatched = sorted(file for file in runs if not any(Path(file).is_relative_to(dep) for dep in watched))
    needless = sorted(dep for dep in watched if not any(Path(file).is_relative_to(dep) for file in runs))
    assert not unwatched, f"add to the deps of {name}: {unwatched}"
    assert not needless, f"remove from the deps of {name}: {needless}"


def test_every_file_of_the_graph_stands_in_the_table_of_locations() -> None:
    workspace = Workspace(Path())
    names = [name for name, value in inspect.getmembers(Workspace) if isinstance(value, property)]
    assert {field.name for field in dataclasses.fields(Workspace)} == {"root"}
    known = {str(getattr(workspace, name)) for name in names} | {
        str(workspace.model(name)) for name in MODELS
    }
    used = {out for stage in graph().values() for out in outs(stage)}
    used |= {dep for stage in graph().values() for dep in stage["deps"] if not dep.startswith("src/")}
    assert used <= known


def test_every_dependency_that_is_no_source_is_made_by_a_stage() -> None:
    made = {out for stage in graph().values() for out in outs(stage)}
    needed = {dep for stage in graph().values() for dep in stage["deps"] if not dep.startswith("src/")}
    assert needed - made == {"data/raw", "decisions.csv", "mlflow/model_card.md.j2", "weights"}


@pytest.mark.parametrize(("file", "read"), plots())
def test_a_plot_reads_columns_that_a_stage_writes(file: str, read: set[str]) -> None:
    made = [out for stage in graph().values() for out in outs(stage)]
    assert any(Path(file).is_relative_to(out) for out in made)
    (columns,) = (columns for name, columns in COLUMNS.items() if Path(file).match(name))
    assert read <= columns


def test_the_params_file_is_right_as_it_stands() -> None:
    assert load_params(ROOT / "params.yaml").image.size == 96
