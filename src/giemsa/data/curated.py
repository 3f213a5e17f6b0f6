"""The curated cells and their sides: Parquet that one line of pandas opens."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from giemsa.data.tables import read_table
from giemsa.errors import UsageError
from giemsa.workspace import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

#: What is told of a cell, without its bytes.
TOLD = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # relative to data/raw
        pa.field("label", pa.string()),
        pa.field("group", pa.string(), nullable=False),  # the path of the oldest image of the same cell
        pa.field("subject", pa.string()),
        pa.field("batch", pa.string(), nullable=False),
        pa.field("batch_order", pa.int32(), nullable=False),
        pa.field("drawn", pa.bool_(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
    ]
)
IMAGE = pa.field("image", pa.binary(), nullable=False)  # the original file's bytes
CURATED = pa.schema([*TOLD, IMAGE])
SPLITS = pa.schema([(name, pa.string()) for name in ("path", "label", "group", "side")])
ROWS_PER_PART = 2048

NO_SUBJECTS = "The set carries no patient identifiers: the split cannot be by patient."
SUBJECTS = "No patient or slide is on two sides."
SOME_SUBJECTS = "No known patient or slide is on two sides; {missing:,} cells carry no such identifier."


def said_of_subjects(missing: int, cells: int) -> str:
    """Say whether the split of some cells could be by patient, of which so many name none."""
    said = NO_SUBJECTS if missing == cells else SUBJECTS if missing == 0 else SOME_SUBJECTS
    return said.format(missing=missing)


def write_curated(
    folder: Path, rows: Iterable[Mapping[str, Any]], image: Callable[[Mapping[str, Any]], bytes]
) -> None:
    """Write the curated cells, whole or not at all, one part being written while the next is read.

    A part holds images of one batch only, so that a new batch leaves the older parts as they are: a part that
    stood there before and is what would be written is taken over, without reading the originals again.

    Args:
        folder: what stood there before is replaced.
        rows: mappings with the columns of ``TOLD``, ordered by ``batch_order`` and ``path``.
        image: reads the original bytes of a row.
    """
    with whole(folder) as partial, ThreadPoolExecutor(1) as writer:
        partial.mkdir()
        being_written = None
        for order, members in groupby(rows, key=lambda row: row["batch_order"]):
            for number, part in enumerate(_chunks(members)):
                told = pa.Table.from_pylist(part, schema=TOLD)
                name = f"part-{order:04d}-{number:04d}.parquet"
                if _taken_over(folder / name, partial / name, told):
                    continue
                table = told.append_column(IMAGE, pa.array([image(row) for row in part], IMAGE.type))
                if being_written:
                    being_written.result()
                being_written = writer.submit(_write_part, table, partial / name)
        if being_written:
            being_written.result()


def _taken_over(part: Path, target: Path, told: pa.Table) -> bool:
    """Link a part to ``target`` if it holds what is told, and the very bytes that this names."""
    try:
        stored = pq.ParquetFile(part).read()
        if stored.schema != CURATED or stored.drop(["image"]) != told:
            return False
        digests = [hashlib.sha256(image.as_buffer()).hexdigest() for image in stored["image"]]
        if digests != told["sha256"].to_pylist():
            return False
        os.link(part, target)
    except (OSError, pa.ArrowException):  # missing, damaged, or on a disk that knows no links
        return False
    return True


def _write_part(table: pa.Table, target: Path) -> None:
    # The images are compressed already; a dictionary of them would only double the memory.
    packing = {name: "none" if name == "image" else "zstd" for name in CURATED.names}
    pq.write_table(table, target, compression=packing, use_dictionary=TOLD.names, write_statistics=TOLD.names)


def read_curated(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the curated cells, all columns or only ``columns``, in the order they were written.

    Raises:
        UsageError: if there are none, or a part is damaged.
    """
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        message = f'{folder} holds no curated cells: run "giemsa run deduplicate" first.'
        raise UsageError(message)
    return pa.concat_tables([read_table(part, "deduplicate", columns) for part in parts])


def write_splits(path: Path, rows: pd.DataFrame) -> None:
    """Write the sides: columns ``path``, ``label``, ``group`` and ``side``, in the curated cells' order."""
    with whole(path) as partial:
        table = pa.Table.from_pandas(rows, schema=SPLITS, preserve_index=False)
        pq.write_table(table.replace_schema_metadata(), partial, compression="zstd")


def read_splits(path: Path) -> pd.DataFrame:
    """Read which side every curated cell is on: ``train``, ``validation`` or ``test``.

    Raises:
        UsageError: if the file is missing or damaged.
    """
    if not path.is_file():
        message = f'{path} is missing: run "giemsa run split" first.'
        raise UsageError(message)
    rows: pd.DataFrame = read_table(path, "split", SPLITS.names).to_pandas()
    return rows


def _chunks(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    while part := list(islice(rows, ROWS_PER_PART)):
        yield part
