"""What the tests of sources share."""

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from giemsa.settings import Image


@pytest.fixture
def image() -> Image:
    return Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=100_000)


@pytest.fixture
def png() -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(np.full((8, 8, 3), 200, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
