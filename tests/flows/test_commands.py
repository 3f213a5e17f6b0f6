"""What a command said is read the way a person would read it."""

import sys
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from flows.commands import Ended, run


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            (
                "Running stage 'validate':",
                "> giemsa run validate",
                "Only one class came in: add images of another.",
                "ERROR: failed to reproduce 'validate': failed to run: giemsa run validate, exited with 1",
            ),
            "Only one class came in: add images of another.",
        ),
        (
            ("ERROR: failed to reproduce 'train': output 'models' is already specified",),
            "failed to reproduce 'train': output 'models' is already specified",
        ),
        (("> giemsa run split", "split: 10 cells", "Updating lock file 'dvc.lock'"), "split: 10 cells"),
        (
            ("> false", "ERROR: failed to reproduce 'x': failed to run: false, exited with 1"),
            "it ended with exit code 1",
        ),
    ],
)
def test_the_stages_own_last_words_are_told_without_dvcs_frame(lines: tuple[str, ...], sentence: str) -> None:
    assert Ended(1, lines).sentence == sentence


def test_silence_is_no_failure() -> None:
    assert Ended(0, ()).sentence == "done"


def test_standard_error_and_output_are_one_stream_of_lines(tmp_path: Path) -> None:
    script = "import sys; print('one'); print(); print('two', file=sys.stderr); sys.exit(4)"
    with disable_run_logger():
        assert run(["python", "-c", script], tmp_path) == Ended(4, ("one", "two"))


def test_the_projects_own_tools_are_found_first(tmp_path: Path) -> None:
    with disable_run_logger():
        ended = run(["python", "-c", "import sys; print(sys.executable)"], tmp_path)
    assert Path(ended.lines[0]).parent == Path(sys.executable).parent


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    script = r"import sys; sys.stdout.buffer.write(b'\xff\xfe\n')"
    with disable_run_logger():
        assert run(["python", "-c", script], tmp_path).code == 0


def test_as_many_last_lines_are_kept_as_are_asked_for(tmp_path: Path) -> None:
    counting = [sys.executable, "-c", "for n in range(125): print(n)"]
    with disable_run_logger():
        last, every = run(counting, tmp_path), run(counting, tmp_path, keep=None)
    assert (len(last.lines), last.lines[-1]) == (100, "124")
    assert len(every.lines) == 125
