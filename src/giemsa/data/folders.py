"""Read images from a folder, with a sub-folder per class where there are classes."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from giemsa.data.layout import class_labels, is_hidden, is_image, is_other_picture, readable_name
from giemsa.data.sources import Item, Wanted, everything, read_file, stamp_of
from giemsa.data.subjects import find_subjects
from giemsa.errors import UsageError
from giemsa.settings import Image


@dataclass(frozen=True)
class _Entry:
    path: str
    place: str
    size: int = 0
    changed: int = 0
    problem: str | None = None
    stamp: str | None = None


def holds_images(folder: Path) -> bool:
    """Tell whether a file named like an image lies somewhere below ``folder``, which may be missing."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return any(is_image(file.relative_to(folder).as_posix()) for file in files)


class FolderSource:
    """A folder of images; links are listed with a problem and never followed.

    Args:
        folder: the folder; below it everything is looked at.
        image: files above ``max_bytes`` are not read.
    """

    drawn = False

    def __init__(self, folder: Path, image: Image) -> None:
        self.name = readable_name(folder.resolve().name) or "images"
        self.skipped = 0
        self._folder = folder
        self._image = image
        self._entries = sorted(self._scan(), key=lambda entry: entry.path)
        paths = [entry.path for entry in self._entries]
        self._subjects = find_subjects(paths, self._table, lambda place: str(folder / place))

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

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:
        """Read the images, sorted by path."""
        labels = class_labels([entry.path for entry in self._entries])
        for entry, label in zip(self._entries, labels, strict=True):
            content, problem, stamp = None, entry.problem, entry.stamp
            if problem is None and wanted(entry.path, stamp):
                content, problem, stamp = read_file(Path(entry.place), self._image)
            yield Item(entry.path, label, content, problem, self._subjects.get(entry.path), stamp)

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
                yield _Entry(prefix.rstrip("/"), str(folder), problem=problem)
                continue
            for entry in found:
                name = readable_name(entry.name)
                path = prefix + name
                if is_hidden(name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), f"{path}/"))
                elif is_image(name) or (entry.is_symlink() and entry.is_dir()):
                    try:
                        facts = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # taken away meanwhile
                        continue
                    stamp = stamp_of(facts)
                    yield _Entry(path, entry.path, facts.st_size, facts.st_mtime_ns, stamp=stamp)
                elif is_other_picture(name):
                    self.skipped += 1

    def _table(self, place: str) -> bytes | None:
        file = self._folder / place
        if not file.is_file() or file.is_symlink() or file.stat().st_size > self._image.max_bytes:
            return None
        return file.read_bytes()
