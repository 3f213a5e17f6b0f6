"""Read from the places where images lie which files are images, and of which class."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".webp")
_OTHER_PICTURES = (
    *(".gif", ".jp2", ".j2k", ".jxl", ".heic", ".heif", ".avif", ".ppm", ".pgm", ".pnm", ".dcm", ".dng"),
    *(".svs", ".ndpi", ".mrxs", ".czi", ".lif", ".nd2", ".vsi"),
)
_SIDES = {"train", "training", "val", "valid", "validation", "test", "testing", "test_simple"}
_HIDDEN = re.compile(r"(?:^|/)(?:\.|(?:thumbs\.db|desktop\.ini|__macosx)(?:/|\Z))", re.ASCII | re.IGNORECASE)


def is_hidden(path: str) -> bool:
    """Say whether a file manager hides ``path`` (parts separated by ``/``) or made it for itself."""
    return _HIDDEN.search(path) is not None


def is_image(path: str) -> bool:
    """Say whether ``path`` is named like an image that is read; what lies inside is not looked at."""
    return path.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(path)


def is_other_picture(path: str) -> bool:
    """Say whether ``path`` is named like a picture of a kind that is not read."""
    return path.lower().endswith(_OTHER_PICTURES) and not is_hidden(path)


def readable_name(name: str) -> str:
    r"""Make text of a file's name: on Linux it is bytes, and one that is not UTF-8 comes out as ``\xe4``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def wrapping_folder(paths: Sequence[str]) -> str:
    """Give the single folder, or folders within folders, above the classes or the sides of a split.

    Args:
        paths: as for ``class_labels``.

    Returns:
        Such as ``dataset/`` of ``dataset/neutrophil/1.jpg``, with its ``/``; empty where there is none.
    """
    images = [path.split("/") for path in paths if is_image(path)]
    wrapper = ""
    for level in range(_class_level(images)):
        names = _folders(images, level)
        if len(names) > 1 or _are_sides(names):
            break
        wrapper += f"{names.pop()}/"
    return wrapper


def class_labels(paths: Sequence[str]) -> list[str | None]:
    """Give each image's class: the folder at the top, or below a wrapping folder or the sides of a split.

    An image that lies in no class folder has no label, nor has any say in where the classes are.

    Args:
        paths: relative paths, separated by ``/``, of images and of what stands in their place, such as a
            linked folder, which has no say either.

    Returns:
        One label for each path, in the same order: without blanks around it, in composed Unicode (NFC), and
        in the commonest of the spellings that differ in capitals alone.
    """
    parts = [path.split("/") for path in paths]
    level = _class_level([part for path, part in zip(paths, parts, strict=True) if is_image(path)])
    told = [part[level] if len(part) > level + 1 else None for part in parts]
    labels = [None if label is None else unicodedata.normalize("NFC", label.strip()) for label in told]
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for label in filter(None, labels):
        spelled[label.casefold()][label] += 1
    usual = {folded: min(seen, key=lambda label: (-seen[label], label)) for folded, seen in spelled.items()}
    return [usual[label.casefold()] if label else None for label in labels]


def _class_level(images: Sequence[Sequence[str]]) -> int:
    """Tell how many folders stand above the class folders.

    They stand below the sides of a split (``train``, ``test``, …) however deep these lie in single folders;
    where there are no sides, below one single folder that holds no image itself.
    """
    level = 0
    while names := _folders(images, level):
        if _are_sides(names):
            return level + 1
        if len(names) > 1:
            break
        level += 1
    held = [part for part in images if len(part) > 1]
    return int(len(_folders(images, 0)) == 1 and all(len(part) > 2 for part in held))  # noqa: PLR2004


def _folders(images: Sequence[Sequence[str]], level: int) -> set[str]:
    return {part[level] for part in images if len(part) > level + 1}


def _are_sides(names: AbstractSet[str]) -> bool:
    return all(name.casefold() in _SIDES for name in names)
