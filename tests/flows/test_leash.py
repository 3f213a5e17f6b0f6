"""A command never outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from flows.leash import hold, leashed
from tests.flows.support import eventually

FAMILY = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path("pids").write_text(f"{__import__('os').getpid()} {child.pid}")
time.sleep(60)
"""
OWNER = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[1])
from flows.leash import leashed
with leashed([sys.executable, "-c", sys.argv[2]], cwd=pathlib.Path()):
    time.sleep(60)
"""


def pids(folder: Path) -> list[int]:
    eventually(lambda: (folder / "pids").is_file() and len((folder / "pids").read_text().split()) == 2)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def gone(numbers: list[int]) -> bool:
    def ended(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:  # at whichever moment
            return True

    return all(ended(pid) for pid in numbers)


def test_lines_and_exit_code_are_the_commands_own(tmp_path: Path) -> None:
    script = "import sys; print('out'); sys.stdout.flush(); sys.stderr.write('err\\n'); sys.exit(3)"
    with leashed([sys.executable, "-c", script], cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == ["out", "err"]
    assert process.returncode == 3


def test_a_command_ended_by_a_signal_gives_what_a_shell_would(tmp_path: Path) -> None:
    with leashed([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], cwd=tmp_path) as process:
        assert process.wait(20) == 128 + signal.SIGKILL


def test_leaving_the_block_ends_the_command_and_its_children(tmp_path: Path) -> None:
    with leashed([sys.executable, "-c", FAMILY], cwd=tmp_path):
        family = pids(tmp_path)
    assert gone(family)


def test_an_error_in_the_block_ends_the_command(tmp_path: Path) -> None:
    def fail() -> None:
        with leashed([sys.executable, "-c", FAMILY], cwd=tmp_path):
            pids(tmp_path)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gone(pids(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_owner_that_is_killed_takes_the_command_along(tmp_path: Path, number: signal.Signals) -> None:
    root = str(Path(__file__).parents[2])
    owner = subprocess.Popen([sys.executable, "-c", OWNER, root, FAMILY], cwd=tmp_path)
    family = pids(tmp_path)
    os.kill(owner.pid, number)
    owner.wait()
    eventually(lambda: gone(family))


def test_a_leash_that_is_told_to_end_ends_the_command(tmp_path: Path) -> None:
    with leashed([sys.executable, "-c", FAMILY], cwd=tmp_path) as process:
        family = pids(tmp_path)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
        assert gone(family)


def test_a_command_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{FAMILY}"
    script = (Path(__file__).parents[2] / "flows" / "leash.py").read_text()
    (tmp_path / "leash.py").write_text(script.replace("GRACE_S = 8.0", "GRACE_S = 0.3"))
    monkeypatch.setattr("flows.leash.__file__", str(tmp_path / "leash.py"))
    started = time.monotonic()
    with leashed([sys.executable, "-c", stubborn], cwd=tmp_path):
        family = pids(tmp_path)
    assert gone(family)
    assert time.monotonic() - started < 10


def test_a_program_that_is_not_there_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert hold(["no-such-program"]) == 127
    assert capsys.readouterr().err == "no-such-program cannot be started: No such file or directory.\n"
