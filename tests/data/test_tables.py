"""Tables that a power cut or another program damaged are named with their mend."""

from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pytest

from giemsa.data.curated import read_curated, read_splits, write_curated, write_splits
from giemsa.data.manifest import batch_orders, read_manifest
from giemsa.errors import UsageError

CELL = {"path": "b/ig/a.png", "group": "a", "sha256": "00", "image": b"x", "batch": "b", "batch_order": 1}
SIDE = {"path": "a", "label": "x", "group": "a", "side": "train"}


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _overwritten(file: Path) -> None:
    file.write_text("no table")


@pytest.mark.parametrize("damage", [_cut, _overwritten])
def test_cells_and_sides_name_the_stage_that_writes_them(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    write_curated(
        tmp_path / "curated", [CELL | {"label": "ig", "subject": None, "drawn": False}], itemgetter("image")
    )
    damage(next((tmp_path / "curated").iterdir()))
    with pytest.raises(UsageError, match=r'part-.*parquet is damaged: run "giemsa run deduplicate" again'):
        read_curated(tmp_path / "curated", ["path"])
    write_splits(tmp_path / "splits.parquet", pd.DataFrame([SIDE]))
    damage(tmp_path / "splits.parquet")
    with pytest.raises(UsageError, match=r'splits\.parquet is damaged: run "giemsa run split" again'):
        read_splits(tmp_path / "splits.parquet")


def test_sides_of_other_columns_are_damaged_too(tmp_path: Path) -> None:
    pd.DataFrame([SIDE]).drop(columns="side").to_parquet(tmp_path / "splits.parquet")
    with pytest.raises(UsageError, match="giemsa run split"):
        read_splits(tmp_path / "splits.parquet")


@pytest.mark.parametrize("read", [read_manifest, batch_orders])
def test_a_damaged_manifest_names_its_stage(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r'manifest\.parquet is damaged: run "giemsa run ingest" again'):
        read(tmp_path / "manifest.parquet")
