import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import imagehash
import numpy as np
import pytest
from PIL import Image as Pillow

from giemsa.curation import measuring
from giemsa.curation.measuring import Measurements, measure
from giemsa.data.manifest import MEASURED
from giemsa.settings import Image

IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


def png(seed: int, side: int = 32) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def keyed(*contents: bytes) -> list[tuple[str, bytes]]:
    return [(hashlib.sha256(content).hexdigest(), content) for content in contents]


def test_one_decode_gives_every_column_of_the_manifest() -> None:
    row = measure(png(1), IMAGE)
    assert set(row) == {*MEASURED.names, "thumbnails"}
    assert row["dhash"] == int(str(imagehash.dhash(Pillow.open(io.BytesIO(png(1))))), 16)
    assert row["thumbnails"].shape == (1, 64, 64, 3)
    assert (row["width"], row["height"], row["readable"]) == (32, 32, True)


def test_a_large_picture_has_a_thumbnail_of_its_centre_too() -> None:
    assert measure(png(1, side=201), IMAGE)["thumbnails"].shape == (2, 64, 64, 3)


def test_statistics_lie_in_zero_to_one_and_tell_flat_from_rich() -> None:
    flat = measure(np.full((50, 50, 3), 128, np.uint8), IMAGE)
    rich = measure(png(1), IMAGE)
    assert flat["brightness"] == pytest.approx(128 / 255)
    assert flat["contrast"] == flat["saturation"] == flat["sharpness"] == 0
    assert 0 < rich["contrast"] < 1
    assert 0 < rich["saturation"] < 1
    assert rich["sharpness"] > 0.01


def test_pixel_hash_tells_pixels_and_shape_not_encoding() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 20, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "BMP")
    expected = measure(pixels, IMAGE)["pixel_hash"]
    assert measure(buffer.getvalue(), IMAGE)["pixel_hash"] == expected
    assert measure(pixels.reshape(20, 10, 3), IMAGE)["pixel_hash"] != expected


def test_an_unreadable_picture_is_a_row_with_a_reason() -> None:
    row = measure(b"nothing", IMAGE)
    assert not row["readable"]
    assert row["reason"].startswith("not a JPEG")
    assert row["dhash"] is None


def test_rows_come_in_the_order_of_the_items_whatever_finishes_first() -> None:
    items = keyed(*(png(seed, side=8 + 40 * (seed % 3)) for seed in range(100)), b"broken")
    rows = list(Measurements(None, IMAGE, workers=4).measure(items))
    assert [row["pixel_hash"] for row in rows] == [
        measure(content, IMAGE)["pixel_hash"] for _, content in items
    ]


def test_each_distinct_content_is_decoded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counted = Mock(side_effect=measure)
    monkeypatch.setattr(measuring, "measure", counted)
    list(Measurements(tmp_path, IMAGE).measure(keyed(*[png(1)] * 300, png(2))))
    list(Measurements(tmp_path, IMAGE).measure(keyed(png(2), png(1))))
    assert counted.call_count == 2


def test_what_is_remembered_equals_what_was_measured(tmp_path: Path) -> None:
    items = keyed(*(png(seed, side=40) for seed in range(20)), b"broken")
    measured = list(Measurements(tmp_path, IMAGE).measure(items))
    assert list(Measurements(tmp_path, IMAGE).measure(items)) == measured


def test_few_contents_wait_in_memory() -> None:
    taken = 0

    def items() -> Iterator[tuple[str, bytes]]:
        nonlocal taken
        for seed in range(200):
            taken += 1
            yield str(seed), png(seed, side=4)

    rows = Measurements(None, IMAGE, workers=2).measure(items())
    next(rows)
    assert taken <= 2 * measuring.AHEAD + 1


def test_a_lab_picture_is_measured_although_imagehash_fails_on_it() -> None:
    buffer = io.BytesIO()
    Pillow.new("LAB", (20, 20)).save(buffer, "TIFF")
    assert measure(buffer.getvalue(), IMAGE)["mode"] == "LAB"


def test_what_depends_on_measurements_is_remembered_apart_for_other_settings(tmp_path: Path) -> None:
    other = IMAGE.model_copy(update={"crop_px": 100})
    assert Measurements(tmp_path, IMAGE).memory == Measurements(tmp_path, IMAGE).memory
    assert Measurements(tmp_path, IMAGE).memory != Measurements(tmp_path, other).memory
