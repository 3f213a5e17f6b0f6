"""The one table of file locations: what a project folder holds, and where."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from giemsa.errors import UsageError

HEAD = "frozen-head"  # how the tuned one stood before its convolutions were tuned: to compare, no candidate
# Before and after fine-tuning, the one from scratch, and the last two together.
MODELS = (HEAD, "fine-tuned", "cnn", "ensemble")


@dataclass(frozen=True)
class Workspace:
    """The files of one project, all below ``root``.

    Args:
        root: the project's folder, the one with ``dvc.yaml``.
    """

    root: Path

    @property
    def params(self) -> Path:
        """Every tunable."""
        return self.root / "params.yaml"

    @property
    def raw(self) -> Path:
        """Original bytes, ``<batch>/<class>/<name>``; only ever appended to."""
        return self.root / "data" / "raw"

    @property
    def manifest(self) -> Path:
        """One row per image that came in, readable or not."""
        return self.root / "data" / "manifest.parquet"

    @property
    def curated(self) -> Path:
        """A folder of Parquet files: one row per kept image, with its bytes."""
        return self.root / "data" / "curated"

    @property
    def splits(self) -> Path:
        """One row per kept image: its side."""
        return self.root / "data" / "splits.parquet"

    @property
    def measurements(self) -> Path:
        """What reading an image told, by content; safe to delete, costs one more read."""
        return self.root / ".cache" / "measurements"

    @property
    def decisions(self) -> Path:
        """A person's decisions on duplicates, which override the automatic ones."""
        return self.root / "decisions.csv"

    @property
    def weights(self) -> Path:
        """Pretrained weights that were put here or downloaded."""
        return self.root / "weights"

    @property
    def inbox(self) -> Path:
        """Where new images and corrected cells wait for the next retraining."""
        return self.root / "inbox"

    def model(self, name: str) -> Path:
        """The folder of one trained model, see ``MODELS``."""
        return self.root / "models" / name

    @property
    def validation(self) -> Path:
        """The validation stage's report."""
        return self.root / "reports" / "validation"

    @property
    def duplicates(self) -> Path:
        """The duplicate gallery, the decisions and the class distribution."""
        return self.root / "reports" / "duplicates"

    @property
    def split_report(self) -> Path:
        """How many cells of each class are on each side."""
        return self.root / "reports" / "splits.json"

    @property
    def evaluation(self) -> Path:
        """Metrics, figures and the evaluation report."""
        return self.root / "reports" / "evaluation"

    @property
    def model_card(self) -> Path:
        """The template of the model cards."""
        return self.root / "mlflow" / "model_card.md.j2"

    @property
    def registration(self) -> Path:
        """The receipt: what was registered, what the gate said and why."""
        return self.root / "reports" / "registration.json"

    @property
    def tracking_uri(self) -> str:
        """MLflow's address: ``MLFLOW_TRACKING_URI``, else a database in the project's folder."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root.resolve()}/mlflow.db"


def find_workspace(start: Path | None = None) -> Workspace:
    """Find the project: the nearest folder upwards with a ``params.yaml``, else where we stand."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return Workspace(folder)
    return Workspace(here)


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Give a path beside ``target`` to write to, and move it there only when the block succeeds.

    Works for a file and for a folder; what stood at ``target`` before is replaced, but never a folder by a
    file. A killed process leaves at most ``.<name>.partial``, which the next one clears away.

    Raises:
        IsADirectoryError: if a file was written and a folder stands at ``target``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)
    try:
        yield partial
        if target.is_dir():
            if not partial.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
            _remove(target)
        partial.replace(target)
    finally:
        _remove(partial)


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Say what hinders the block from writing ``file``, which a person named, in one sentence.

    Raises:
        UsageError: if the block raises an OSError.
    """
    try:
        yield
    except OSError as error:
        message = f"{file} cannot be written ({error.strerror}): give a file in a folder that can be."
        raise UsageError(message) from None


def check_writable(*files: Path | None, sources: Sequence[str | None] = ()) -> None:
    """Check, before long work begins, that what it finds can be written; None stands for no file.

    Args:
        files: where findings go.
        sources: what is read meanwhile, and must not be replaced.

    Raises:
        UsageError: if a folder or a device stands in a file's place, its own folder takes no file, or two
            findings, or one and a source, are to be the same file.
    """
    taken = {Path(source).resolve() for source in sources if source is not None}
    for file in filter(None, files):
        with writing(file):
            if file.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if file.exists() and not file.is_file():
                raise OSError(errno.EEXIST, "no regular file")
            file.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=file.parent).close()
        if file.resolve() in taken:
            message = f"{file} stands for two things: give each a file of its own."
            raise UsageError(message)
        taken.add(file.resolve())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
