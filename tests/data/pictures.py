"""Sources of tiny pictures for tests of what brings images in."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as Pillow

from giemsa.data.sources import Item, Wanted, everything


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Pictures:
    """A source held in memory; its fingerprint is that of its contents."""

    listed: list[Item]
    name: str = "march"
    drawn: bool = False
    skipped: int = 0
    read: int = field(default=0, init=False)

    def __len__(self) -> int:
        return len(self.listed)

    def fingerprint(self) -> str:
        return hashlib.sha256(repr(self.listed).encode()).hexdigest()

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:  # noqa: ARG002
        for item in self.listed:
            self.read += 1
            yield item


def cells(*paths: str, shade: int = 100) -> list[Item]:
    """Give one picture for each path, each of another shade, labelled by its folder."""
    return [
        Item(path, path.split("/")[0] if "/" in path else None, png(shade + number))
        for number, path in enumerate(paths)
    ]


def unmeasured(contents: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
    """Stand in for measuring: everything that is a PNG can be read."""
    for _, content in contents:
        readable = content.startswith(b"\x89PNG")
        yield {"readable": readable, "reason": None if readable else "not an image"}
