"""Manifests of pictures that need not exist."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from giemsa.settings import Validate

LIMITS = Validate(
    min_classes=2,
    min_per_class=5,
    max_imbalance=4.0,
    min_side_px=24,
    max_unreadable=0.2,
    brightness=(0.1, 0.9),
    sharpness_min=0.0001,
    max_outside=0.05,
    critical=("schema", "classes", "count_per_class", "readability"),
)


def manifest(labels: Sequence[str | None], **columns: Any) -> pd.DataFrame:
    """Build a manifest of good pictures, one per label; ``columns`` replace what is good."""
    text = pd.StringDtype(na_value=np.nan)
    n = len(labels)
    names = [f"first/{label}/{row}.png" for row, label in enumerate(labels)]
    frame = pd.DataFrame(
        {
            "path": pd.array(names, dtype=text),
            "batch": pd.array(["first"] * n, dtype=text),
            "batch_order": pd.array([1] * n, dtype="Int32"),
            "label": pd.array(list(labels), dtype=text),
            "source": pd.array(names, dtype=text),
            "subject": pd.array([None] * n, dtype=text),
            "drawn": False,
            "sha256": pd.array([f"{row:064x}" for row in range(n)], dtype=text),
            "bytes": pd.array([9000] * n, dtype="Int64"),
            "readable": True,
            "reason": pd.array([None] * n, dtype=text),
            "format": pd.array(["PNG"] * n, dtype=text),
            "mode": pd.array(["RGB"] * n, dtype=text),
            "width": pd.array([96] * n, dtype="Int32"),
            "height": pd.array([96] * n, dtype="Int32"),
            "dhash": pd.array(range(n), dtype="UInt64"),
            "view_hashes": [np.zeros(8, np.uint64)] * n,
            "pixel_hash": pd.array([f"{row:x}" for row in range(n)], dtype=text),
            "brightness": np.float32(0.7),
            "contrast": np.float32(0.2),
            "saturation": np.float32(0.3),
            "sharpness": np.float32(0.01),
            "pillow": pd.array(["12.0.0"] * n, dtype=text),
        }
    )
    return frame.assign(**columns)
