"""Measure pictures: one decode gives hashes, statistics and the thumbnails that tell copies apart."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.hashing import HEIGHT, WIDTH, dhash, symmetric_hashes
from giemsa.curation.reading import Picture, UnreadableError, crop, decode, quiet, readable, upright_pixels
from giemsa.curation.store import THUMBNAIL, Store
from giemsa.data.manifest import MEASURED
from giemsa.engine import spread
from giemsa.errors import CheckFailedError
from giemsa.settings import Engine, Image

AHEAD = 16  # contents per worker that wait in memory

Content = bytes | NDArray[np.uint8]


def measure(content: Content, image: Image) -> dict[str, Any]:
    """Measure one picture; a picture that cannot be read is told by its reason, never raised.

    Returns:
        The manifest's measured columns, and ``thumbnails``, RGB, uint8, shape (n, 64, 64, 3), of the whole
        picture and, where it is cropped for the network, of the centre; None where it is not readable.
    """
    try:
        return _measured(content, image)
    except UnreadableError as error:
        row = dict.fromkeys([*MEASURED.names, "thumbnails"])
        return row | {"readable": False, "reason": str(error), "pillow": PIL.__version__}


def _measured(content: Content, image: Image) -> dict[str, Any]:
    if isinstance(content, bytes):
        with readable(content, image) as (stored, kind):
            whole_hash = dhash(stored)
            picture = Picture(upright_pixels(stored), kind, stored.mode)
    else:
        picture = decode(content, image)
        whole_hash = dhash(Pillow.fromarray(picture.rgb))
    height, width = picture.rgb.shape[:2]
    pixels = hashlib.sha256(f"{width}x{height}:".encode())
    pixels.update(np.ascontiguousarray(picture.rgb).data)
    return {
        "readable": True,
        "reason": None,
        "format": picture.format,
        "mode": picture.mode,
        "width": width,
        "height": height,
        "dhash": whole_hash,
        "pixel_hash": pixels.hexdigest(),
        "pillow": PIL.__version__,
        **_seen(picture.rgb, image),
    }


def _seen(rgb: NDArray[np.uint8], image: Image) -> dict[str, Any]:
    """Measure what the network sees, and shrink it and the whole picture to thumbnails."""
    import cv2

    centre = crop(rgb, image.crop_px)
    small = _shrunk(centre, image.size)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    (brightness,), (contrast,) = (value[0] / 255 for value in cv2.meanStdDev(grey))
    grid = _shrunk(grey, (WIDTH, HEIGHT)).astype(np.float32)
    turned = _shrunk(grey, (HEIGHT, WIDTH)).astype(np.float32).T
    properties = {
        "brightness": brightness,
        "contrast": contrast,
        "saturation": cv2.mean(cv2.cvtColor(small, cv2.COLOR_RGB2HSV))[1] / 255,
        "sharpness": (cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0] / 255) ** 2,
    }
    return {
        "view_hashes": symmetric_hashes(grid, turned),
        # As precise as they are stored: copies measured now and remembered from then must not differ.
        **{name: float(np.float32(value)) for name, value in properties.items()},
        "thumbnails": np.stack(
            [_shrunk(seen, THUMBNAIL) for seen in ((small,) if centre is rgb else (rgb, small))]
        ),
    }


def _shrunk(pixels: NDArray[np.uint8], size: int | tuple[int, int]) -> NDArray[np.uint8]:
    """Resize by averaging over areas, to a square or to (width, height)."""
    import cv2

    width, height = (size, size) if isinstance(size, int) else size
    while min(pixels.shape[0] // height, pixels.shape[1] // width) >= 4:  # noqa: PLR2004 - halving first is faster
        pixels = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    shrunk: NDArray[np.uint8] = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk


def original(file: str | Path, sha256: str | None = None) -> bytes:
    """Read a file of a batch.

    Args:
        file: where it lies; as text where there are many, since a path object costs as much as the reading.
        sha256: what its record says of it; None where it does not matter.

    Raises:
        CheckFailedError: if it is gone, or was changed since it came in.
    """
    try:
        with open(file, "rb", buffering=0) as stream:  # noqa: PTH123 - of text
            content = stream.read()
    except OSError as error:
        message = f'{file} cannot be read ({error.strerror}): bring it back with "dvc checkout data/raw.dvc".'
        raise CheckFailedError(message) from None
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        message = (
            f'{file} was changed since it came in: bring it back with "dvc checkout --force data/raw.dvc".'
        )
        raise CheckFailedError(message)
    return content


def _one_thread_each() -> None:
    """Keep OpenCV from splitting one picture over cores that other pictures keep busy."""
    import cv2

    cv2.setNumThreads(1)


class Measurements:
    """Measure many pictures on all cores, each distinct content once, remembering what was seen before.

    Args:
        cache: a folder that remembers; None remembers only while this object lives.
        image: the limits and the view.
        workers: threads; 0 means one per core.
        engine: where pictures are read, see ``engine.spread``; it changes nothing of what is measured.
    """

    def __init__(
        self, cache: Path | None, image: Image, workers: int = 0, *, engine: Engine = "local"
    ) -> None:
        self._image = image
        self._workers, self._engine = workers, engine
        self._store = Store(cache, image)

    @property
    def memory(self) -> Path:
        """A folder for what is computed from these measurements; other settings have another."""
        return self._store.folder / "pairs"

    def __contains__(self, content: str) -> bool:
        """Tell whether a content, by its SHA-256, is known."""
        return content in self._store

    def joined(self, images: pa.Table) -> pa.Table:
        """Lay what reading told beside images.

        Args:
            images: ``sha256``, null where there are no bytes; ``problem``, which then says why; any others.

        Returns:
            The manifest's measured columns beside all but ``problem``.
        """
        known = self._store.table(images["sha256"])
        columns = {name: images[name] for name in images.column_names if name != "problem"}
        columns |= {name: known[name] for name in known.column_names}
        # Not filled with a scalar: Arrow would import pandas to make one.
        columns["readable"] = pc.and_kleene(pc.is_valid(known["readable"]), known["readable"])
        columns["reason"] = pc.coalesce(known["reason"], images["problem"])
        # In one chunk, so that a file's bytes do not tell in how many the rows came.
        return pa.table(columns).combine_chunks()

    def measure(self, items: Iterable[tuple[str, Content]]) -> Iterator[dict[str, Any]]:
        """Measure ``items`` as ``learn`` does, and yield the manifest's measured columns in their order."""
        for sha256 in self.learn(items):
            known = self._store.get(sha256)
            assert known is not None
            yield known

    def learn(self, items: Iterable[tuple[str, Content]]) -> Iterator[str]:
        """Measure ``items`` of (sha256, content) and yield each sha256 once it is known, in their order.

        Holds at most ``AHEAD`` contents per worker in memory.
        """
        keys: deque[str] = deque()
        rows = spread(
            partial(_measure_new, image=self._image),
            self._new(items, keys),
            engine=self._engine,
            workers=self._workers,
            ahead=AHEAD,
            prepare=_one_thread_each,
        )
        with quiet():
            for row in rows:
                sha256 = keys.popleft()
                if row is not None:
                    self._store.add(sha256, row)
                yield sha256
        self._store.flush()

    def catch_up(self, folder: Path, paths: Sequence[str], contents: Sequence[str | None]) -> None:
        """Measure the files whose content is not known yet.

        Args:
            folder: where they lie.
            paths: relative to ``folder``.
            contents: the SHA-256 of each, None where a file has no bytes.

        Raises:
            CheckFailedError: if such a file is gone or was changed.
        """
        asked = zip(paths, contents, strict=True)
        new = ((path, sha256) for path, sha256 in asked if sha256 and sha256 not in self._store)
        for _ in self.learn((sha256, original(f"{folder}/{path}", sha256)) for path, sha256 in new):
            pass

    def views(self, kind: str, contents: Sequence[str]) -> NDArray[np.uint8]:
        """Give ``thumbnails`` or ``spectra`` of contents measured before, see ``Store.views``."""
        return self._store.views(kind, contents)

    def _new(self, items: Iterable[tuple[str, Content]], keys: deque[str]) -> Iterator[Content | None]:
        """Note each key, and give its content where it is neither known nor on its way."""
        on_its_way: set[str] = set()
        for sha256, content in items:
            keys.append(sha256)
            if sha256 in self._store or sha256 in on_its_way:
                yield None
            else:
                on_its_way.add(sha256)
                yield content


def _measure_new(content: Content | None, image: Image) -> dict[str, Any] | None:
    return None if content is None else measure(content, image)
