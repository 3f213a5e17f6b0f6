"""The manifest's file."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from giemsa.data.manifest import SCHEMA, read_manifest, write_manifest
from giemsa.errors import UsageError

LARGE = 2**64 - 3  # a hash that no float holds


def row(path: str, **measured: Any) -> dict[str, Any]:
    origin = {
        "path": path,
        "batch": "b",
        "batch_order": 1,
        "source": path,
        "drawn": False,
        "readable": bool(measured),
    }
    return dict.fromkeys(SCHEMA.names) | origin | measured


@pytest.fixture
def table() -> pa.Table:
    hashes = [LARGE - turn for turn in range(8)]
    rows = [row("b/ig/1.png"), row("b/ig/2.png", dhash=LARGE, view_hashes=hashes, width=96, bytes=10)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def test_hashes_survive_beside_an_unreadable_image(tmp_path: Path, table: pa.Table) -> None:
    write_manifest(tmp_path / "manifest.parquet", table)
    manifest = read_manifest(tmp_path / "manifest.parquet")
    assert list(manifest.columns) == SCHEMA.names
    assert manifest["dhash"][1] == LARGE
    assert manifest["dhash"].isna()[0]
    assert manifest["view_hashes"][0] is None
    assert manifest["view_hashes"][1].dtype == np.uint64
    assert manifest["view_hashes"][1].tolist() == [LARGE - turn for turn in range(8)]
    assert manifest["width"][1] == 96


def test_the_same_rows_give_the_same_bytes(tmp_path: Path, table: pa.Table) -> None:
    write_manifest(tmp_path / "one.parquet", table)
    write_manifest(tmp_path / "two.parquet", table)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_manifest_that_is_missing_or_of_another_version_names_the_mend(
    tmp_path: Path, table: pa.Table
) -> None:
    with pytest.raises(UsageError, match="giemsa ingest"):
        read_manifest(tmp_path / "manifest.parquet")
    pq.write_table(table.drop(["pillow"]), tmp_path / "manifest.parquet")
    with pytest.raises(UsageError, match="another version"):
        read_manifest(tmp_path / "manifest.parquet")
