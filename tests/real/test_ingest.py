"""Real cells come in as they are."""

from pathlib import Path

import pytest

from giemsa.data.batches import bring_in, read_records
from giemsa.data.drawing import KINDS
from giemsa.data.sources import open_source
from giemsa.settings import Image

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is missing"),
]
IMAGE = Image(size=96, crop_px=200, max_pixels=50_000_000, max_bytes=100_000_000)


def test_the_published_zip_holds_eight_classes_of_the_demos_names() -> None:
    source = open_source(DATA / "pbc96_train.zip", IMAGE)
    assert len(source) == 11_959
    items = list(source.items())
    assert sorted({item.label for item in items if item.label}) == list(KINDS)
    assert not any(item.problem for item in items)


def test_native_images_are_kept_bit_for_bit(tmp_path: Path) -> None:
    source = open_source(DATA / "pbc_native_1000.zip", IMAGE)
    brought = bring_in(
        source, tmp_path / "raw", batch=None, measure=lambda items: ({"readable": True} for _ in items)
    )
    assert (brought.batch, brought.new, brought.unreadable) == ("pbc_native_1000", 1000, ())
    (record,) = read_records(tmp_path / "raw")
    kept = dict(zip(record["source"].to_pylist(), record["path"].to_pylist(), strict=True))
    for item in source.items():
        assert (tmp_path / "raw" / kept[item.path]).read_bytes() == item.content
