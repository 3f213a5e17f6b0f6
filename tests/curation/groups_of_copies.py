"""Groups of copies for the gallery's tests, with tiny drawn pictures."""

import io

import numpy as np
from PIL import Image as Pillow

from giemsa.curation.groups import Group, Kind, Member

HOSTILE = 'first/ig/</script><img src=x onerror="alert(1)">.png'
SURROGATE = "first/ig/\udce9.png"


def dot(number: int, side: int = 96) -> bytes:
    """Draw one of many plain pictures as a PNG file."""
    rng = np.random.default_rng(number)
    pixels = np.full((side, side, 3), 230, np.uint8)
    top, left = rng.integers(10, side - 30, 2)
    pixels[top : top + 20, left : left + 20] = rng.integers(0, 200, 3)
    content = io.BytesIO()
    Pillow.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def member(path: str, label: str | None = "ig", *, kept: bool = False, similarity: float = 1.0) -> Member:
    reason = "the oldest of its copies" if kept else "copy of an older image"
    return Member(
        path, label, "kept" if kept else "dropped", reason, round(50 * (1 - similarity)), similarity
    )


def pair(number: int, *, similarity: float = 1.0) -> Group:
    keep = f"first/ig/{number:05d}.png"
    return Group(
        "exact" if similarity == 1 else "near",
        conflict=False,
        junk=False,
        keep=keep,
        members=(member(keep, kept=True), member(f"second/ig/{number:05d}.png", similarity=similarity)),
    )


def alone(kind: Kind) -> Group:
    one = member(f"first/ig/{kind}.png", kept=True)
    return Group(kind, conflict=False, junk=False, keep=one.path, members=(one,))


def conflict(first: str = "first/ig/a.png", second: str = "first/platelet/a.png") -> Group:
    return Group(
        "exact", conflict=True, junk=False, keep=None, members=(member(first), member(second, "platelet"))
    )


def junk(copies: int = 1600) -> Group:
    labels = ("ig", "monocyte", "platelet")
    members = tuple(member(f"first/{labels[i % 3]}/junk-{i:05d}.png", labels[i % 3]) for i in range(copies))
    return Group("exact", conflict=True, junk=True, keep=None, members=members)
