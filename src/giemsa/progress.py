"""Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

LINE_EVERY_S = 10.0

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` unchanged while showing how far the work is.

    Args:
        items: what is worked through.
        description: what the work is, such as ``"reading images"``.
        total: how many items there are; taken from ``len(items)`` where it has one.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    show = _bar if sys.stderr.isatty() else _lines
    return show(items, description, total)


def _bar(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    # Rich is only imported where there is a terminal to draw on.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total, description=description)


def _lines(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    of = f" of {total:,}" if total is not None else ""
    last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            say(f"{description}: {done:,}{of}")


def say(line: str) -> None:
    """Print one plain line to standard error, at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
