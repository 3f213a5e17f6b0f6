"""The validation report: one offline page that says whether the images may train a model, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from giemsa.pages import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from giemsa.curation.quality import Quality
    from giemsa.settings import Validate

BINS = 48


@dataclass(frozen=True)
class Histogram:
    """Counts of a measured value, ready to be drawn.

    Args:
        title: what was measured.
        bars: left edge, width and height of each bar, as fractions of the drawing.
        limits: where the allowed range begins and ends, as fractions of the drawing.
        ticks: position and text of the marks below it.
        tallest: images in the highest bar.
    """

    title: str
    bars: tuple[tuple[float, float, float], ...]
    limits: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]
    tallest: int


def report(quality: Quality, limits: Validate) -> str:
    """Render the whole page."""
    readable = quality.found.readable
    classes = list(zip(quality.found.classes["label"], quality.found.classes["images"], strict=True))
    return render(
        "validation.html",
        drawn=quality.drawn,
        findings=quality.findings,
        broken=quality.broken,
        images=len(quality.found.images),
        readable=len(readable),
        classes=classes,
        largest=max((images for _, images in classes), default=1),
        unreadable=quality.unreadable,
        histograms=histograms(readable, limits),
    )


def histograms(readable: pd.DataFrame, limits: Validate) -> tuple[Histogram, ...]:
    """Draw how bright and how sharp the images are; sharpness on a logarithmic axis, as it spans decades."""
    brightness = readable["brightness"].to_numpy(np.float64)
    sharpness = readable["sharpness"].to_numpy(np.float64)
    even = np.linspace(0, 1, BINS + 1)
    decades = np.arange(-6.0, 1.0)
    logs = np.log10(np.clip(sharpness, 10.0 ** decades[0], 10.0 ** decades[-1]))
    least = np.log10(max(limits.sharpness_min, 10.0 ** decades[0]))
    return (
        _histogram(
            "Brightness: mean grey value", brightness, even, limits.brightness, even[:: BINS // 4], "{:g}"
        ),
        _histogram(
            "Sharpness: variance of the Laplacian, logarithmic",
            logs,
            np.linspace(decades[0], decades[-1], BINS + 1),
            (least,),
            decades,
            "1e{:.0f}",
        ),
    )


def _histogram(
    title: str,
    values: NDArray[np.float64],
    edges: NDArray[np.float64],
    limits: Sequence[float],
    ticks: NDArray[np.float64],
    text: str,
) -> Histogram:
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    tallest = int(counts.max())
    start, span = float(edges[0]), float(edges[-1] - edges[0])
    bars = tuple(
        (round(index / len(counts), 4), round(1 / len(counts), 4), round(float(count) / tallest, 4))
        for index, count in enumerate(counts)
        if count
    )
    return Histogram(
        title,
        bars,
        tuple(round((float(limit) - start) / span, 4) for limit in limits),
        tuple((round((float(tick) - start) / span, 4), text.format(float(tick))) for tick in ticks),
        tallest,
    )
