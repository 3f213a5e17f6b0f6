"""Run programs of peers, each in an environment of its own that is made once."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

PATIENCE_S = 900.0


class FailedError(Exception):
    """A program could not be installed or ended in an error; the text is its last line."""


def interpreter(package: str | None, environments: Path) -> Path:
    """Give the Python of the package's own environment, made where it is missing; giemsa's for None."""
    if package is None:
        return Path(sys.executable)
    home = (environments / package).absolute()
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        run([sys.executable, "-m", "venv", "--clear", str(home)])
        run([str(python), "-m", "pip", "install", "--quiet", package])
        (home / "installed").touch()
    return python


def run(command: list[str]) -> tuple[str, float, float]:
    """Run a command in an empty folder, where no project's settings are in force.

    Returns:
        What it printed, its CPU seconds and its peak memory in MiB.

    Raises:
        FailedError: if it ends in an error, or not within ``PATIENCE_S``.
    """
    with (
        tempfile.TemporaryDirectory() as empty,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
    ):
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=empty, start_new_session=True
        )
        # A worker that dies may leave its pool waiting for ever.
        patience = Timer(PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
        patience.start()
        _, status, used = os.wait4(process.pid, 0)
        too_late = not patience.is_alive()
        patience.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if too_late:
        message = f"no end within {PATIENCE_S / 60:.0f} minutes"
        raise FailedError(message)
    if process.returncode:
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        raise FailedError(lines[-1] if lines else f"exit code {process.returncode}")
    return printed, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
