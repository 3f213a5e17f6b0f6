"""Plant the faults of real collections among the drawn cells."""

from collections.abc import Mapping


def demo_files() -> Mapping[str, bytes]:
    """Give the demo's files by path."""
    return {}
