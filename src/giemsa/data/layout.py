"""Read from the places where images lie which files are images, and of which class."""

import unicodedata
from collections.abc import Sequence

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
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
