"""Bring images in: each source becomes an append-only batch of original bytes, with a record of each."""

import hashlib
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from giemsa.data.manifest import ORIGIN
from giemsa.data.naming import RESERVED, leaves, numbered, safe_name
from giemsa.data.sources import Item, Source, as_bytes
from giemsa.errors import UsageError
from giemsa.progress import track

RECORD_FILE = "_batch.parquet"
UNLABELLED = "_unlabelled"
#: Where a batch grows, beside the folder of batches; what a killed process left there, the next one clears.
INCOMING = ".incoming.partial"
#: ``problem`` says why an image has no bytes; null otherwise.
RECORD = pa.schema([*ORIGIN, pa.field("problem", pa.string())])
#: What of a record tells whether an image came in before, and under which names.
KNOWN = ["path", "batch", "label", "source", "subject", "sha256"]

Key = tuple[str, str | None]
Measure = Callable[[Iterable[tuple[str, bytes]]], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Brought:
    """What came of bringing a source in.

    Args:
        batch: the batch that holds it.
        found: images in the source.
        new: images that were added; 0 where the batch was there already.
        unreadable: path in the source and reason of each that was set aside.
    """

    batch: str
    found: int
    new: int
    unreadable: tuple[tuple[str, str], ...]


def bring_in(
    source: Source,
    raw: Path,
    *,
    batch: str | None,
    measure: Measure,
    formerly: Mapping[str, int] | None = None,
) -> Brought:
    """Copy what is new in ``source`` to a batch below ``raw``, measuring each image in the same pass.

    The batch appears whole or not at all. A source that is a batch already adds nothing; one that has grown
    or changed adds its new images as another batch, and so does one of which more can be read than before.

    Args:
        source: the images.
        raw: the folder of all batches.
        batch: the batch's name; by default the source's.
        measure: takes ``(sha256, bytes)`` and gives the manifest's measured columns, in order.
        formerly: the place of batches in the order of arrival, as last known: one that was taken away and
            comes back under its name takes its place again, so that its cells keep their sides.

    Raises:
        UsageError: if ``batch`` is no name for a folder, a batch's record is damaged, images are here already
            under another label or subject, or the disk cannot take the images.
    """
    name = _batch_name(batch, source)
    fingerprint = source.fingerprint()
    records = read_records(raw)
    same = [record for record in records if _facts(record)["fingerprint"] == fingerprint]
    if same and not any(_sets_aside(record) for record in same):
        return Brought(_facts(same[0])["batch"], len(source), 0, ())
    facts = {"name": name, "source": source.name, "fingerprint": fingerprint}
    related = [record for record in records if facts.items() & _facts(record).items()]
    known = {_key(row): row for record in related for row in record.select(KNOWN).to_pylist()}
    chosen = next(each for each in numbered(name) if not (raw / each).exists())
    taken = {_order(record) for record in records}
    order = (formerly or {}).get(chosen, 0)
    if not order or order in taken:
        order = max(taken, default=0) + 1
    incoming = raw.parent / INCOMING
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        copy = _Copy(source, incoming, batch=chosen, order=order, known=known)
        unreadable = copy.run(measure)
        _refuse_changes(copy.changed)
        if not copy.rows:
            return Brought(_facts(related[-1])["batch"], len(source), 0, ())
        table = pa.Table.from_pylist(copy.rows, schema=RECORD)
        table = table.replace_schema_metadata({"batch": chosen, **facts})
        pq.write_table(table, incoming / RECORD_FILE, compression="zstd")
        raw.mkdir(parents=True, exist_ok=True)
        incoming.replace(raw / chosen)
    except OSError as error:
        message = f"{raw} cannot take the batch ({error.strerror or error}): mend that; nothing was added."
        raise UsageError(message) from None
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return Brought(chosen, len(source), len(copy.rows), tuple(unreadable))


def read_records(raw: Path) -> list[pa.Table]:
    """Read the record of every batch, oldest first: columns as in ``RECORD``, at least one row each.

    Raises:
        UsageError: if a record is damaged, or names a place outside ``raw``.
    """
    return sorted((_read_record(file) for file in raw.glob(f"*/{RECORD_FILE}")), key=_order)


def _read_record(file: Path) -> pa.Table:
    try:
        table = pq.ParquetFile(file).read()
    except (OSError, pa.ArrowInvalid):
        table = None
    if table is None or not len(table) or not table.schema.equals(RECORD):
        message = f'{file} is damaged: bring it back with "dvc checkout data/raw.dvc".'
        raise UsageError(message)
    if outside := next(filter(leaves, table["path"].to_pylist()), None):
        message = f'{file} names a place outside data/raw ({outside!r}): bring it back with "dvc checkout".'
        raise UsageError(message)
    return table


def _order(record: pa.Table) -> int:
    order: int = record["batch_order"][0].as_py()
    return order


class _Copy:
    """One pass over a source: writes files, notes where they came from, and has them measured."""

    def __init__(
        self, source: Source, folder: Path, *, batch: str, order: int, known: Mapping[Key, dict[str, Any]]
    ) -> None:
        self._source, self._folder, self._known = source, folder, known
        self._same = {"batch": batch, "batch_order": order, "drawn": source.drawn}
        self._taken: set[str] = set()
        self.rows: list[dict[str, Any]] = []
        #: What is known of images of which the source now tells another label or subject.
        self.changed: list[dict[str, Any]] = []

    def run(self, measure: Measure) -> list[tuple[str, str]]:
        """Copy everything; give path and reason of what cannot be read."""
        self._folder.mkdir(parents=True)
        waiting: deque[str] = deque()
        unreadable = []

        def written() -> Iterator[tuple[str, bytes]]:
            for item in track(self._source.items(), "bringing images in", len(self._source)):
                content = None if item.content is None else as_bytes(item.content)
                sha256 = None if content is None else hashlib.sha256(content).hexdigest()
                if before := self._known.get((item.path, sha256)):
                    if _tells_otherwise(item, before):
                        self.changed.append(before)
                    continue
                self._note(item, content, sha256)
                if content is None or sha256 is None:
                    unreadable.append((item.path, item.problem or "it has no content"))
                    continue
                waiting.append(item.path)
                yield sha256, content

        for row in measure(written()):
            path = waiting.popleft()
            if not row["readable"]:
                unreadable.append((path, row["reason"]))
        return unreadable

    def _note(self, item: Item, content: bytes | None, sha256: str | None) -> None:
        relative = self._place(item)
        if content is not None:
            target = self._folder / relative
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)
        self.rows.append(
            {
                **self._same,
                "path": f"{self._same['batch']}/{relative}",
                "label": item.label,
                "source": item.path,
                "subject": item.subject,
                "sha256": sha256,
                "bytes": None if content is None else len(content),
                "problem": item.problem,
            }
        )

    def _place(self, item: Item) -> str:
        """Find a safe and free place below the batch: ``<class>/<name>``."""
        folder = UNLABELLED if item.label is None else safe_name(item.label)
        stem, _, row = item.path.rpartition("#")
        if stem and row.isdigit():
            name = f"{PurePosixPath(stem).stem}-{int(row):06d}.png"
        else:
            parts = item.path.split("/")
            inside = parts[parts.index(item.label) + 1 :] if item.label in parts[:-1] else parts[-1:]
            name = "__".join(inside)
        free = next(
            each for each in numbered(safe_name(name)) if f"{folder}/{each}".casefold() not in self._taken
        )
        self._taken.add(f"{folder}/{free}".casefold())
        return f"{folder}/{free}"


