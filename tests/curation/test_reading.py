import contextlib
import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.reading import (
    UnreadableError,
    crop,
    decode,
    load_views,
    quiet,
    read_view,
    view,
)
from giemsa.settings import Image

IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


def colours(height: int = 40, width: int = 30) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=2).astype(np.uint8)


def encoded(picture: Pillow.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_come_back_bit_by_bit(kind: str) -> None:
    picture = decode(encoded(Pillow.fromarray(colours()), kind), IMAGE)
    np.testing.assert_array_equal(picture.rgb, colours())
    assert (picture.format, picture.mode) == (kind, "RGB")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_back_nearly(kind: str) -> None:
    picture = decode(encoded(Pillow.fromarray(colours()), kind, quality=95), IMAGE)
    assert np.abs(picture.rgb.astype(int) - colours()).mean() < 8
    assert picture.format == kind


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = Pillow.fromarray(colours()).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Pillow.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    read = decode(encoded(picture), IMAGE)
    assert read.rgb.shape == (40, 30, 3)
    assert read.rgb.dtype == np.uint8
    assert read.mode == mode


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    read = decode(encoded(Pillow.fromarray(grey.astype(np.uint16) * 257)), IMAGE)
    np.testing.assert_array_equal(read.rgb[..., 0], grey)


def test_alpha_is_laid_on_white() -> None:
    clear = Pillow.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert (decode(encoded(clear), IMAGE).rgb == 255).all()


def test_cmyk_jpeg_keeps_its_colours() -> None:
    red = Pillow.new("RGB", (16, 16), (200, 30, 40)).convert("CMYK")
    read = decode(encoded(red, "JPEG", quality=95), IMAGE)
    assert read.mode == "CMYK"
    assert np.abs(read.rgb.astype(int) - (200, 30, 40)).max() < 12


@pytest.mark.parametrize(
    ("orientation", "undone"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].swapaxes(0, 1)),
        (8, np.rot90),
    ],
)
def test_a_cameras_orientation_is_applied(
    orientation: int, undone: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    read = decode(encoded(Pillow.fromarray(colours()), exif=exif), IMAGE)
    np.testing.assert_array_equal(read.rgb, undone(colours()))


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Pillow.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert (decode(content, IMAGE).rgb == (255, 0, 0)).all()


def test_a_wrong_extension_does_not_matter_since_only_content_counts() -> None:
    assert decode(encoded(Pillow.fromarray(colours()), "BMP"), IMAGE).format == "BMP"


def test_rows_of_an_array_are_pictures() -> None:
    grey = colours()[..., 0]
    assert decode(grey, IMAGE).rgb.shape == (40, 30, 3)
    assert decode(colours(), IMAGE).format == "NPY"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"not a picture", "not a JPEG, PNG, TIFF, BMP or WebP picture"),
        (b"GIF89a" + bytes(40), "not a JPEG"),
        (encoded(Pillow.fromarray(colours()), "JPEG")[:500], "truncated: the file ends after 500 bytes"),
        (encoded(Pillow.fromarray(colours()), "WEBP")[:60], r"truncated after 60 of \d+ bytes"),
        (bytes(1_000_001), "1,000,001 bytes are more than image.max_bytes"),
        (encoded(Pillow.new("1", (1001, 1000))), "1,001 x 1,000 pixels are more than image.max_pixels"),
        (encoded(Pillow.new("1", (20_000, 20_000))), "bomb"),
        (np.zeros((4, 4, 2), np.uint8), "no picture"),
        (np.zeros((4, 4), np.float32), "no picture"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        decode(content, IMAGE)


@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "TIFF", "BMP", "WEBP"]))
def test_damaged_files_are_read_or_named_but_never_crash(data: st.DataObject, kind: str) -> None:
    content = bytearray(encoded(Pillow.fromarray(colours()), kind))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(UnreadableError), quiet():
        assert decode(cut, IMAGE).rgb.ndim == 3


def test_the_crop_applies_only_where_both_sides_exceed_it() -> None:
    assert crop(np.zeros((200, 300, 3), np.uint8), 200).shape == (200, 300, 3)
    assert crop(np.zeros((201, 300, 3), np.uint8), 200).shape == (200, 200, 3)


def test_a_view_of_the_right_size_is_the_picture_itself() -> None:
    pixels = colours(96, 96)
    np.testing.assert_array_equal(view(pixels, IMAGE), pixels)


