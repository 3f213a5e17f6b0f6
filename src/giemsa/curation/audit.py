"""Curate any source of images, standing alone: what is broken, copied, contradictory or odd."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from giemsa.curation.decisions import decide, without_nan
from giemsa.curation.duplicates import Copies, find_copies
from giemsa.curation.groups import Group
from giemsa.curation.measuring import Content, Measurements
from giemsa.curation.oddities import Oddity, oddities
from giemsa.curation.store import recalled, remember
from giemsa.data.manifest import as_frame
from giemsa.data.sources import Source
from giemsa.progress import track
from giemsa.settings import HERE, Compute, Deduplicate, Image, Validate


@dataclass(frozen=True)
class Leak:
    """Copies that stand in the source and in the one it is held against."""

    paths: tuple[str, ...]
    against: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """What was found.

    Args:
        images: how many images the source holds, readable or not.
        unreadable: path and reason of each that cannot be read, by path.
        groups: copies of one picture, junk first, then conflicts.
        leaks: pictures that the other source holds too.
        odd: images that a person should look at.
        contents: SHA-256 of each readable image, by path.
        labels: class of each readable image, by path; None where the source tells none.
    """

    images: int
    unreadable: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    leaks: tuple[Leak, ...]
    odd: tuple[Oddity, ...]
    contents: dict[str, str] = field(repr=False)
    labels: dict[str, str | None] = field(repr=False)


def audit(
    source: Source,
    image: Image,
    deduplicate: Deduplicate,
    validate: Validate,
    *,
    against: Source | None = None,
    compute: Compute = HERE,
    cache: Path | None = None,
) -> Audit:
    """Look through ``source`` in one pass over its files.

    Args:
        source: the images.
        image: limits, and what a network sees.
        deduplicate: when two images count as one.
        validate: what is odd about an image.
        against: images, such as a foreign test set, of which none should stand in ``source``.
        compute: where the images are read.
        cache: a folder that remembers what images told, so that the next audit reads only new ones.
    """
    measurements = Measurements(cache, image, compute.workers, engine=compute.engine)
    # Not the memory of the project's own deduplication, which knows its images and no others.
    memory = measurements.memory / "audit" if cache else None
    ours = measured(source, measurements, order=1, memory=memory)
    theirs = measured(against, measurements, order=2, memory=memory) if against else ours.iloc[:0]
    readable = ours[ours["readable"]]
    everything = pd.concat([readable, theirs[theirs["readable"]]], ignore_index=True)
    copies = find_copies(everything, measurements.views, deduplicate, memory)
    own = _first(copies, len(readable))
    broken = ours[~ours["readable"]]
    spectra = measurements.views("spectra", readable["sha256"].tolist())[:, 0]
    return Audit(
        images=len(ours),
        unreadable=tuple(zip(broken["path"], broken["reason"], strict=True)),
        groups=decide(everything.iloc[: len(readable)], own, deduplicate, image, {}).groups,
        leaks=tuple(_leaks(everything, copies, len(readable))),
        odd=tuple(oddities(readable, spectra, validate)),
        contents=dict(zip(readable["path"], readable["sha256"], strict=True)),
        labels=dict(zip(readable["path"], without_nan(readable[["label"]])["label"], strict=True)),
    )


def content_key(content: Content) -> str:
    """Give a content's SHA-256, of an array's shape and pixels or of a file's bytes."""
    if isinstance(content, np.ndarray):
        return hashlib.sha256(repr(content.shape).encode() + content.tobytes()).hexdigest()
    return hashlib.sha256(content).hexdigest()


def measured(
    source: Source, measurements: Measurements, order: int, memory: Path | None = None
) -> pd.DataFrame:
    """Measure a source: one row per image, in the manifest's columns.

    Args:
        source: the images.
        measurements: what is known of contents.
        order: the rows' ``batch_order``.
        memory: a folder, for these measurements alone, that remembers the content of files: one that is as it
            was is not read again, not even to see whether it still can be. Afterwards it knows the files of
            this source and no others.
    """
    file = memory / f"files-{order}.parquet" if memory else None
    table = recalled(file, ["stamp", "sha256"]) if file else None
    before = table.to_pylist() if table else []
    known = {row["stamp"]: row["sha256"] for row in before if row["sha256"] in measurements}
    rows: list[tuple[str, str | None, str | None, str | None, str | None]] = []

    def contents() -> Iterator[tuple[str, Content]]:
        items = source.items(lambda _, stamp: stamp not in known)
        for item in track(items, f"reading {source.name}", total=len(source)):
            sha256 = known.get(item.stamp or "") if item.content is None else content_key(item.content)
            rows.append((item.path, item.label, item.problem, sha256, item.stamp))
            if item.content is not None and sha256 is not None:
                yield sha256, item.content

    for _ in measurements.learn(contents()):
        pass
    names = ("path", "label", "problem", "sha256", "stamp")
    columns = {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    stamps = columns.pop("stamp")
    if file:
        remember(file, pa.table({"stamp": stamps, "sha256": columns["sha256"]}).drop_null())
    columns["batch_order"] = pa.array([order] * len(rows), pa.int32())
    return as_frame(measurements.joined(pa.table(columns)))


def _first(copies: Copies, count: int) -> Copies:
    """Keep what concerns the first ``count`` images."""
    similarity = {pair: value for pair, value in copies.similarity.items() if pair[1] < count}
    return Copies(copies.group[:count], similarity)


def _leaks(everything: pd.DataFrame, copies: Copies, own: int) -> Iterator[Leak]:
    is_own = np.arange(len(everything)) < own
    for group in np.intersect1d(copies.group[is_own], copies.group[~is_own]):
        held = copies.group == group
        paths, others = (tuple(everything["path"][held & side]) for side in (is_own, ~is_own))
        yield Leak(paths, others)
