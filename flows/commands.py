"""Run a command of the project below a task run: every line into its log, the last words for its state."""

import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect.logging import get_run_logger

from flows.leash import leashed

KEPT_LINES = 100
FRAME = (  # what DVC says around a stage's own lines
    "ERROR:",
    "WARNING:",
    "Running stage ",
    "> ",
    "Updating lock file",
    "Generating lock file",
    "To track the changes",
    "\tgit add",
    "To enable auto staging",
    "\tdvc config",
    "Use `dvc push`",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and its last lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What the command itself said last, without DVC's frame around it."""
        own = [line for line in self.lines if not line.startswith(FRAME)]
        framed = [line.removeprefix("ERROR: ") for line in self.lines if line.startswith("ERROR:")]
        if framed and not any("failed to run:" in line for line in framed):
            return framed[-1]
        silent = f"it ended with exit code {self.code}" if self.code else "done"
        return own[-1].strip() if own else silent

    def said(self, *phrases: str) -> bool:
        """Tell whether one of its lines holds one of ``phrases``."""
        return any(phrase in line for line in self.lines for phrase in phrases)


def run(command: Sequence[str], folder: Path, *, keep: int | None = KEPT_LINES) -> Ended:
    """Run ``command`` in ``folder``; cancelling the run ends it with all its children.

    Programs are looked up beside this interpreter first, so that the project's own tools are found.
    Of what it prints the last ``keep`` lines are kept, all for None.
    """
    logger = get_run_logger()
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": search, "PYTHONUNBUFFERED": "1"}
    kept: deque[str] = deque(maxlen=keep)
    with leashed(command, cwd=folder, env=environment) as process:
        assert process.stdout is not None
        for line in map(str.rstrip, process.stdout):
            if line:
                kept.append(line)
                logger.info(line)
    return Ended(process.returncode, tuple(kept))
