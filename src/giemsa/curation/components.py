"""Find what hangs together: the connected components of a graph."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def components(left: Rows, right: Rows, size: int) -> Rows:
    """Give each of ``size`` rows the smallest row that it hangs together with, directly or by a chain.

    Each round hooks the larger of two linked roots to the smaller and flattens all trees (Shiloach and
    Vishkin, Journal of Algorithms 3, 1982). SciPy does it too, but importing it takes as long as a split.

    Args:
        left: rows, shape ``(links,)``.
        right: the rows that they are linked with.
        size: how many rows there are.
    """
    root = np.arange(size)
    while (root[left] != root[right]).any():
        one, two = root[left], root[right]
        np.minimum.at(root, np.maximum(one, two), np.minimum(one, two))
        while (root[root] != root).any():
            root = root[root]
    return root
