"""What deduplication decided: groups of images of one picture, and each member's fate."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["exact", "near", "label", "odd"]
Decision = Literal["kept", "dropped"]


@dataclass(frozen=True)
class Member:
    """One image of a group.

    Args:
        path: where the image lies, relative to its source.
        label: its class, or None where the source tells none.
        decision: whether the curated data hold it.
        reason: why, as a phrase for a person.
        distance: bits in which its dHash differs from the group's first member, 0..64.
        similarity: with the group's first member after registration, 0..1, and 1 for equal pixels; where only
            other copies link the two, the best with any of these, and 0 where that was not kept.
    """

    path: str
    label: str | None
    decision: Decision
    reason: str
    distance: int
    similarity: float


@dataclass(frozen=True)
class Group:
    """Images that show the same picture; or one alone that a person should look at.

    Args:
        kind: ``exact`` where all members' pixels are equal, else ``near``; of one image alone ``label`` where
            its label is likely wrong, ``odd`` where something else is the matter.
        conflict: whether members carry different labels.
        junk: whether it repeats so often, under several labels, that it is no cell at all.
        keep: the path of the one that is kept; None where none is.
        members: the images, the reference first.
    """

    kind: Kind
    conflict: bool
    junk: bool
    keep: str | None
    members: tuple[Member, ...]
