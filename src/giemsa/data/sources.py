"""Open what a person calls their images: a folder, a zip, an npz file, BloodMNIST or the drawn demo."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from giemsa.errors import UsageError
from giemsa.progress import say
from giemsa.settings import Image

SETTLED_NS = 2_000_000_000  # after a change, the clocks of file systems tell another one apart


@dataclass(frozen=True)
class Item:
    """One image of a source, as it lies there.

    Args:
        path: where it lies, relative to the source with ``/``; a row of an npz file is ``FILE.npz#ROW``.
        label: its class, or None where the source tells none.
        content: the encoded file's bytes, or an npz row of shape (H, W, 3) or (H, W); None with a problem, or
            where it was not wanted.
        problem: why it could not be read, or None.
        subject: the patient or slide it comes from, where ``metadata.csv`` tells.
        stamp: see ``stamp_of``; None where the image is no file of its own.
    """

    path: str
    label: str | None
    content: bytes | NDArray[np.uint8] | None
    problem: str | None = None
    subject: str | None = None
    stamp: str | None = None


Wanted = Callable[[str, str | None], bool]


def everything(path: str, stamp: str | None) -> bool:  # noqa: ARG001 - as a ``Wanted``
    """Want every image."""
    return True


class Source(Protocol):
    """Images to be read one after another, in bounded memory."""

    name: str
    drawn: bool
    skipped: int  # pictures of kinds that are not read

    def fingerprint(self) -> str:
        """Tell this source from a changed one without decoding an image, as a hex digest."""

    def __len__(self) -> int:
        """Count the images, readable or not."""

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:
        """Read the images lazily, in a fixed order; what cannot be read comes with its problem.

        Args:
            wanted: asked for each path and stamp; what is not wanted comes without content, unread.
        """


def open_source(source: str | Path, image: Image) -> Source:
    """Open ``source`` for reading.

    Args:
        source: a folder, a ``.zip``, an ``.npz``, ``"demo"``, ``"bloodmnist"`` or ``"bloodmnist:64"``.
        image: limits on size; larger files become items with a problem.

    Raises:
        UsageError: if it is missing, empty, of another kind, or not safe to read.
    """
    from giemsa.data.archives import ZipSource
    from giemsa.data.arrays import NpzSource
    from giemsa.data.folders import FolderSource
    from giemsa.data.project import BatchesSource, holds_batches

    if source == "demo":
        from giemsa.data.demo import DemoSource

        return DemoSource()
    if isinstance(source, str) and source.partition(":")[0] == "bloodmnist":
        from giemsa.data.download import bloodmnist

        return NpzSource(bloodmnist(source), image)
    if not str(source):
        message = "No source is named: give a folder, or . for this one."
        raise UsageError(message)
    path = Path(source)
    opened: Source
    if path.is_dir():
        opened = BatchesSource(path, image) if holds_batches(path) else FolderSource(path, image)
    elif path.suffix.lower() == ".zip" and path.is_file():
        opened = ZipSource(path, image)
    elif path.suffix.lower() == ".npz" and path.is_file():
        opened = NpzSource(path, image)
    else:
        raise UsageError(_why_not(path))
    if not len(opened):
        message = f"{path} holds no image: give a folder per class with JPEG, PNG, TIFF, BMP or WebP files."
        raise UsageError(message)
    if opened.skipped:
        say(f"{path}: {opened.skipped:,} pictures left out, of kinds that are not read (GIF, DICOM, …).")
    return opened


def read_file(path: Path, image: Image) -> tuple[bytes | None, str | None, str | None]:
    """Read a file; no link is followed.

    Returns:
        Its bytes, or None and why it was not read, and the stamp of what was read, whatever stands under its
        name by now: None where it was changed meanwhile.
    """
    try:
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            return None, "a link, which is not followed", None
        if not stat.S_ISREG(facts.st_mode):
            return None, "not a regular file", None
        if facts.st_size > image.max_bytes:
            return None, f"{facts.st_size:,} bytes, more than image.max_bytes {image.max_bytes:,}", None
        with open(path, "rb", buffering=0, opener=_no_link) as stream:
            before = stamp_of(os.fstat(stream.fileno()))
            content = stream.read()
            after = stamp_of(os.fstat(stream.fileno()))
    except OSError as error:
        return None, f"cannot be opened ({error.strerror})", None
    return content, None, after if after == before else None


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def stamp_of(facts: os.stat_result) -> str | None:
    """Tell the state of a file: as long as it has the same stamp, it holds the same bytes.

    Like git's index, by device, inode, size and times of change, and as far: what a program writes through a
    memory map may show late. None for a file that was changed just now, since the clock of the file system
    may be too coarse to show that it is changed again.
    """
    if time.time_ns() - facts.st_ctime_ns < SETTLED_NS:
        return None
    return f"{facts.st_dev} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"


def as_bytes(content: bytes | NDArray[np.uint8]) -> bytes:
    """Keep a file's bytes as they are; store a row of an array as PNG, without loss."""
    if isinstance(content, bytes):
        return content
    import cv2

    channels = content if content.ndim == 2 else content[..., ::-1]  # noqa: PLR2004
    _, stored = cv2.imencode(".png", np.ascontiguousarray(channels), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(stored)


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _why_not(path: Path) -> str:
    kinds = "a folder per class, a .zip of one, an .npz, bloodmnist or demo"
    if path.exists():
        return f"{path} is not a source of images: give {kinds}."
    return f"{path} does not exist: give {kinds}."
