"""Read from the places where images lie which files are images, and of which class and subject."""

import csv
import io
import posixpath
import unicodedata
from collections.abc import Mapping, Sequence

from giemsa.errors import UsageError
from giemsa.progress import say

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
SUBJECTS_FILE = "metadata.csv"
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")


def is_hidden(path: str) -> bool:
    """Say whether a file manager hides ``path`` (parts separated by ``/``) or made it for itself."""
    return any(part.startswith(".") or part.lower() in _CLUTTER for part in path.split("/"))


def is_image(path: str) -> bool:
    """Say whether ``path`` is named like an image that is read; what lies inside is not looked at."""
    return path.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(path)


def readable_name(name: str) -> str:
    r"""Make text of a file's name: on Linux it is bytes, and one that is not UTF-8 comes out as ``\xe4``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def wrapping_folder(paths: Sequence[str]) -> str:
    """Give the single folder at the top, with its ``/``, when all images lie at least one folder deeper.

    Args:
        paths: as for ``class_labels``.

    Returns:
        Such as ``dataset/`` of ``dataset/neutrophil/1.jpg``; empty where there is none.
    """
    images = [path.split("/") for path in paths if is_image(path)]
    tops = {parts[0] for parts in images}
    wrapped = len(tops) == 1 and all(len(parts) > 2 for parts in images)  # noqa: PLR2004
    return f"{tops.pop()}/" if wrapped else ""


def class_labels(paths: Sequence[str]) -> list[str | None]:
    """Give each image's class: the folder at the top, below a wrapping folder where there is one.

    An image that lies in no class folder has no label.

    Args:
        paths: relative paths, separated by ``/``, of images and of what stands in their place, such as a
            linked folder, which has no say in whether there is a wrapping folder.

    Returns:
        One label for each path, in the same order; Unicode in composed form (NFC).
    """
    parts = [path.split("/") for path in paths]
    level = 1 if wrapping_folder(paths) else 0
    return [unicodedata.normalize("NFC", part[level]) if len(part) > level + 1 else None for part in parts]


def read_subjects(content: bytes, where: str) -> Mapping[str, str]:
    """Read ``metadata.csv``: which patient or slide each image comes from.

    Args:
        content: a CSV file in UTF-8 with the columns ``path`` and ``subject``, others are left alone.
        where: the file's place, for the error.

    Returns:
        The subject of each path that has one.

    Raises:
        UsageError: if the file is no such table.
    """
    try:
        table = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if not {"path", "subject"} <= set(table.fieldnames or ()):
            message = f'{where} lacks the columns "path" and "subject": name them in its first line.'
            raise UsageError(message)
        rows = [(row["path"] or "", row["subject"] or "") for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{where} cannot be read as a table ({error}): save it as CSV in UTF-8."
        raise UsageError(message) from None
    return {path.strip().replace("\\", "/"): subject.strip() for path, subject in rows if subject.strip()}


def subjects_files(paths: Sequence[str]) -> list[str]:
    """Give the places where ``metadata.csv`` may lie: at the top, and in a wrapping folder."""
    return sorted({SUBJECTS_FILE, wrapping_folder(paths) + SUBJECTS_FILE}, key=len)


def match_subjects(told: Mapping[str, str], paths: Sequence[str], where: str) -> dict[str, str]:
    """Give each image's subject; rows may name images from the top or from the wrapping folder.

    How many rows match no image is said.

    Args:
        told: subjects by path, as ``read_subjects`` gives them.
        paths: as for ``class_labels``.
        where: the file's place, for what is said.

    Raises:
        UsageError: if no row matches any image.
    """
    wrapper = wrapping_folder(paths)
    rows = {_plain(path): subject for path, subject in told.items()}
    names = {path: (_plain(path), _plain(path.removeprefix(wrapper))) for path in paths}
    subjects = {path: rows[name] for path, each in names.items() for name in each[::-1] if name in rows}
    lost = len(rows.keys() - {name for each in names.values() for name in each})
    if paths and lost and not subjects:
        first = next(iter(told))
        message = (
            f"{where}: no row names an image here, such as {paths[0]}; the first says {first}: correct it."
        )
        raise UsageError(message)
    if lost:
        say(f"{where}: {lost:,} of {len(rows):,} rows match no image here")
    return subjects


def _plain(path: str) -> str:
    return posixpath.normpath(unicodedata.normalize("NFC", path))
