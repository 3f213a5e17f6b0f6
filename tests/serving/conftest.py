"""A folder of drawn pictures and an untrained model to score them with."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from giemsa.registry.prediction import Predictor, ResolvedModel


def jpeg(seed: int, side: int = 32) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Five pictures of two classes, one of them truncated."""
    folder = tmp_path / "cells"
    for index, kind in enumerate(("ig", "ig", "ig", "platelet", "platelet")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        content = jpeg(index)
        (folder / kind / f"{index}.jpg").write_bytes(content[:200] if index == 1 else content)
    return folder


@pytest.fixture(scope="session")
def predictor(tiny_bundle: Path) -> Predictor:
    return Predictor(ResolvedModel(tiny_bundle, "tiny", "0" * 64))
