"""Ask one peer for copies in a folder of images, in that peer's own environment: peers.py runs this.

    PYTHON_OF_THE_PEER benchmarks/peer_adapters.py NAME RADIUS FOLDER FOUND.json

FOUND.json gets the pairs that the peer takes for copies and the files that it names as broken, as paths
relative to FOLDER. Nothing but the standard library and the peer is imported.
"""

import json
import sys
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from types import ModuleType

Found = tuple[list[tuple[str, str]], list[str]]


def imagededup(method: str, radius: int, folder: Path) -> Found:
    """Ask a hash of imagededup, with its own search."""
    # Its package imports a network, too, and with it downloads weights that no hash needs.
    network = ModuleType("imagededup.methods.cnn")
    network.CNN = None
    sys.modules[network.__name__] = network
    from imagededup.methods import hashing

    found = getattr(hashing, method)().find_duplicates(
        image_dir=str(folder), max_distance_threshold=radius, recursive=True
    )
    return [(path, other) for path, others in found.items() for other in others], []


def cleanvision(folder: Path) -> Found:
    """Ask for all that cleanvision looks for, as it does by itself."""
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues()
    groups = [group for kind in ("exact", "near") for group in lab.info[f"{kind}_duplicates"]["sets"]]
    return list(_pairs(groups)), []


def difpy(similarity: str, folder: Path) -> Found:
    """Ask for what difPy calls duplicates, or similar."""
    import difPy

    built = difPy.build(str(folder), recursive=True, show_progress=False)
    search = difPy.search(built, similarity=similarity, show_progress=False)
    groups = [[path, *(match[0] for match in matches)] for path, matches in search.result.items()]
    return list(_pairs(groups)), list(_logged(search.stats))


def _pairs(groups: Iterable[list[str]]) -> Iterable[tuple[str, str]]:
    for group in groups:
        yield from combinations(group, 2)


def _logged(stats: object) -> Iterable[str]:
    """Find the files under "invalid_files", wherever a version of difPy keeps them."""
    if isinstance(stats, dict):
        for key, value in stats.items():
            if key == "invalid_files" and isinstance(value, dict):
                yield from value.get("logs", value)
            else:
                yield from _logged(value)


ASK: dict[str, Callable[[int, Path], Found]] = {
    "dHash": lambda radius, folder: imagededup("DHash", radius, folder),
    "PHash": lambda radius, folder: imagededup("PHash", radius, folder),
    "cleanvision": lambda _, folder: cleanvision(folder),
    "duplicates": lambda _, folder: difpy("duplicates", folder),
    "similar": lambda _, folder: difpy("similar", folder),
}


def main() -> None:
    """Ask, and write down the answer."""
    name, radius, place, target = sys.argv[1:]
    folder = Path(place).resolve()
    pairs, broken = ASK[name](int(radius), folder)

    def within(path: str) -> str:
        return (folder / path).resolve().relative_to(folder).as_posix()

    told = {"pairs": [[within(path) for path in pair] for pair in pairs], "broken": [*map(within, broken)]}
    Path(target).write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":  # peers start processes that import this file again
    main()
