"""Read from the places where images lie which files are images, and of which class and subject."""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence

from giemsa.errors import UsageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
SUBJECTS_FILE = "metadata.csv"
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")


def is_hidden(path: str) -> bool:
    """Say whether a file manager hides ``path`` (parts separated by ``/``) or made it for itself."""
    return any(part.startswith(".") or part.lower() in _CLUTTER for part in path.split("/"))


def is_image(path: str) -> bool:
    """Say whether ``path`` is named like an image that is read; what lies inside is not looked at."""
    return path.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(path)


def class_labels(paths: Sequence[str]) -> list[str | None]:
    """Give each image's class: the folder at the top, below a wrapping folder where there is one.

    A wrapping folder is the single one at the top when all images lie at least one folder deeper, as in
    ``dataset/neutrophil/1.jpg``. An image that lies in no class folder has no label.

    Args:
        paths: relative paths, separated by ``/``, of images and of what stands in their place, such as a
            linked folder, which has no say in whether there is a wrapping folder.

    Returns:
        One label for each path, in the same order; Unicode in composed form (NFC).
    """
    parts = [path.split("/") for path in paths]
    images = [part for path, part in zip(paths, parts, strict=True) if is_image(path)]
    wrapped = len({part[0] for part in images}) == 1 and all(len(part) > 2 for part in images)  # noqa: PLR2004
    level = 1 if wrapped else 0
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