def test_a_large_picture_is_seen_through_its_centre() -> None:
    pixels = np.zeros((360, 363, 3), np.uint8)
    pixels[80:280, 81:281] = 255
    assert (view(pixels, IMAGE) == 255).all()


@given(
    height=st.integers(20, 900),
    width=st.integers(20, 900),
    side=st.integers(16, 64),
    cut=st.integers(40, 500),
)
def test_a_jpeg_that_its_decoder_shrinks_shows_what_it_shows_in_full(
    height: int, width: int, side: int, cut: int
) -> None:
    image = IMAGE.model_copy(update={"size": side, "crop_px": cut})
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([x * 255 // width, y * 255 // height, x * 0 + 99], axis=2).astype(np.uint8)
    content = encoded(Pillow.fromarray(smooth), "JPEG", quality=98)
    step = 255 * min(cut, height, width) / side / min(height, width)  # between neighbours in the view
    difference = read_view(content, image).astype(int) - view(decode(content, image).rgb, image)
    assert difference.shape == (side, side, 3)
    assert np.abs(difference).max() <= step + 6


@pytest.mark.parametrize("turn", [1, 6])
def test_a_large_picture_is_the_same_view_whatever_its_file(turn: int) -> None:
    pixels = np.zeros((800, 900, 3), np.uint8)
    pixels[300:500, 350:550] = colours(200, 200)
    exif = Pillow.Exif()
    exif[0x0112] = turn
    expected = np.rot90(view(pixels, IMAGE), -1 if turn == 6 else 0)
    for kind, nearly in (("PNG", 0), ("JPEG", 12)):
        seen = read_view(encoded(Pillow.fromarray(pixels), kind, exif=exif, quality=95), IMAGE)
        assert np.abs(seen.astype(int) - expected).mean() <= nearly


@pytest.mark.parametrize("tenths", range(10))
def test_a_large_jpeg_that_ends_early_has_no_view(tenths: int) -> None:
    content = encoded(Pillow.fromarray(colours(800, 900)), "JPEG")
    with pytest.raises(UnreadableError), quiet():
        read_view(content[: len(content) * tenths // 10], IMAGE)


def test_what_a_project_admitted_is_seen_by_a_model_of_narrower_limits() -> None:
    content = encoded(Pillow.fromarray(colours(400, 300)))
    narrow = IMAGE.model_copy(update={"max_pixels": 100, "max_bytes": 100})
    np.testing.assert_array_equal(load_views([content], narrow), load_views([content], IMAGE))


def test_views_keep_their_order() -> None:
    contents = [encoded(Pillow.new("RGB", (20, 20), (level, 0, 0))) for level in range(20)]
    views = load_views(contents, IMAGE)
    assert views.shape == (20, 96, 96, 3)
    assert views[:, 0, 0, 0].tolist() == list(range(20))


@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_a_file_that_ends_at_any_tenth_is_named(kind: str, tenths: int) -> None:
    # Noise, so that a tenth of any format holds pixels and not just what a format closes its files with.
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    content = encoded(Pillow.fromarray(noise), kind)
    with pytest.raises(UnreadableError), quiet():
        decode(content[: len(content) * tenths // 10], IMAGE)


def jpegs(seed: int) -> list[bytes]:
    """Give one picture as JPEG in the ways that cameras and programs write it."""
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    smooth = Pillow.fromarray(pixels).resize((61, 43))
    ways: list[dict[str, object]] = [
        {},
        {"quality": 100, "subsampling": 0},
        {"subsampling": 1, "restart_marker_blocks": 2},
        {"progressive": True},
        {"keep_rgb": True},
    ]
    return [encoded(smooth, "JPEG", **way) for way in ways]


@given(st.data())
def test_a_jpeg_has_pillows_pixels_and_pillow_alone_decides_what_can_be_read(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(jpegs(5))))
    for place in data.draw(st.lists(st.integers(2, len(content) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, 2 * len(content))) :]
    try:
        with quiet(), Pillow.open(io.BytesIO(content), formats=["JPEG"]) as picture:
            assume(picture.width * picture.height <= IMAGE.max_pixels)
            expected = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, Pillow.DecompressionBombError):
        with pytest.raises(UnreadableError):
            decode(bytes(content), IMAGE)
    else:
        np.testing.assert_array_equal(decode(bytes(content), IMAGE).rgb, expected)
