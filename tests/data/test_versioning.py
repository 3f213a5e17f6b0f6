"""DVC versions the batches."""

import subprocess
from pathlib import Path

import pytest

from giemsa.data.batches import bring_in
from giemsa.data.versioning import add_to_dvc, check_present
from giemsa.errors import UsageError
from tests.data.pictures import Pictures, cells, unmeasured


@pytest.fixture
def root(tmp_path: Path) -> Path:
    bring_in(Pictures(cells("ig/a.png", "ig/b.png")), tmp_path / "data/raw", batch=None, measure=unmeasured)
    return tmp_path


@pytest.fixture
def dvc_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    (root / ".dvc").mkdir()  # what "dvc init --no-scm" makes, without its seconds
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    return root


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> None:
        pytest.fail(f"{command} was run")

    monkeypatch.setattr(subprocess, "run", run)


@pytest.mark.usefixtures("no_process")
def test_a_folder_without_dvc_stays_without(root: Path) -> None:
    add_to_dvc(root / "data/raw", root)
    assert not (root / "data/raw.dvc").exists()


def test_batches_are_added_once_and_again_when_one_is_new(
    dvc_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, pointer = dvc_root / "data/raw", dvc_root / "data/raw.dvc"
    add_to_dvc(raw, dvc_root)
    assert "nfiles: 3" in pointer.read_text()

    added = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        added.append(command[2:])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    add_to_dvc(raw, dvc_root)
    assert added == []
    bring_in(Pictures(cells("ig/c.png"), name="april"), raw, batch=None, measure=unmeasured)
    add_to_dvc(raw, dvc_root)
    assert added == [["dvc", "add", "data/raw"]]


def test_batches_that_were_not_fetched_are_not_taken_for_none(root: Path) -> None:
    raw = root / "data/raw"
    check_present(root / "elsewhere/raw")
    (root / "data/raw.dvc").touch()
    check_present(raw)
    raw.rename(root / "away")
    with pytest.raises(UsageError, match='fetch it with "dvc pull" first'):
        check_present(raw)


def test_what_dvc_refuses_is_one_sentence_with_the_mend(dvc_root: Path) -> None:
    (dvc_root / ".dvc" / "config").write_text("[core\n")
    with pytest.raises(UsageError) as caught:
        add_to_dvc(dvc_root / "data/raw", dvc_root)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"DVC could not add {dvc_root / 'data/raw'} (")
    assert message.endswith('mend that, then run "dvc add data/raw".')
