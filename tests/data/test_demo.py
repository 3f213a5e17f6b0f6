"""The embedded demo and its planted faults."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from giemsa.data import demo, drawing_faults
from giemsa.data.drawing_faults import COPIES, COUNTS, JUNK, demo_files
from giemsa.data.sources import Item, open_source
from giemsa.settings import Image


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return list(demo.DemoSource().items())


def opened(item: Item) -> Pillow.Image:
    assert isinstance(item.content, bytes)
    with Pillow.open(io.BytesIO(item.content)) as picture:
        return picture.convert("RGB")


def planted(items: list[Item], mark: str) -> list[Item]:
    return [item for item in items if mark in item.path]


def original(items: list[Item], copy: Item) -> Item:
    stem = copy.path.rpartition("/")[2].rpartition("_")[0]
    (found,) = [item for item in items if item.path.endswith(f"/{stem}.jpg")]
    return found


def test_the_demo_is_drawn_and_comes_like_a_folder(items: list[Item], image: Image) -> None:
    source = open_source("demo", image)
    assert (source.name, source.drawn, len(source)) == ("demo", True, len(items))
    assert [item.path for item in items] == sorted(item.path for item in items)
    assert all(item.label == item.path.split("/")[0] and item.problem is None for item in items)


def test_the_demo_is_the_same_bytes_at_every_call(items: list[Item]) -> None:
    again = demo_files()
    assert all(again[item.path] == item.content for item in items)


def test_the_demo_is_counted_and_known_again_without_drawing(
    items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_faults, "demo_files", None)
    source = demo.DemoSource()
    assert len(source) == len(items)
    assert source.fingerprint() == demo.DemoSource().fingerprint()


def test_cells_are_unbalanced_and_some_are_as_large_as_published_ones(items: list[Item]) -> None:
    assert max(COUNTS.values()) > 2 * min(COUNTS.values())
    sizes = Counter(opened(item).size for item in items if item.path.endswith("1.jpg"))
    assert sizes[96, 96] > sizes[363, 360] > 0


@pytest.mark.parametrize(("name", "copies"), JUNK.items())
def test_junk_repeats_byte_for_byte_under_many_labels(items: list[Item], name: str, copies: int) -> None:
    junk = planted(items, name)
    assert len(junk) == copies
    assert len({item.content for item in junk if isinstance(item.content, bytes)}) == 1
    assert len({item.label for item in junk}) > 4


def test_resaved_copies_look_like_their_originals(items: list[Item]) -> None:
    for copy in planted(items, "_resaved"):
        first, second = (np.asarray(opened(item), dtype=float) for item in (original(items, copy), copy))
        assert np.abs(first - second).mean() < 12


def test_resized_shifted_and_turned_copies_differ_from_their_originals(items: list[Item]) -> None:
    for mark in ("_resized", "_shifted", "_turned"):
        copies = planted(items, mark)
        assert len(copies) == COPIES
        assert all(copy.content != original(items, copy).content for copy in copies)


def test_relabelled_copies_are_conflicts(items: list[Item]) -> None:
    conflicts = planted(items, "_relabelled")
    assert len(conflicts) == 3
    for copy in conflicts:
        assert original(items, copy).content == copy.content
        assert original(items, copy).label != copy.label


def test_broken_files_cannot_be_read(items: list[Item]) -> None:
    broken = planted(items, "_truncated") + planted(items, "_empty") + planted(items, "notes")
    assert len(broken) == 7
    for item in broken:
        with pytest.raises((OSError, UnidentifiedImageError)):
            opened(item)
