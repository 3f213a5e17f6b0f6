"""Read images from a zip file without trusting what it says about itself."""

import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from giemsa.data.layout import class_labels, is_hidden, is_image, is_other_picture, readable_name
from giemsa.data.naming import leaves
from giemsa.data.sources import Item, Wanted, everything, file_digest
from giemsa.data.subjects import SUBJECTS_FILE, find_subjects
from giemsa.errors import UsageError
from giemsa.settings import Image

# Images are compressed already, and arrays of real cells shrink to a half or a third: what unpacks to two
# hundred times its size, and to gigabytes, was made to fill a disk.
MAX_RATIO = 200
FREE_BYTES = 2**30
AGAIN = "a second entry of this name in the zip, which is not read: give each a name of its own"
_ENCRYPTED = 0x1
READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class ZipSource:
    """A zip of images, laid out like a folder.

    Args:
        file: the zip file.
        image: entries that unpack to more than ``max_bytes`` are not read.

    Raises:
        UsageError: if it is no zip, is a bomb, or names a place outside itself.
    """

    drawn = False

    def __init__(self, file: Path, image: Image) -> None:
        self.name = readable_name(file.stem)
        self._file = file
        self._image = image
        entries = [(path, info) for path, info in open_entries(file) if not info.is_dir()]
        shown = [(path, info) for path, info in entries if not is_hidden(path)]
        wanted = ((path, info) for path, info in shown if _is_wanted(path, info))
        self._entries = sorted(wanted, key=itemgetter(0))
        tables = [(path, info) for path, info in shown if path.rpartition("/")[2] == SUBJECTS_FILE]
        self.skipped = sum(is_other_picture(path) for path, _ in shown)
        self._tables = dict(reversed(tables))  # of two of one name the first counts
        paths = [path for path, _ in self._entries]
        self._subjects = find_subjects(paths, self._table, lambda place: f"{place} in {file}")

    def __len__(self) -> int:
        """Count the images, readable or not."""
        return len(self._entries)

    def fingerprint(self) -> str:
        """Digest the file's bytes."""
        return file_digest(self._file)

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:
        """Read the images, sorted by path, one in memory at a time."""
        labels = class_labels([path for path, _ in self._entries])
        before = None
        with zipfile.ZipFile(self._file) as archive:
            for (path, info), label in zip(self._entries, labels, strict=True):
                problem = AGAIN if path == before else self._problem(info)
                before, content = path, None
                if problem is None and wanted(path, None):
                    try:
                        content = archive.read(info)
                    except READ_ERRORS as error:
                        problem = f"cannot be unpacked ({' '.join(str(error).split()) or 'damaged'})"
                yield Item(path, label, content, problem, self._subjects.get(path))

    def _problem(self, info: zipfile.ZipInfo) -> str | None:
        if _is_link(info):
            return "a link, which is not followed"
        if info.flag_bits & _ENCRYPTED:
            return "encrypted"
        if info.file_size > self._image.max_bytes:
            return f"{info.file_size:,} bytes, more than image.max_bytes {self._image.max_bytes:,}"
        return None

    def _table(self, place: str) -> bytes | None:
        info = self._tables.get(place)
        if info is None or self._problem(info):
            return None
        with zipfile.ZipFile(self._file) as archive:
            try:
                return archive.read(info)
            except READ_ERRORS as error:
                message = f"{info.filename} in {self._file} cannot be unpacked ({error}): make the zip again."
                raise UsageError(message) from None


def open_entries(file: Path) -> Sequence[tuple[str, zipfile.ZipInfo]]:
    """List a zip's entries with their paths, separated by ``/``, after checking that they are safe to read.

    Raises:
        UsageError: if the file is no zip, if an entry's path leaves it, or if it is a bomb.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except READ_ERRORS as error:
        message = f"{file} is not a whole zip file ({' '.join(str(error).split())}): make or copy it again."
        raise UsageError(message) from None
    for info in entries:
        if leaves(info.orig_filename):
            name = info.orig_filename.encode("unicode_escape").decode("ascii")
            message = f'{file} names a place outside itself ("{name}"): make it again from the folder itself.'
            raise UsageError(message)
    unpacked = sum(info.file_size for info in entries)
    if unpacked > max(FREE_BYTES, MAX_RATIO * file.stat().st_size):
        message = (
            f"{file} would unpack to {unpacked:,} bytes, as a bomb does: unpack it yourself, give the folder."
        )
        raise UsageError(message)
    return [(info.filename.replace("\\", "/"), info) for info in entries]


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)


def _is_wanted(path: str, info: zipfile.ZipInfo) -> bool:
    # A link without a suffix may stand for a folder of images: it is listed, so that nobody misses them.
    return is_image(path) or (_is_link(info) and "." not in path.rpartition("/")[2])
