"""Find images that show the same picture, whatever was done to it in between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from giemsa.curation.candidates import Pairs, Prints, propose
from giemsa.curation.comparisons import memory_file, remembered
from giemsa.curation.components import components
from giemsa.curation.registration import similarities
from giemsa.settings import Deduplicate

AT_ONCE = 8_192  # pairs whose thumbnails are copied at a time
KEY = 32  # hex digits of a content's SHA-256 that tell it from others

Rows = NDArray[np.int64]
Views = Callable[[str, Sequence[str]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Copies:
    """Which images are copies of one another.

    Args:
        group: a number for each image, equal for copies of one picture, shape ``(n,)``, from 0 on.
        similarity: of confirmed pairs, by (first row, second row) of images with different pixels.
    """

    group: Rows
    similarity: dict[tuple[int, int], float]


def find_copies(
    images: pd.DataFrame, views: Views, settings: Deduplicate, memory: Path | None = None
) -> Copies:
    """Group images that show the same picture.

    Equal pixels are one picture. Among different ones, hashes and spectra propose pairs and registration
    confirms them. Grouping is transitive: a chain of matches is one group, since a split must not cut it.

    Args:
        images: readable images in the manifest's columns, in an order that does not change the outcome.
        views: gives thumbnails and spectra by content, as ``Measurements.views`` does.
        settings: radius, similarity and whether symmetries count.
        memory: a folder, for these measurements alone, that remembers who is near whom and which pairs were
            compared before.
    """
    _, first, picture = np.unique(images["pixel_hash"].to_numpy(str), return_index=True, return_inverse=True)
    distinct = images.iloc[first]
    left, right, similarity = _confirmed(distinct, views, settings, memory)
    component = components(left, right, len(first))
    _, seen, group = np.unique(component[picture], return_index=True, return_inverse=True)
    by_appearance = np.argsort(np.argsort(seen))
    pairs = zip(first[left].tolist(), first[right].tolist(), similarity.tolist(), strict=True)
    return Copies(by_appearance[group], {(min(a, b), max(a, b)): value for a, b, value in pairs})


def _confirmed(
    distinct: pd.DataFrame, views: Views, settings: Deduplicate, memory: Path | None
) -> tuple[Rows, Rows, NDArray[np.float32]]:
    contents = distinct["sha256"].tolist()
    prints = Prints(
        whole=distinct["dhash"].to_numpy(np.uint64),
        views=np.array(distinct["view_hashes"].tolist(), dtype=np.uint64).reshape(-1, 8),
        spectra=views("spectra", contents),
    )
    pairs = propose(
        prints,
        max_distance=settings.max_distance,
        symmetries=settings.symmetries,
        names=[content[:KEY] for content in contents],
        memory=memory,
    )
    file = None if memory is None else memory_file(memory, symmetries=settings.symmetries)
    similarity = remembered(
        file, _names(pairs, contents), lambda rows: _compared(pairs, rows, contents, views, settings)
    )
    same = similarity >= settings.min_similarity
    return pairs.left[same], pairs.right[same], similarity[same]


def _names(pairs: Pairs, contents: Sequence[str]) -> pa.Array:
    text = pa.large_string()
    keys = pa.array([content[:KEY] for content in contents], text)
    views = pa.array(["00", "01", "10", "11"], text).take(pa.array(2 * pairs.left_view + pairs.right_view))
    ends = (keys.take(pa.array(rows)) for rows in (pairs.left, pairs.right))
    return pc.binary_join_element_wise(*ends, views, pa.scalar("", text))


def _compared(
    pairs: Pairs, rows: Rows, contents: Sequence[str], views: Views, settings: Deduplicate
) -> NDArray[np.float32]:
    """Compare the pairs at ``rows``, holding the thumbnails of ``AT_ONCE`` at a time."""
    involved, place = np.unique(np.concatenate([pairs.left[rows], pairs.right[rows]]), return_inverse=True)
    thumbnails = views("thumbnails", [contents[row] for row in involved])
    left, right = np.split(place, 2)
    spans = [slice(start, start + AT_ONCE) for start in range(0, len(rows), AT_ONCE)]
    compared = [
        similarities(
            thumbnails[left[span], pairs.left_view[rows[span]]],
            thumbnails[right[span], pairs.right_view[rows[span]]],
            symmetries=settings.symmetries,
        )
        for span in spans
    ]
    return np.concatenate([np.empty(0, np.float32), *compared])
