"""What is asked of a retraining is checked as a whole, before anything is touched."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.parameters import images_of, override
from giemsa.errors import UsageError
from giemsa.workspace import Workspace

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return Path(shutil.copy(PARAMS, tmp_path))


@pytest.mark.parametrize(
    ("section", "key", "value", "line"),
    [("train", "max_epochs", 3, "  max_epochs: 3"), ("train", "widths", [8, 16], "  widths: [8, 16]")],
)
def test_a_value_is_changed_and_nothing_else_in_the_file(
    params: Path, section: str, key: str, value: int | list[Any], line: str
) -> None:
    before = params.read_text().splitlines()
    override(params, {f"{section}.{key}": value})
    changed = [new for old, new in zip(before, params.read_text().splitlines(), strict=True) if old != new]
    assert changed == [line]


@pytest.mark.parametrize(
    "values", [{"train.max_epochs": 0}, {"train.colour": 1}, {"colour": 1}, {"train.seed.deep": 1}]
)
def test_a_wrong_value_or_name_leaves_the_file_as_it_was(params: Path, values: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(values)).split(".")[0]):
        override(params, values)
    assert params.read_text() == PARAMS.read_text()


def test_every_fault_is_told_at_once(params: Path) -> None:
    with pytest.raises(UsageError, match=r"colour.*max_epochs"):
        override(params, {"train.max_epochs": 0, "split.colour": 1})


def test_the_message_names_the_projects_own_file(params: Path) -> None:
    with pytest.raises(UsageError, match=r"params\.yaml") as caught:
        override(params, {"train.max_epochs": 0})
    assert str(caught.value).startswith(f"{params} ")


def test_nothing_asked_is_nothing_changed(params: Path) -> None:
    stamp = params.stat().st_mtime_ns
    override(params, {})
    assert params.stat().st_mtime_ns == stamp


def test_images_come_from_the_source_or_else_from_an_inbox_that_holds_some(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    assert images_of("", workspace) is None
    workspace.inbox.mkdir()
    assert images_of("", workspace) is None
    (workspace.inbox / "monocyte").mkdir()
    (workspace.inbox / "monocyte" / "1.png").touch()
    assert images_of("", workspace) == str(workspace.inbox)
    assert images_of("inbox/monocyte", workspace) == "inbox/monocyte"
    assert images_of("bloodmnist:64", workspace) == "bloodmnist:64"


def test_without_any_image_ever_a_person_is_told_where_to_put_some(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There are no images yet: put some into .*inbox"):
        images_of("", Workspace(tmp_path))


def test_a_clone_without_its_images_is_told_to_fetch_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw.dvc").touch()
    with pytest.raises(UsageError, match="dvc pull"):
        images_of("", Workspace(tmp_path))


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere does not exist"):
        images_of("nowhere", Workspace(tmp_path))
