"""The files of curated cells and of their sides."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from giemsa.data import curated
from giemsa.data.curated import CURATED, read_curated, read_splits, write_curated, write_splits
from giemsa.errors import UsageError


def rows(batch: int, count: int) -> list[dict[str, Any]]:
    names = [f"b{batch}/ig/{number}.png" for number in range(count)]
    constant = {"label": "ig", "subject": None, "batch": f"b{batch}", "batch_order": batch, "drawn": True}
    return [
        {"path": name, "group": name, "sha256": digest(name), "image": name.encode(), **constant}
        for name in names
    ]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write(folder: Path, given: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write cells; give the paths of those whose original bytes were read."""
    read: list[str] = []

    def image(row: Mapping[str, Any]) -> bytes:
        read.append(row["path"])
        return bytes(row["image"])

    write_curated(folder, given, image)
    return read


def test_rows_come_back_in_order_from_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curated, "ROWS_PER_PART", 2)
    given = rows(1, 5) + rows(2, 1)
    write(tmp_path / "curated", iter(given))
    assert len(list((tmp_path / "curated").iterdir())) == 4
    table = read_curated(tmp_path / "curated")
    assert table.schema.equals(CURATED)
    assert table.to_pylist() == given
    assert pd.read_parquet(tmp_path / "curated")["image"].tolist() == [row["image"] for row in given]


def test_a_new_batch_leaves_the_older_parts_as_they_were(tmp_path: Path) -> None:
    write(tmp_path / "before", rows(1, 3))
    write(tmp_path / "after", rows(1, 3) + rows(2, 2))
    (old,) = (tmp_path / "before").iterdir()
    assert (tmp_path / "after" / old.name).read_bytes() == old.read_bytes()


def test_only_the_originals_of_parts_that_change_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curated, "ROWS_PER_PART", 2)
    folder, old = tmp_path / "curated", rows(1, 4)
    assert write(folder, old) == [row["path"] for row in old]
    first = (folder / "part-0001-0000.parquet").stat()
    grown = [*old[:2], old[2] | {"label": "monocyte"}, old[3], *rows(2, 1)]
    assert write(folder, grown) == [row["path"] for row in grown[2:]]
    assert read_curated(folder).to_pylist() == grown
    after = (folder / "part-0001-0000.parquet").stat()
    assert (after.st_ino, after.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)  # nobody need read it again
    assert write(folder, grown[:2]) == []
    assert read_curated(folder).to_pylist() == grown[:2]


def swap_images(part: Path) -> None:
    table = pq.read_table(part)
    pq.write_table(table.set_column(8, CURATED.field("image"), table["image"].take([1, 0])), part)


def forget_nulls(part: Path) -> None:
    table = pq.read_table(part)
    pq.write_table(table.cast(pa.schema([field.with_nullable(True) for field in table.schema])), part)


def cut(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [swap_images, forget_nulls, cut])
def test_a_part_that_does_not_hold_what_it_should_is_written_anew(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder, given = tmp_path / "curated", rows(1, 2)
    write(folder, given)
    (part,) = folder.iterdir()
    whole = part.read_bytes()
    damage(part)
    assert write(folder, given) == [row["path"] for row in given]
    assert part.read_bytes() == whole


def test_a_disk_without_links_costs_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, os.strerror(errno.EPERM))))
    for _ in range(2):
        assert len(write(tmp_path / "curated", rows(1, 2))) == 2
    assert read_curated(tmp_path / "curated").to_pylist() == rows(1, 2)


def test_columns_are_read_without_the_images(tmp_path: Path) -> None:
    write(tmp_path / "curated", rows(1, 2))
    assert read_curated(tmp_path / "curated", ["path", "label"]).column_names == ["path", "label"]


def test_a_failed_write_leaves_what_stood_there(tmp_path: Path) -> None:
    write(tmp_path / "curated", rows(1, 2))
    with pytest.raises(KeyError):
        write(tmp_path / "curated", [{"path": "x"}])
    assert read_curated(tmp_path / "curated").num_rows == 2


@pytest.mark.parametrize("full_at", [0, 1, 2])
def test_a_full_disk_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    write(tmp_path / "curated", rows(1, 2))
    monkeypatch.setattr(curated, "ROWS_PER_PART", 2)
    write_table = pq.write_table

    def full(table: pa.Table, target: Path, **how: Any) -> None:
        if target.name == f"part-0002-{full_at:04d}.parquet":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        write_table(table, target, **how)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "curated", rows(2, 6))
    assert read_curated(tmp_path / "curated")["batch_order"].to_pylist() == [1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["curated"]


def test_sides_come_back(tmp_path: Path) -> None:
    sides = pd.DataFrame(
        {"path": ["a", "b"], "label": ["x", "y"], "group": ["a", "a"], "side": ["train", "test"]}
    )
    write_splits(tmp_path / "splits.parquet", sides)
    pd.testing.assert_frame_equal(read_splits(tmp_path / "splits.parquet"), sides)


def test_missing_files_name_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="giemsa run deduplicate"):
        read_curated(tmp_path / "curated")
    with pytest.raises(UsageError, match="giemsa run split"):
        read_splits(tmp_path / "splits.parquet")
