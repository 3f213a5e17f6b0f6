"""Read the tables that stages leave for one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from giemsa.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_table(file: Path, stage: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file.

    Args:
        file: where it lies.
        stage: which stage writes it.
        columns: None for all.

    Raises:
        UsageError: if it is damaged, or lacks a column.
    """
    try:
        return pq.read_table(file, columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException):
        message = f'{file} is damaged: run "giemsa run {stage}" again.'
        raise UsageError(message) from None
