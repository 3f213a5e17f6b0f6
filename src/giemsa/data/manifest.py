"""The manifest: one row for every image that came in, with what reading it told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from giemsa.data.tables import read_table
from giemsa.errors import UsageError
from giemsa.workspace import whole

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

PROPERTIES = ("brightness", "contrast", "saturation", "sharpness")  # of what a picture looks like
VIEWS = 8  # the symmetries of a square

#: What a batch's record says of an image.
ORIGIN = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # relative to data/raw
        pa.field("batch", pa.string(), nullable=False),
        pa.field("batch_order", pa.int32(), nullable=False),  # from 1 on
        pa.field("label", pa.string()),
        pa.field("source", pa.string(), nullable=False),  # where it lay before
        pa.field("subject", pa.string()),
        pa.field("drawn", pa.bool_(), nullable=False),
        pa.field("sha256", pa.string()),  # of the bytes on disk; null where there are none
        pa.field("bytes", pa.int64()),
    ]
)
#: What reading an image told; all but the first two are null where it is not readable.
MEASURED = pa.schema(
    [
        pa.field("readable", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("format", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("dhash", pa.uint64()),
        pa.field(
            "view_hashes", pa.list_(pa.uint64())
        ),  # VIEWS of them; Parquet knows no null of a fixed size
        pa.field("pixel_hash", pa.string()),
        pa.field("brightness", pa.float32()),  # grey in 0..1: mean
        pa.field("contrast", pa.float32()),  # standard deviation
        pa.field("saturation", pa.float32()),  # mean of HSV's, 0..1
        pa.field("sharpness", pa.float32()),  # variance of the Laplacian
        pa.field("pillow", pa.string()),  # its version, since hashes follow its resampling
    ]
)
SCHEMA = pa.schema([*ORIGIN, *MEASURED])


def write_manifest(path: Path, table: pa.Table) -> None:
    """Write the manifest, whole or not at all.

    Args:
        path: the Parquet file.
        table: columns as in ``SCHEMA``, ordered by ``batch_order`` and ``path``.
    """
    with whole(path) as partial:
        pq.write_table(table.cast(SCHEMA), partial, compression="zstd")


def read_manifest(path: Path) -> pd.DataFrame:
    """Read the manifest; whole numbers stay whole where some are missing (``UInt64``, ``Int32``, ``Int64``).

    ``view_hashes`` holds arrays of shape (8,), or None where the image is not readable.

    Raises:
        UsageError: if it is missing, damaged or of another version.
    """
    if not path.is_file():
        message = f'{path} is missing: run "giemsa ingest SOURCE", then "giemsa run ingest".'
        raise UsageError(message)
    table = read_table(path, "ingest")
    if not table.schema.equals(SCHEMA):
        message = f'{path} was written by another version of giemsa: run "giemsa run ingest" again.'
        raise UsageError(message)
    return as_frame(table)


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Give columns of the manifest, ``view_hashes`` among them, as ``read_manifest`` does."""
    import pandas as pd

    kinds = {pa.uint64(): pd.UInt64Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    frame: pd.DataFrame = table.drop(["view_hashes"]).to_pandas(types_mapper=kinds.get)
    frame.insert(table.schema.get_field_index("view_hashes"), "view_hashes", _hashes(table["view_hashes"]))
    return frame


def batch_orders(path: Path) -> dict[str, int]:
    """Read each batch's place in the order of arrival; nothing where there is no manifest yet."""
    if not path.is_file():
        return {}
    table = read_table(path, "ingest", ["batch", "batch_order"])
    return dict(zip(table["batch"].to_pylist(), table["batch_order"].to_pylist(), strict=True))


def _hashes(column: pa.ChunkedArray) -> pd.Series:
    # Arrow's own conversion turns the hashes into floats as soon as one is missing, and loses bits.
    import pandas as pd

    present = column.is_valid().to_numpy()
    hashes = iter(pa.concat_arrays(column.chunks).flatten().to_numpy().reshape(-1, VIEWS))
    return pd.Series([next(hashes) if valid else None for valid in present], dtype=object)
