"""Point at copies that stand in several batches, or on several sides of the split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from giemsa.curation.groups import Group


@dataclass(frozen=True)
class Straddle:
    """A group of copies that is not all in one place.

    Args:
        paths: its images.
        batches: where they came from.
        sides: on which sides the curated ones of them are; more than one is a leak, and the test side lies.
    """

    paths: tuple[str, ...]
    batches: tuple[str, ...]
    sides: tuple[str, ...]


def straddling(groups: Sequence[Group], side_of: Mapping[str, str]) -> Iterator[Straddle]:
    """Give the groups that straddle batches or sides, those on several sides first.

    Args:
        groups: copies whose paths are ``<batch>/<class>/<name>``.
        side_of: the side of each curated image, by path; those that were dropped have none.
    """
    found = []
    for group in groups:
        paths = tuple(member.path for member in group.members)
        batches = tuple(sorted({path.split("/")[0] for path in paths}))
        sides = tuple(sorted({side_of[path] for path in paths if path in side_of}))
        if max(len(batches), len(sides)) > 1:
            found.append(Straddle(paths, batches, sides))
    yield from sorted(found, key=lambda each: (-len(each.sides), each.paths))
