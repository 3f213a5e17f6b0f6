"""The embedded demo: drawn cells with planted faults, as a source like any other."""

import hashlib
import inspect
from collections.abc import Iterator

from giemsa.data import drawing, drawing_faults, drawing_shapes
from giemsa.data.layout import class_labels, is_image
from giemsa.data.sources import Item, Wanted, everything


class DemoSource:
    """About 1,200 drawn cells, the same bytes at every call; drawn, not real."""

    name = "demo"
    drawn = True
    skipped = 0

    def __len__(self) -> int:
        """Count the images, readable or not."""
        return drawing_faults.IMAGES

    def fingerprint(self) -> str:
        """Digest the code that draws, so that a demo once brought in is known without drawing it."""
        digest = hashlib.sha256()
        for module in (drawing, drawing_shapes, drawing_faults):
            digest.update(inspect.getsource(module).encode())
        return digest.hexdigest()

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:
        """Draw the images; they come sorted by path, as a folder's do."""
        files = drawing_faults.demo_files()
        paths = sorted(path for path in files if is_image(path))
        for path, label in zip(paths, class_labels(paths), strict=True):
            yield Item(path, label, files[path] if wanted(path, None) else None)
