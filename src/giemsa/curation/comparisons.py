"""Remember how similar pairs of pictures are, so that new images cost only their own pairs."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from giemsa.curation.store import VERSION as THUMBNAILS
from giemsa.curation.store import recalled, remember

VERSION = 4  # of what registration.py computes: raise it whenever a value changes

Levels = NDArray[np.float32]


def remembered(file: Path | None, pairs: pa.Array, compare: Callable[[NDArray[np.int64]], Levels]) -> Levels:
    """Give the similarity of each pair, comparing only those that ``file`` does not know.

    Args:
        file: what is known of earlier pairs; afterwards it knows ``pairs`` and no others. None: nothing is.
        pairs: a text for each pair that tells its pictures' contents and what of them is compared.
        compare: computes the similarities of the pairs at the given rows.

    Returns:
        Shape ``(n,)``.
    """
    known = None if file is None else recalled(file)
    if known is None:
        found = compare(np.arange(len(pairs)))
    else:
        place = pc.index_in(pairs, value_set=known["pair"].cast(pairs.type))
        new = place.is_null().to_numpy(zero_copy_only=False)
        found = np.empty(len(pairs), dtype=np.float32)
        found[~new] = known["similarity"].to_numpy()[place.drop_null().to_numpy()]
        found[new] = compare(np.flatnonzero(new))
    if file is not None:
        remember(file, pa.table({"pair": pairs, "similarity": found}))
    return found


def memory_file(folder: Path, *, symmetries: bool) -> Path:
    """Name the file of a folder that remembers comparisons made by this version of the code and libraries."""
    facts = f"{VERSION} {THUMBNAILS} {cv2.__version__} {np.__version__} {symmetries}"
    return folder / f"comparisons-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.parquet"
