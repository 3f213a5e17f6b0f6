"""List what lies in data/raw: the manifest, one row per image that came in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from giemsa.curation.measuring import Measurements
from giemsa.data.batches import read_records
from giemsa.data.manifest import MEASURED, SCHEMA, write_manifest
from giemsa.errors import CheckFailedError
from giemsa.progress import say
from giemsa.settings import HERE, Compute, Image
from giemsa.workspace import Workspace


def run(workspace: Workspace, *, image: Image, compute: Compute = HERE) -> None:
    """Write the manifest; what ``giemsa ingest`` measured while it copied is not read again.

    Drawn cells are left out as soon as there are real ones.

    Raises:
        CheckFailedError: if nothing was brought in, or a file of a batch is gone.
    """
    records = read_records(workspace.raw)
    if not records:
        message = f'{workspace.raw} holds no images: run "giemsa ingest SOURCE" first.'
        raise CheckFailedError(message)
    rows = (
        pa.concat_tables(records).sort_by([("batch_order", "ascending"), ("path", "ascending")]).to_pylist()
    )
    real = [row for row in rows if not row["drawn"]]
    if real and len(real) < len(rows):
        say(f"ingest: {len(rows) - len(real):,} drawn images are left out, since there are real ones")
    rows = real or rows
    measurements = Measurements(workspace.measurements, image, compute.workers, engine=compute.engine)
    _measure_unknown(rows, workspace.raw, measurements)
    full = [row | _measured(row, measurements) for row in rows]
    write_manifest(workspace.manifest, pa.Table.from_pylist(full, schema=SCHEMA))


def _measure_unknown(rows: list[dict[str, Any]], raw: Path, measurements: Measurements) -> None:
    def unknown() -> Iterator[tuple[str, bytes]]:
        for row in rows:
            if row["sha256"] is not None and measurements.get(row["sha256"]) is None:
                yield row["sha256"], _bytes(raw / row["path"])

    for _ in measurements.measure(unknown()):
        pass


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f'{path} cannot be read ({error.strerror}): bring it back with "dvc checkout data/raw.dvc".'
        raise CheckFailedError(message) from None


def _measured(row: dict[str, Any], measurements: Measurements) -> dict[str, Any]:
    if row["sha256"] is None:
        return dict.fromkeys(MEASURED.names) | {"readable": False, "reason": row["problem"]}
    known = measurements.get(row["sha256"])
    assert known is not None
    return known
