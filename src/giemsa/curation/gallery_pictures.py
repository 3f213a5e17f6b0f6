"""Small pictures for a page: shrunk, each once, and no more than the page can hold."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from PIL import Image as Pillow

from giemsa.curation.reading import FORMATS, quiet, upright_rgb
from giemsa.pages import data_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SIDE = 72  # pixels, as the page shows them
ROOM = 22_000_000  # characters of all pictures together
AT_ONCE = 256  # pictures in memory


class Pictures:
    """The pictures of one page.

    Args:
        read: gives a picture file's bytes by its path; empty where there are none.
        room: characters that all pictures together may take.

    Attributes:
        uris: each distinct picture as a data URI.
    """

    def __init__(self, read: Callable[[str], bytes], *, room: int = ROOM) -> None:
        self.uris: list[str] = []
        self._read = read
        self._room = room
        self._places: dict[str, int] = {}

    def place(self, paths: Iterable[str]) -> dict[str, int]:
        """Take in pictures, the first ones first, until there is no more room.

        Returns:
            Where in ``uris`` each path's picture is; paths without a picture are left out.
        """
        placed: dict[str, int] = {}
        waiting = iter(paths)
        with quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
            while self._room > 0 and (some := list(islice(waiting, AT_ONCE))):
                contents = [self._read(path) for path in some]
                keys = [hashlib.sha256(content).hexdigest() for content in contents]
                fresh = {
                    key: content
                    for key, content in zip(keys, contents, strict=True)
                    if key not in self._places
                }
                self._add(list(fresh), list(pool.map(shrink, fresh.values())))
                placed |= {
                    path: self._places[key]
                    for path, key in zip(some, keys, strict=True)
                    if key in self._places
                }
        return placed

    def _add(self, keys: Sequence[str], pictures: Sequence[bytes]) -> None:
        for key, picture in zip(keys, pictures, strict=True):
            uri = data_uri(picture, "image/jpeg")
            if picture and len(uri) <= self._room:
                self._room -= len(uri)
                self._places[key] = len(self.uris)
                self.uris.append(uri)
            elif picture:
                self._room = 0


def shrink(content: bytes) -> bytes:
    """Make a JPEG of at most ``SIDE`` pixels a side; empty where the content is no readable picture.

    WebP would save a fifth of the bytes, for more than twice the time.
    """
    shrunk = io.BytesIO()
    try:
        with Pillow.open(io.BytesIO(content), formats=FORMATS) as picture:
            # A JPEG decoder can shrink while it decodes.
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
            picture.load()
            small = upright_rgb(picture)
            small.thumbnail((SIDE, SIDE), Pillow.Resampling.BICUBIC)
            small.save(shrunk, "JPEG", quality=65, optimize=True)
    except Exception:  # noqa: BLE001 - a picture that cannot be shown must not cost the page
        return b""
    return shrunk.getvalue()
