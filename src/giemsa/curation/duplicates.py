"""Find images that show the same picture, whatever was done to it in between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from giemsa.curation.candidates import Prints, propose
from giemsa.curation.registration import similarities
from giemsa.settings import Deduplicate

AT_ONCE = 8_192  # pairs whose thumbnails are in memory

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


def find_copies(images: pd.DataFrame, views: Views, settings: Deduplicate) -> Copies:
    """Group images that show the same picture.

    Equal pixels are one picture. Among different ones, hashes and spectra propose pairs and registration
    confirms them. Grouping is transitive: a chain of matches is one group, since a split must not cut it.

    Args:
        images: readable images in the manifest's columns, in an order that does not change the outcome.
        views: gives thumbnails and spectra by content, as ``Measurements.views`` does.
        settings: radius, similarity and whether symmetries count.
    """
    _, first, picture = np.unique(images["pixel_hash"].to_numpy(str), return_index=True, return_inverse=True)
    distinct = images.iloc[first]
    left, right, similarity = _confirmed(distinct, views, settings)
    links = coo_array((np.ones(len(left)), (left, right)), shape=(len(first), len(first)))
    _, component = connected_components(links, directed=False)
    _, seen, group = np.unique(component[picture], return_index=True, return_inverse=True)
    by_appearance = np.argsort(np.argsort(seen))
    pairs = zip(first[left].tolist(), first[right].tolist(), similarity.tolist(), strict=True)
    return Copies(by_appearance[group], {(min(a, b), max(a, b)): value for a, b, value in pairs})


def _confirmed(
    distinct: pd.DataFrame, views: Views, settings: Deduplicate
) -> tuple[Rows, Rows, NDArray[np.float32]]:
    contents = distinct["sha256"].tolist()
    prints = Prints(
        whole=distinct["dhash"].to_numpy(np.uint64),
        views=np.array(distinct["view_hashes"].tolist(), dtype=np.uint64).reshape(-1, 8),
        spectra=views("spectra", contents),
    )
    pairs = propose(prints, max_distance=settings.max_distance, symmetries=settings.symmetries)
    involved = np.unique(np.concatenate([pairs.left, pairs.right]))
    thumbnails = views("thumbnails", [contents[row] for row in involved])
    place = np.zeros(len(contents), dtype=np.int64)
    place[involved] = np.arange(len(involved))
    similarity = np.zeros(len(pairs.left), dtype=np.float32)
    for start in range(0, len(similarity), AT_ONCE):
        span = slice(start, start + AT_ONCE)
        similarity[span] = similarities(
            thumbnails[place[pairs.left[span]], pairs.left_view[span]],
            thumbnails[place[pairs.right[span]], pairs.right_view[span]],
            symmetries=settings.symmetries,
        )
    same = similarity >= settings.min_similarity
    return pairs.left[same], pairs.right[same], similarity[same]
