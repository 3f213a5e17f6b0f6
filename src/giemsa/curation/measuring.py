"""Measure pictures: one decode gives hashes, statistics and the thumbnails that tell copies apart."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.hashing import HEIGHT, WIDTH, dhash, symmetric_hashes
from giemsa.curation.reading import Picture, UnreadableError, crop, decode, quiet, readable, upright_rgb
from giemsa.curation.spectra import SIDE, spectra
from giemsa.curation.store import SHAPES, THUMBNAIL, Store
from giemsa.data.manifest import MEASURED
from giemsa.settings import Image

AHEAD = 16  # contents per worker that wait in memory

Content = bytes | NDArray[np.uint8]


def measure(content: Content, image: Image) -> dict[str, Any]:
    """Measure one picture; a picture that cannot be read is told by its reason, never raised.

    Returns:
        The manifest's measured columns, and what tells copies apart, of the whole picture and, where it is
        cropped for the network, of the centre: ``thumbnails``, grey, uint8, shape (n, 64, 64), and
        ``spectra``, uint8, shape (n, 171); None where it is not readable.
    """
    try:
        return _measured(content, image)
    except UnreadableError as error:
        row = dict.fromkeys([*MEASURED.names, *SHAPES])
        return row | {"readable": False, "reason": str(error), "pillow": PIL.__version__}


def _measured(content: Content, image: Image) -> dict[str, Any]:
    if isinstance(content, bytes):
        with readable(content, image) as (stored, kind):
            whole_hash = dhash(stored)
            picture = Picture(np.asarray(upright_rgb(stored)), kind, stored.mode)
    else:
        picture = decode(content, image)
        whole_hash = dhash(Pillow.fromarray(picture.rgb))
    height, width = picture.rgb.shape[:2]
    return {
        "readable": True,
        "reason": None,
        "format": picture.format,
        "mode": picture.mode,
        "width": width,
        "height": height,
        "dhash": whole_hash,
        "pixel_hash": hashlib.sha256(f"{width}x{height}:".encode() + picture.rgb.tobytes()).hexdigest(),
        "pillow": PIL.__version__,
        **_seen(picture.rgb, image),
    }


def _seen(rgb: NDArray[np.uint8], image: Image) -> dict[str, Any]:
    """Measure what the network sees: statistics, hashes and thumbnails of the centre-cropped view."""
    import cv2

    centre = crop(rgb, image.crop_px)
    small = cv2.resize(centre, (image.size, image.size), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    level = grey.astype(np.float32) / 255
    grid = cv2.resize(level, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    turned = cv2.resize(level, (HEIGHT, WIDTH), interpolation=cv2.INTER_AREA).T
    views = [_thumbnail(pixels) for pixels in ((rgb,) if centre is rgb else (rgb, centre))]
    return {
        "view_hashes": symmetric_hashes(grid, turned),
        "brightness": float(level.mean()),
        "contrast": float(level.std()),
        "saturation": float(cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[..., 1].mean() / 255),
        "sharpness": float(cv2.Laplacian(level, cv2.CV_32F).var()),
        "thumbnails": np.stack([cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) for pixels in views]),
        "spectra": spectra(
            np.stack([cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for p in views])
        ),
    }


def _thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    small: NDArray[np.uint8] = cv2.resize(rgb, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return small


class Measurements:
    """Measure many pictures on all cores, each distinct content once, remembering what was seen before.

    Args:
        cache: a folder that remembers; None remembers only while this object lives.
        image: the limits and the view.
        workers: threads; 0 means one per core.
    """

    def __init__(self, cache: Path | None, image: Image, workers: int = 0) -> None:
        self._image = image
        self._workers = workers or os.cpu_count() or 1
        self._store = Store(cache, image)

    def get(self, sha256: str) -> dict[str, Any] | None:
        """Give what is known of a content: the manifest's measured columns, or None where it is new."""
        return self._store.get(sha256)

    def measure(self, items: Iterable[tuple[str, Content]]) -> Iterator[dict[str, Any]]:
        """Measure ``items`` of (sha256, content) and yield the manifest's measured columns in their order.

        Holds at most ``AHEAD`` contents per worker in memory.
        """
        pending: dict[str, Future[dict[str, Any]]] = {}
        waiting: deque[str] = deque()
        with quiet(), ThreadPoolExecutor(self._workers) as pool:
            for sha256, content in items:
                if sha256 not in self._store and sha256 not in pending:
                    pending[sha256] = pool.submit(measure, content, self._image)
                waiting.append(sha256)
                if len(waiting) > AHEAD * self._workers:
                    yield self._finished(waiting.popleft(), pending)
            while waiting:
                yield self._finished(waiting.popleft(), pending)
        self._store.flush()

    def views(self, kind: str, contents: Sequence[str]) -> NDArray[np.uint8]:
        """Give ``thumbnails`` or ``spectra`` of contents measured before, see ``Store.views``."""
        return self._store.views(kind, contents)

    def _finished(self, sha256: str, pending: dict[str, Future[dict[str, Any]]]) -> dict[str, Any]:
        if sha256 in pending:
            self._store.add(sha256, pending.pop(sha256).result())
        row = self._store.get(sha256)
        assert row is not None
        return row
