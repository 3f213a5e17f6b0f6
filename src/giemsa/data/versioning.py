"""Have DVC version the batches of images."""

import subprocess
import sys
from pathlib import Path

from giemsa.data.batches import RECORD_FILE
from giemsa.errors import UsageError


def check_present(raw: Path) -> None:
    """Make sure that the batches which DVC knows are here, so that new ones do not take their place.

    Raises:
        UsageError: if they still have to be fetched.
    """
    if _pointer(raw).is_file() and not raw.exists():
        message = f'{raw} is not here, but {_pointer(raw)} names it: fetch it with "dvc pull" first.'
        raise UsageError(message)


def add_to_dvc(raw: Path, root: Path) -> None:
    """Run ``dvc add`` on the batches, unless DVC has them already or ``root`` is no DVC project.

    Args:
        raw: the folder of all batches.
        root: the project.

    Raises:
        UsageError: if DVC refuses.
    """
    if not (root / ".dvc").is_dir() or _is_added(raw):
        return
    command = [sys.executable, "-m", "dvc", "add", str(raw.relative_to(root))]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = " ".join(said).removeprefix("ERROR: ") or f"exit code {done.returncode}"
        message = f'DVC could not add {raw} ({reason}): mend that, then run "{" ".join(command[2:])}".'
        raise UsageError(message)


def _is_added(raw: Path) -> bool:
    """Tell whether DVC's own file is newer than every batch's record."""
    pointer = _pointer(raw)
    if not pointer.is_file():
        return False
    added = pointer.stat().st_mtime_ns
    return all(
        folder.stat().st_mtime_ns < added
        for folder in (raw, *(file.parent for file in raw.glob(f"*/{RECORD_FILE}")))
    )


def _pointer(raw: Path) -> Path:
    return raw.with_name(f"{raw.name}.dvc")
