from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from giemsa.data import sources
from giemsa.data.batches import RECORD_FILE, bring_in
from giemsa.data.folders import FolderSource
from giemsa.data.project import BatchesSource, holds_batches
from giemsa.data.sources import open_source, stamp_of
from giemsa.errors import UsageError
from giemsa.settings import Image


def measured(items: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
    yield from ({"readable": True, "reason": None} for _ in items)


def brought(tmp_path: Path, image: Image, png: bytes) -> Path:
    """Bring one image of class ig in, and give data/raw."""
    (tmp_path / "cells/ig").mkdir(parents=True)
    (tmp_path / "cells/ig/a.png").write_bytes(png)
    raw = tmp_path / "data/raw"
    bring_in(FolderSource(tmp_path / "cells", image), raw, batch="first", measure=measured)
    return raw


def test_batches_keep_the_labels_under_which_they_came(tmp_path: Path, image: Image, png: bytes) -> None:
    raw = brought(tmp_path, image, png)
    source = open_source(raw, image)
    assert isinstance(source, BatchesSource)
    assert [(item.path, item.label, item.content) for item in source.items()] == [
        ("first/ig/a.png", "ig", png)
    ]
    assert (len(source), source.drawn) == (1, False)


def test_a_changed_file_has_another_stamp(
    tmp_path: Path, image: Image, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    raw = brought(tmp_path, image, png)
    (first,) = BatchesSource(raw, image).items()
    (same,) = BatchesSource(raw, image).items(lambda _, stamp: stamp != first.stamp)
    assert (same.content, same.stamp) == (None, first.stamp)
    (raw / "first/ig/a.png").write_bytes(png[::-1])
    (changed,) = BatchesSource(raw, image).items(lambda _, stamp: stamp != first.stamp)
    assert changed.content == png[::-1]


@pytest.mark.parametrize("fact", ["st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_a_stamp_tells_files_apart_by_each_of_its_facts(fact: str) -> None:
    facts = {"st_dev": 1, "st_ino": 2, "st_size": 3, "st_mtime_ns": 4, "st_ctime_ns": 5}
    first, other = (cast("Any", SimpleNamespace(**each)) for each in (facts, facts | {fact: 6}))
    assert stamp_of(first) != stamp_of(other)


def test_a_file_that_is_gone_is_listed(tmp_path: Path, image: Image, png: bytes) -> None:
    raw = brought(tmp_path, image, png)
    (raw / "first/ig/a.png").unlink()
    (item,) = BatchesSource(raw, image).items()
    assert item.content is None
    assert "cannot be opened" in str(item.problem)


@pytest.mark.parametrize("path", ["../../secret.png", "first/../../../secret.png", "{folder}/secret.png"])
def test_a_record_that_names_a_place_outside_is_refused(
    tmp_path: Path, image: Image, png: bytes, path: str
) -> None:
    raw = brought(tmp_path, image, png)
    (tmp_path / "secret.png").write_bytes(png)
    file = raw / "first" / RECORD_FILE
    record = pq.read_table(file)
    named = pa.array([path.format(folder=tmp_path)])
    pq.write_table(record.set_column(0, record.schema.field("path"), named), file)
    with pytest.raises(
        UsageError, match=r"_batch\.parquet names a place outside data/raw \('.*secret\.png'\)"
    ):
        open_source(raw, image)


def test_a_plain_folder_holds_no_batches(tmp_path: Path, image: Image, png: bytes) -> None:
    brought(tmp_path, image, png)
    assert not holds_batches(tmp_path / "cells")
    assert BatchesSource(tmp_path / "data/raw", image).fingerprint() != ""
