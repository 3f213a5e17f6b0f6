"""Remember measurements by content: an append-only folder of Parquet files, safe to kill and to delete."""

import hashlib
import math
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from giemsa.curation.spectra import LENGTH, SIDE, spectra
from giemsa.data.manifest import MEASURED
from giemsa.errors import CheckFailedError
from giemsa.settings import Image

VERSION = 2  # of what measuring.py computes: raise it whenever a value changes
THUMBNAIL = 64
VIEWS = 2
SHAPES = {"thumbnails": (THUMBNAIL, THUMBNAIL), "spectra": (LENGTH,)}  # of one view, uint8
ROWS_PER_FILE = 2048
KEY = pa.field("content", pa.string(), nullable=False)
KNOWN = pa.schema([KEY, *MEASURED])
STORED = pa.schema([*KNOWN, *(pa.field(name, pa.binary()) for name in SHAPES)])


class Store:
    """What is known of each content, by SHA-256.

    Several processes may write at once: each adds files of its own under names that depend on their content.

    Args:
        folder: where to remember; None: in a temporary folder that goes with this object.
        image: the settings that measurements depend on.

    Attributes:
        folder: where everything lies that depends on these settings and on this version of the code.
    """

    def __init__(self, folder: Path | None, image: Image) -> None:
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="giemsa-")
            folder = Path(self._temporary.name)
        self.folder = folder / _fingerprint(image)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._fresh: dict[str, dict[str, Any]] = {}
        self._files: list[Path] = []
        self._tables: list[pa.Table] = []
        self._places: dict[str, tuple[int, int]] = {}
        for file in sorted(self.folder.glob("*.parquet")):
            if table := recalled(file, KNOWN.names):
                self._remember(file, table)

    def __contains__(self, content: str) -> bool:
        return content in self._fresh or content in self._places

    def get(self, content: str) -> dict[str, Any] | None:
        """Give the manifest's measured columns of a content, or None where it is new."""
        if content in self._fresh:
            return {name: self._fresh[content][name] for name in MEASURED.names}
        if content not in self._places:
            return None
        table, row = self._places[content]
        return {name: self._tables[table][name][row].as_py() for name in MEASURED.names}

    def table(self, contents: pa.ChunkedArray) -> pa.Table:
        """Give the manifest's measured columns of many contents, in their order, at once.

        Args:
            contents: keys; nulls and contents that are not known give rows of nulls.
        """
        self.flush()
        known = pa.concat_tables(self._tables or [KNOWN.empty_table()])
        return known.take(pc.index_in(contents, value_set=known["content"])).select(MEASURED.names)

    def add(self, content: str, row: dict[str, Any]) -> None:
        """Remember what ``measure`` told of a content."""
        self._fresh[content] = row
        if len(self._fresh) >= ROWS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if not self._fresh:
            return
        kept = _kept([row["thumbnails"] for row in self._fresh.values()])
        rows = [
            row | {"content": key} | views
            for (key, row), views in zip(self._fresh.items(), kept, strict=True)
        ]
        table = pa.Table.from_pylist(rows, schema=STORED)
        name = hashlib.sha256("".join(sorted(self._fresh)).encode()).hexdigest()[:32]
        file = self.folder / f"{name}.parquet"
        remember(file, table)
        self._fresh = {}
        self._remember(file, table.select(KNOWN.names))

    def views(self, kind: str, contents: Sequence[str]) -> NDArray[np.uint8]:
        """Give what was kept of the whole picture and, second, of the centre that a network sees.

        Args:
            kind: ``thumbnails`` or ``spectra``, see ``SHAPES``.
            contents: keys of readable pictures, in any order, also repeated.

        Returns:
            Shape ``(n, 2, *SHAPES[kind])``; both are the same where the centre is the whole picture.

        Raises:
            KeyError: if a content is not known or not readable.
            CheckFailedError: if a file of this folder is gone or damaged since it was opened.
        """
        self.flush()
        found = np.empty((len(contents), VIEWS, *SHAPES[kind]), dtype=np.uint8)
        places = np.array([self._places[content] for content in contents], np.int64).reshape(-1, 2)

        def fill(number: int) -> None:
            asked = np.flatnonzero(places[:, 0] == number)
            found[asked] = _views(self._files[number], kind, places[asked, 1])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, np.unique(places[:, 0])))
        return found

    def _remember(self, file: Path, table: pa.Table) -> None:
        number = len(self._tables)
        self._files.append(file)
        self._tables.append(table)
        for row, content in enumerate(table["content"].to_pylist()):
            self._places[content] = (number, row)


def remember(file: Path, table: pa.Table) -> None:
    """Write what is to be remembered, whole or not at all; several processes may do so at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{secrets.token_hex(8)}.partial")
    try:
        # All values differ and all are read: neither dictionaries nor statistics would help anyone.
        pq.write_table(
            table,
            partial,
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def recalled(file: Path, columns: Sequence[str] | None = None) -> pa.Table | None:
    """Read what was remembered; a file that is missing, or damaged by a power cut, is forgotten."""
    try:
        table = pq.ParquetFile(file, page_checksum_verification=True).read(columns)
    except (OSError, pa.ArrowInvalid) as error:
        if getattr(error, "errno", None) is None:  # its content is at fault, not the reading of it
            file.unlink(missing_ok=True)
        return None
    return table if set(columns or ()) <= set(table.column_names) else None


def _views(file: Path, kind: str, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Read both views of some rows of a file, shape ``(n, 2, *SHAPES[kind])``."""
    stored = recalled(file, ["content", kind])
    if stored is None:
        message = f"{file} was damaged, or taken away: run again, and what it held is measured anew."
        raise CheckFailedError(message)
    stored = stored.combine_chunks()
    unreadable = stored["content"].take(rows).filter(stored[kind].take(rows).is_null())
    if len(unreadable):
        raise KeyError(unreadable[0].as_py())
    column, size = stored[kind].chunk(0), math.prod(SHAPES[kind])
    _, ends, values = column.buffers()
    starts = np.frombuffer(ends, np.int32)[column.offset + rows]
    ends = np.frombuffer(ends, np.int32)[column.offset + rows + 1]
    # Each begins with the whole picture and ends with its centre, which may be one and the same.
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(values, np.uint8), size)
    views: NDArray[np.uint8] = windows[np.stack([starts, ends - size], axis=1)]
    return views.reshape(-1, VIEWS, *SHAPES[kind])


def _kept(thumbnails: list[NDArray[np.uint8] | None]) -> Iterator[dict[str, bytes | None]]:
    """Turn RGB thumbnails into what is kept of them, all at once, since one by one costs much more."""
    import cv2

    readable = [views for views in thumbnails if views is not None]
    if readable:
        # One tall picture: its even height keeps the thumbnails apart when it is halved.
        tall = np.concatenate(readable).reshape(-1, THUMBNAIL, 3)
        grey = cv2.cvtColor(tall, cv2.COLOR_RGB2GRAY).reshape(-1, THUMBNAIL, THUMBNAIL)
        small = cv2.resize(tall, (SIDE, len(tall) // 2), interpolation=cv2.INTER_AREA)
        described = spectra(small.reshape(-1, SIDE, SIDE, 3))
    end = 0
    for views in thumbnails:
        start, end = end, end + (0 if views is None else len(views))
        yield {
            "thumbnails": None if views is None else grey[start:end].tobytes(),
            "spectra": None if views is None else described[start:end].tobytes(),
        }


def _fingerprint(image: Image) -> str:
    facts = f"{VERSION} {PIL.__version__} {image.model_dump_json()}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
