"""Score any number of images into one table: in bounded memory, on all cores, resumable after a kill."""

import csv
import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from pyarrow.feather import read_table, write_feather

from giemsa.curation.reading import quiet
from giemsa.data.sources import Item, Source
from giemsa.engine import spread
from giemsa.errors import GiemsaError, UsageError
from giemsa.progress import say, track
from giemsa.registry.fingerprints import content_hash
from giemsa.registry.prediction import Predictor, probability_columns
from giemsa.serving.travelling import TravellingModel, judge
from giemsa.settings import HERE, Compute
from giemsa.workspace import whole, writing

ROWS_PER_PART = 128
BYTES_PER_PART = 64 << 20
BRIEF = {
    "path": pa.string(),
    "label": pa.string(),
    "confidence": pa.float64(),
    "rejected": pa.bool_(),
    "reason": pa.string(),
}
LOCK = "lock"
PARTS_PER_GROUP = 256  # of rows in the table that is written last


def predict(source: Source, predictor: Predictor, out: Path, compute: Compute = HERE) -> pa.Table:
    """Score every image of ``source`` into ``out``, which appears whole or not at all.

    Finished parts wait beside ``out``; a killed run goes on from them where model and source are the same.

    Args:
        source: the images.
        predictor: the model, not ``pooled``: every thread that decodes scores, too.
        out: a ``.csv`` or ``.parquet`` file.
        compute: where the images are scored; it changes nothing of the table.

    Returns:
        The table without its probabilities: ``path``, ``label``, ``confidence``, ``rejected``, ``reason``
        and, where the source has labels, ``true``.

    Raises:
        UsageError: if ``out`` has another ending, cannot be written, or another run is writing it.
    """
    check_ending(out)
    parts = out.with_name(f".{out.name}.parts")
    with _alone(parts, out):
        done = _resume(parts, _key(source, predictor))
        fresh = islice(track(source.items(), "scoring", len(source)), sum(map(_rows, done)), None)
        schema = _schema(predictor.classes)
        numbered = enumerate(_scored(_chunks(fresh), predictor, schema, compute), start=len(done))
        with quiet():
            for number, table in numbered:
                with writing(out), whole(parts / f"{number:06d}.arrow") as partial:
                    write_feather(table, str(partial), compression="uncompressed")
        with writing(out):
            return _join(parts, out, schema, {"model": predictor.model.version, "data": predictor.model.data})


def check_ending(out: Path) -> None:
    """Make sure that ``out`` names a kind of table that can be written.

    Raises:
        UsageError: if it does not.
    """
    if out.suffix.lower() not in {".csv", ".parquet"}:
        message = f'{out} has no known ending: write to a .csv or a .parquet file, such as "predictions.csv".'
        raise UsageError(message)


@contextmanager
def _alone(parts: Path, out: Path) -> Iterator[None]:
    """Let one run at a time write the parts; a killed one holds nobody up."""
    parts.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(parts / LOCK, timeout=0):
            yield
    except GiemsaError:
        if not any(parts.glob("*.arrow")):  # nothing to take up again
            shutil.rmtree(parts, ignore_errors=True)
        raise
    except Timeout:
        message = f"{out} is being written by another run: wait for it, or write to another file."
        raise UsageError(message) from None


def _schema(classes: Iterable[str]) -> pa.Schema:
    probabilities = [(name, pa.float64()) for name in probability_columns(tuple(classes))]
    return pa.schema([*BRIEF.items(), *probabilities, ("true", pa.string())])


def _key(source: Source, predictor: Predictor) -> str:
    return hashlib.sha256(
        f"{content_hash(predictor.model.bundle)} {source.fingerprint()}".encode()
    ).hexdigest()


def _resume(parts: Path, key: str) -> list[Path]:
    """Give the finished parts of the same work, in order; clear away those of any other."""
    file = parts / "key"
    if not file.is_file() or file.read_text() != key:
        for other in parts.iterdir():
            if other.name != LOCK:
                other.unlink()
        with whole(file) as partial:
            partial.write_text(key)
    found = sorted(parts.glob("*.arrow"))
    if found:
        say(f"continuing after {sum(map(_rows, found)):,} images that are scored already")
    return found


def _rows(part: Path) -> int:
    return int(read_table(part, columns=["path"]).num_rows)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut the images into parts that are small in rows and in bytes, always in the same places."""
    chunk: list[Item] = []
    weight = 0
    for item in items:
        chunk.append(item)
        weight += len(item.content) if isinstance(item.content, bytes) else 0
        if len(chunk) == ROWS_PER_PART or weight >= BYTES_PER_PART:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def _scored(
    chunks: Iterator[list[Item]], predictor: Predictor, schema: pa.Schema, compute: Compute
) -> Iterator[pa.Table]:
    """Score chunks on all cores, in order, with a bounded number of them in memory."""
    on_ray = compute.engine == "ray"
    judged = TravellingModel.pack(predictor.model).judge if on_ray else partial(judge, predictor=predictor)
    for rows in spread(judged, chunks, engine=compute.engine, workers=compute.workers, ahead=2):
        yield pa.Table.from_pylist(rows, schema=schema)


def _join(parts: Path, out: Path, schema: pa.Schema, facts: dict[str, str]) -> pa.Table:
    files = sorted(parts.glob("*.arrow"))
    brief = pa.concat_tables([read_table(file, columns=[*BRIEF, "true"]) for file in files])
    labelled = brief["true"].null_count < len(brief)
    names = schema.names if labelled else schema.names[:-1]
    groups = (files[at : at + PARTS_PER_GROUP] for at in range(0, len(files), PARTS_PER_GROUP))
    tables = (pa.concat_tables([read_table(file, columns=names) for file in group]) for group in groups)
    write = _write_csv if out.suffix.lower() == ".csv" else _write_parquet
    with whole(out) as partial:
        write(partial, tables, pa.schema([schema.field(name) for name in names], metadata=facts))
    shutil.rmtree(parts)
    return brief if labelled else brief.drop_columns("true")


def _write_csv(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(schema.names)
        for table in tables:
            writer.writerows(map(_plain, row) for row in zip(*table.to_pydict().values(), strict=True))


def _plain(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _write_parquet(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.cast(schema))
