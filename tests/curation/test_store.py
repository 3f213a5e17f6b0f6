import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from giemsa.curation import store
from giemsa.curation.measuring import measure
from giemsa.curation.store import Store
from giemsa.data.manifest import MEASURED
from giemsa.errors import CheckFailedError
from giemsa.settings import Image

IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


def pixels(seed: int, side: int = 16) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_what_was_flushed_is_known_to_the_next_process(tmp_path: Path) -> None:
    row = measure(pixels(1), IMAGE)
    first = Store(tmp_path, IMAGE)
    first.add("one", row)
    assert first.get("one") == {name: row[name] for name in MEASURED.names}
    first.flush()
    known = Store(tmp_path, IMAGE).get("one")
    assert known is not None
    assert known["dhash"] == row["dhash"]
    assert known["view_hashes"] == row["view_hashes"]
    assert "one" in Store(tmp_path, IMAGE)
    assert Store(tmp_path, IMAGE).get("two") is None


def test_two_writers_leave_each_other_alone(tmp_path: Path) -> None:
    left, right = Store(tmp_path, IMAGE), Store(tmp_path, IMAGE)
    left.add("one", measure(pixels(1), IMAGE))
    right.add("two", measure(pixels(2), IMAGE))
    right.add("one", measure(pixels(1), IMAGE))
    left.flush()
    right.flush()
    both = Store(tmp_path, IMAGE)
    assert "one" in both
    assert "two" in both
    assert both.views("thumbnails", ["one", "two"]).shape == (2, 2, 64, 64)


def test_a_killed_writer_leaves_nothing_that_hurts(tmp_path: Path) -> None:
    Store(tmp_path, IMAGE)
    (next(tmp_path.iterdir()) / "tmpabc.partial").write_bytes(b"half")
    assert "one" not in Store(tmp_path, IMAGE)


def test_thumbnails_come_in_the_asked_order_and_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ROWS_PER_FILE", 2)
    rows = {str(seed): measure(pixels(seed), IMAGE) for seed in range(5)}
    known = Store(tmp_path, IMAGE)
    for content, row in rows.items():
        known.add(content, row)
    found = known.views("thumbnails", ["4", "0", "4"])
    for place, content in enumerate(("4", "0", "4")):
        for view in (0, 1):
            grey = found[place, view].astype(float)
            np.testing.assert_allclose(grey, rows[content]["thumbnails"][0] @ [0.299, 0.587, 0.114], atol=1)


def test_an_unknown_content_has_no_thumbnail(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="gone"):
        Store(tmp_path, IMAGE).views("spectra", ["gone"])


def test_damaged_thumbnails_are_told_and_measured_anew(tmp_path: Path) -> None:
    first = Store(tmp_path, IMAGE)
    first.add("one", measure(pixels(1), IMAGE))
    first.flush()
    (file,) = first.folder.glob("*.parquet")
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    content = bytearray(file.read_bytes())
    content[columns["thumbnails"].data_page_offset + 500] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckFailedError, match="run again"):
        Store(tmp_path, IMAGE).views("thumbnails", ["one"])
    assert "one" not in Store(tmp_path, IMAGE)


def test_other_settings_are_another_memory(tmp_path: Path) -> None:
    first = Store(tmp_path, IMAGE)
    first.add("one", measure(pixels(1), IMAGE))
    first.flush()
    assert "one" not in Store(tmp_path, IMAGE.model_copy(update={"crop_px": 100}))


def test_an_unreadable_content_is_known_but_has_no_picture(tmp_path: Path) -> None:
    known = Store(tmp_path, IMAGE)
    known.add("broken", measure(b"no", IMAGE))
    known.add("fine", measure(pixels(1), IMAGE))
    row = known.get("broken")
    assert row is not None
    assert not row["readable"]
    assert known.views("spectra", ["fine"]).shape == (1, 2, 171)
    with pytest.raises(KeyError, match="broken"):
        known.views("spectra", ["fine", "broken"])


def test_many_contents_are_told_at_once_in_the_asked_order(tmp_path: Path) -> None:
    rows = {name: measure(pixels(seed), IMAGE) for seed, name in enumerate("abc")}
    broken = measure(b"no picture", IMAGE)
    earlier = Store(tmp_path, IMAGE)
    for name, row in [*rows.items(), ("broken", broken)]:
        earlier.add(name, row)
    earlier.flush()
    known = Store(tmp_path, IMAGE)
    known.add("fresh", measure(pixels(9), IMAGE))
    told = known.table(pa.chunked_array([["c", "fresh", None], ["broken", "gone", "a"]], pa.string()))
    assert told.schema.names == MEASURED.names
    nothing = dict.fromkeys(MEASURED.names)
    asked = [known.get(name) or nothing for name in ("c", "fresh", "none", "broken", "gone", "a")]
    assert told.to_pylist() == asked
    empty = Store(tmp_path / "other", IMAGE).table(pa.chunked_array([["a"]], pa.string()))
    assert empty.to_pylist() == [nothing]


def test_several_processes_may_remember_in_one_file_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; import pyarrow as pa\n"
        "from giemsa.curation.store import recalled, remember\n"
        "table = pa.table({'n': list(range(1000))})\n"
        "for _ in range(150):\n"
        "    remember(Path(sys.argv[1]), table)\n"
        "    assert recalled(Path(sys.argv[1])).equals(table)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "known.parquet")]
    started = [subprocess.Popen(command) for _ in range(3)]
    assert [each.wait() for each in started] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["known.parquet"]
