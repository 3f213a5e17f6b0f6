"""The embedded demo: drawn cells with planted faults, as a source like any other."""

from collections.abc import Iterator

from giemsa.data.drawing_faults import demo_files
from giemsa.data.layout import class_labels, is_image
from giemsa.data.sources import Item

#: Counts up with every change of the drawing, so that an old demo is told from a new one.
VERSION = 1


class DemoSource:
    """About 1,200 drawn cells, the same bytes at every call; drawn, not real."""

    name = "demo"
    drawn = True

    def __init__(self) -> None:
        files = demo_files()
        self._files = {path: content for path, content in sorted(files.items()) if is_image(path)}
        self.skipped = 0

    def __len__(self) -> int:
        """Count the images, readable or not."""
        return len(self._files)

    def fingerprint(self) -> str:
        """Name the drawing's version."""
        return f"demo-{VERSION}"

    def items(self) -> Iterator[Item]:
        """Give the images, sorted by path, as a folder would."""
        labels = class_labels(list(self._files))
        for (path, content), label in zip(self._files.items(), labels, strict=True):
            yield Item(path, label, content)
