"""List what lies in data/raw: the manifest, one row per image that came in."""

import pyarrow as pa
import pyarrow.compute as pc

from giemsa.curation.measuring import Measurements
from giemsa.data.batches import read_records
from giemsa.data.manifest import write_manifest
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
    rows = pa.concat_tables(records).sort_by([("batch_order", "ascending"), ("path", "ascending")])
    real = rows.filter(pc.invert(rows["drawn"]))
    if 0 < len(real) < len(rows):
        say(f"ingest: {len(rows) - len(real):,} drawn images are left out, since there are real ones")
    rows = real if len(real) else rows
    rows = rows.set_column(rows.schema.get_field_index("label"), "label", _one_spelling(rows["label"]))
    measurements = Measurements(workspace.measurements, image, compute.workers, engine=compute.engine)
    measurements.catch_up(workspace.raw, rows["path"].to_pylist(), rows["sha256"].to_pylist())
    write_manifest(workspace.manifest, measurements.joined(rows))


def _one_spelling(labels: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give labels that differ in capitals alone the spelling that came first."""
    first: dict[str, str] = {}
    names = [name for name in labels.unique().to_pylist() if name]
    told = {name: first.setdefault(name.casefold(), name) for name in names}
    for name, usual in told.items():
        if name != usual:
            labels = pc.if_else(pc.equal(labels, name), usual, labels)
    return labels
