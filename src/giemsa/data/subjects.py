"""Read from a ``metadata.csv`` beside the images which patient or slide each comes from."""

import csv
import io
import posixpath
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from giemsa.data.layout import wrapping_folder
from giemsa.errors import UsageError
from giemsa.progress import say

SUBJECTS_FILE = "metadata.csv"


def find_subjects(
    paths: Sequence[str], read: Callable[[str], bytes | None], where: Callable[[str], str]
) -> dict[str, str]:
    """Give each image's subject, from the table at the top or, where there is none, in the wrapping folder.

    Args:
        paths: as for ``layout.class_labels``.
        read: gives the bytes of the file at a path, None where there is none that can be read.
        where: says where such a path lies, for what is said.

    Raises:
        UsageError: if the file is no such table, or no row of it matches any image.
    """
    for place in sorted({SUBJECTS_FILE, wrapping_folder(paths) + SUBJECTS_FILE}, key=len):
        content = read(place)
        if content is not None:
            return match_subjects(read_subjects(content, where(place)), paths, where(place))
    return {}


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


def match_subjects(told: Mapping[str, str], paths: Sequence[str], where: str) -> dict[str, str]:
    """Give each image's subject; rows may name images from the top or from the wrapping folder.

    How many rows match no image is said.

    Args:
        told: subjects by path, as ``read_subjects`` gives them.
        paths: as for ``layout.class_labels``.
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