def _batch_name(batch: str | None, source: Source) -> str:
    if batch is None:
        name = re.sub(r"[^\w.-]+", "-", safe_name(source.name)).strip("-._") or "batch"
        return f"{name}-batch" if RESERVED.match(name) else name
    if batch != safe_name(batch) or batch.startswith((".", "_")):
        message = f'"{batch}" cannot name a batch: use letters, digits, "-" and "_".'
        raise UsageError(message)
    return batch


def _facts(record: pa.Table) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (record.schema.metadata or {}).items()}


def _sets_aside(record: pa.Table) -> bool:
    return bool(record["problem"].null_count < len(record))


def _key(row: Mapping[str, Any]) -> Key:
    return row["source"], row["sha256"]


def _tells_otherwise(item: Item, before: Mapping[str, Any]) -> bool:
    """Say whether a source tells another label or subject than before; one that tells none is no news."""
    told = ((item.label, before["label"]), (item.subject, before["subject"]))
    return any(now is not None and now != known for now, known in told)


def _refuse_changes(changed: Sequence[Mapping[str, Any]]) -> None:
    if changed:
        first = changed[0]
        message = (
            f"{len(changed):,} images are here already under another label or subject, {first['source']} as"
            f" data/raw/{first['path']} first; nothing was added: correct a label in decisions.csv (column"
            f" label); for subjects take the folder data/raw/{first['batch']} away and ingest again."
        )
        raise UsageError(message)
