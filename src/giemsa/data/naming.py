"""Give names that every file system takes, and that stay inside their folder."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

LONGEST_NAME = 120  # bytes; file systems take 255, and a number may follow
LONGEST_SUFFIX = 16
DRIVE = re.compile(r"^[A-Za-z]:")
RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d) *(\.|$)", re.IGNORECASE)


def safe_name(name: str) -> str:
    """Make a file name of any text: every alphabet stays, what a file system could misread does not."""
    text = unicodedata.normalize("NFC", name)
    text = "".join(
        "_" if unicodedata.category(each)[0] == "C" or each in '/\\:*?"<>|' else each for each in text
    )
    text = text.strip(" .") or "_"
    if RESERVED.match(text):
        text = f"_{text}"
    suffix = PurePosixPath(text).suffix
    if len(suffix.encode()) > LONGEST_SUFFIX:
        suffix = ""
    room = LONGEST_NAME - len(suffix.encode())
    stem = text.removesuffix(suffix).encode()[:room].decode(errors="ignore").rstrip(" .")
    return f"{stem}{suffix}"


def names_a_folder(label: str) -> bool:
    """Say whether a class of this name can have a folder of it, which is read as that class again."""
    return label == safe_name(label) and not label.startswith(".")


def leaves(path: str) -> bool:
    """Say whether ``path``, with parts separated by ``/`` or a backslash, could lead out of its folder."""
    path = path.replace("\\", "/")
    return path.startswith("/") or bool(DRIVE.match(path)) or ".." in path.split("/") or "\0" in path


def numbered(name: str) -> Iterator[str]:
    """Give ``name``, then ``name-2``, ``name-3`` …, before a file's suffix."""
    yield name
    path = PurePosixPath(name)
    number = 1
    while True:
        number += 1
        yield f"{path.stem}-{number}{path.suffix}"
