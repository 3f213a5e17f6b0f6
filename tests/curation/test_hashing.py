import tracemalloc

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.hashing import LONGEST, dhash, symmetric_hashes, symmetry


def of_imagehash(picture: Pillow.Image) -> int:
    return int(str(imagehash.dhash(picture)), 16)


@given(
    pixels=st.tuples(st.integers(1, 70), st.integers(1, 70)).flatmap(
        lambda size: arrays(np.uint8, (*size, 3), elements=st.integers(0, 255))
    ),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]),
)
@settings(max_examples=200, deadline=None)  # the first example imports OpenCV
def test_the_hash_is_imagehashs_own_in_every_mode_and_size(pixels: NDArray[np.uint8], mode: str) -> None:
    picture = Pillow.fromarray(pixels)
    if mode == "I;16":
        picture = Pillow.fromarray(pixels[..., 0].astype(np.uint16) * 200)
    elif mode == "HSV":
        picture = picture.convert("RGB").convert("HSV")
    else:
        picture = picture.convert(mode)
    try:
        expected = of_imagehash(picture)
    except ValueError:  # Pillow cannot make a grey picture of this mode: no hash of either kind
        with pytest.raises(ValueError, match="conversion"):
            dhash(picture)
    else:
        assert dhash(picture) == expected


def test_the_first_bit_is_the_most_significant() -> None:
    pixels = np.full((8, 9), 100, np.uint8)
    pixels[0, 1:] = 200
    assert dhash(Pillow.fromarray(pixels)) == 1 << 63


def test_eight_symmetries_are_eight_different_views() -> None:
    pixels = np.arange(6).reshape(2, 3)
    seen = {symmetry(pixels, index).tobytes() + bytes(symmetry(pixels, index).shape) for index in range(8)}
    assert len(seen) == 8
    np.testing.assert_array_equal(symmetry(pixels, 0), pixels)


@given(arrays(np.float32, (72, 72), elements=st.floats(0, 1, width=32)), st.integers(0, 7))
@settings(deadline=None)
def test_hash_i_is_the_first_hash_of_the_picture_seen_under_symmetry_i(
    pixels: NDArray[np.float32], index: int
) -> None:
    def hashes(seen: NDArray[np.float32]) -> list[int]:
        return symmetric_hashes(grid(seen), grid(seen.T))

    def grid(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        cells: NDArray[np.float32] = seen.reshape(8, 9, 9, 8).max(axis=(1, 3))
        return cells

    assert hashes(pixels)[index] == hashes(symmetry(pixels, index))[0]


def test_the_hash_is_imagehashs_own_for_pictures_of_any_shape_too() -> None:
    random = np.random.default_rng(0)
    for _ in range(60):
        height, width = random.integers(1, 500, 2)
        # Black and white noise reaches the filter's clipping.
        picture = Pillow.fromarray(255 * random.integers(0, 2, (height, width), dtype=np.uint8))
        assert dhash(picture) == of_imagehash(picture), (height, width)


def test_a_very_long_picture_leaves_nothing_in_memory() -> None:
    picture = Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (9, LONGEST + 1), dtype=np.uint8))
    tracemalloc.start()
    try:
        assert dhash(picture) == of_imagehash(picture)
        assert tracemalloc.get_traced_memory()[0] < LONGEST
    finally:
        tracemalloc.stop()
