"""Read images from a folder, with a sub-folder per class where there are classes."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from giemsa.data.layout import SUBJECTS_FILE, class_labels, is_hidden, is_image, read_subjects
from giemsa.data.sources import Item
from giemsa.errors import UsageError
from giemsa.settings import Image


@dataclass(frozen=True)
class _Entry:
    path: str
    file: Path
    size: int
    changed: int
    problem: str | None


class FolderSource:
    """A folder of images; links are listed with a problem and never followed.

    Args:
        folder: the folder; below it everything is looked at.
        image: files above ``max_bytes`` are not read.
    """

    drawn = False

    def __init__(self, folder: Path, image: Image) -> None:
        self.name = folder.resolve().name or "images"
        self.skipped = 0
        self._folder = folder
        self._image = image
        self._entries = sorted(self._scan(), key=lambda entry: entry.path)
        self._subjects = self._read_subjects()

    def __len__(self) -> int:
        """Count the images, readable or not."""
        return len(self._entries)

    def fingerprint(self) -> str:
        """Digest names, sizes and times of change: a few seconds for a million files."""
        digest = hashlib.sha256()
        for entry in self._entries:
            digest.update(f"{entry.path}\0{entry.size}\0{entry.changed}\n".encode())
        for path, subject in sorted(self._subjects.items()):
            digest.update(f"{path}\0{subject}\n".encode())
        return digest.hexdigest()

    def items(self) -> Iterator[Item]:
        """Read the images, sorted by path."""
        labels = class_labels([entry.path for entry in self._entries])
        for entry, label in zip(self._entries, labels, strict=True):
            content, problem = self._read(entry)
            yield Item(entry.path, label, content, problem, self._subjects.get(entry.path))

    def _read(self, entry: _Entry) -> tuple[bytes | None, str | None]:
        if entry.problem:
            return None, entry.problem
        try:
            return entry.file.read_bytes(), None
        except OSError as error:
            return None, f"cannot be opened ({error.strerror})"

    def _scan(self) -> Iterator[_Entry]:
        waiting = [(self._folder, "")]
        while waiting:
            folder, prefix = waiting.pop()
            try:
                found = list(os.scandir(folder))
            except OSError as error:
                if not prefix:
                    message = f"{folder} cannot be opened ({error.strerror}): give it read permission."
                    raise UsageError(message) from None
                problem = f"a folder that cannot be opened ({error.strerror})"
                yield _Entry(prefix.rstrip("/"), folder, 0, 0, problem)
                continue
            for entry in found:
                path = prefix + _readable_name(entry.name)
                if is_hidden(path):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{path}/"))
                elif is_image(path) or (entry.is_symlink() and entry.is_dir()):
                    yield self._entry(path, Path(entry.path), entry.stat(follow_symlinks=False))
                elif path != SUBJECTS_FILE:
                    self.skipped += 1

    def _entry(self, path: str, file: Path, facts: os.stat_result) -> _Entry:
        problem = None
        if stat.S_ISLNK(facts.st_mode):
            problem = "a link, which is not followed"
        elif not stat.S_ISREG(facts.st_mode):
            problem = "not a regular file"
        elif facts.st_size > self._image.max_bytes:
            problem = f"{facts.st_size:,} bytes, more than image.max_bytes {self._image.max_bytes:,}"
        return _Entry(path, file, facts.st_size, facts.st_mtime_ns, problem)

    def _read_subjects(self) -> dict[str, str]:
        file = self._folder / SUBJECTS_FILE
        if not file.is_file() or file.is_symlink() or file.stat().st_size > self._image.max_bytes:
            return {}
        return dict(read_subjects(file.read_bytes(), str(file)))


def _readable_name(name: str) -> str:
    # File names on Linux are bytes; what is not UTF-8 must still fit into JSON and Parquet.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
