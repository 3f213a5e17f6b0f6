"""The exit code and the one sentence that a program which calls ``giemsa`` relies on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GIEMSA = Path(sys.executable).with_name("giemsa")
PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(PARAMS, tmp_path)
    return tmp_path


def called(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([GIEMSA, *arguments], cwd=project, capture_output=True, text=True, check=False)


def test_what_goes_well_is_exit_code_0_and_no_complaint(project: Path) -> None:
    done = called(project, "--version")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("ingest", "nowhere"), 2, "nowhere does not exist"),
        (("run", "ingest"), 1, "{project}/data/raw holds no images"),
    ],
    ids=["wrong use", "a failed check"],
)
def test_an_expected_failure_is_its_exit_code_and_one_sentence_but_no_traceback(
    project: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = called(project, *arguments)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].startswith(sentence.format(project=project))
    assert "Traceback" not in done.stdout + done.stderr
