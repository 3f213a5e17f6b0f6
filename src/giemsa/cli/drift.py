"""``giemsa drift``: are new images still like the cells to train on?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giemsa.cli.app import app

if TYPE_CHECKING:
    import pandas as pd

    from giemsa.data.sources import Source
    from giemsa.registry.prediction import Predictor
    from giemsa.settings import Params
    from giemsa.workspace import Workspace

REFERENCE_CELLS = 1000


@app.command("drift")
def drift(
    source: Annotated[str | None, typer.Argument(help="As for ingest; the inbox by default.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Also write what was found here.")] = None,
) -> None:
    """Compare new images with the training cells of today, and with what the champion says of them."""
    from giemsa.settings import load_params
    from giemsa.workspace import check_writable, find_workspace, whole, writing

    check_writable(out, sources=(source,))
    workspace = find_workspace()
    report = _report(source, workspace, load_params(workspace.params))
    if out:
        with writing(out), whole(out) as partial:
            partial.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for shift in report["shifts"]:
        verdict = "drifted" if shift["drifted"] else "as before"
        typer.echo(f"{shift['name']:10} {verdict:9} PSI {shift['psi']:.3f}, p {shift['p_value']:.2g}")
    typer.echo(f"{report['new']:,} of {report['images']:,} images are new.")


def _report(source: str | None, workspace: "Workspace", params: "Params") -> dict[str, Any]:
    from dataclasses import asdict

    from giemsa.curation.drift import shifts

    predictor, champion = _champion(workspace, params)
    images, new = _new_images(_open(source, workspace, params), workspace, params, predictor)
    # Before the first training there is nothing to compare with.
    comparable = workspace.splits.is_file() and len(new) >= params.watch.drift_images
    found = shifts(_reference(workspace, predictor), new, params.watch) if comparable else ()
    return {
        "images": images,
        "new": len(new),
        "digest": _digest(new),
        "champion": champion,
        "drifted": any(shift.drifted for shift in found),
        "shifts": [asdict(shift) for shift in found],
    }


def _champion(workspace: "Workspace", params: "Params") -> tuple["Predictor | None", dict[str, str] | None]:
    """Give the champion and since when it stands; None for both where there is none yet."""
    from giemsa.registry.prediction import Predictor
    from giemsa.registry.promotion import history
    from giemsa.registry.versions import champion_number, resolve

    name = params.register_.model
    number = champion_number(workspace, name)
    if not number:
        return None, None
    model = resolve(f"{name}/{number}", workspace)
    moves = [move for move in history(workspace, name) if move.version == number]
    since = next((move.when for move in reversed(moves) if move.action != "challenge"), "")
    return Predictor(model), {"version": number, "since": since}


def _open(source: str | None, workspace: "Workspace", params: "Params") -> "Source | None":
    from giemsa.data.folders import holds_images
    from giemsa.data.sources import open_source

    if source is None and not holds_images(workspace.inbox):
        return None
    return open_source(source or workspace.inbox, params.image)


def _new_images(
    source: "Source | None", workspace: "Workspace", params: "Params", predictor: "Predictor | None"
) -> tuple[int, "pd.DataFrame"]:
    """Measure the readable images that the manifest does not hold yet; a new label makes an image new."""
    import numpy as np
    import pandas as pd

    from giemsa.curation.audit import measured
    from giemsa.curation.decisions import without_nan
    from giemsa.curation.drift import PREDICTED
    from giemsa.curation.measuring import Measurements
    from giemsa.data.manifest import PROPERTIES, read_manifest

    if source is None:
        return 0, pd.DataFrame(columns=[*PROPERTIES])
    known = set()
    if workspace.manifest.is_file():
        manifest = without_nan(read_manifest(workspace.manifest)[["pixel_hash", "label"]])
        known = {_key(*image) for image in manifest.itertuples(index=False, name=None)}
    compute = params.compute
    measurements = Measurements(workspace.measurements, params.image, compute.workers, engine=compute.engine)
    images = measured(source, measurements, 0, measurements.memory / "drift")
    images = images.assign(**without_nan(images[["pixel_hash", "label"]]))
    keys = zip(images["pixel_hash"], images["label"], strict=True)
    fresh = np.array([_key(*image) not in known for image in keys], bool)
    new = images[images["readable"] & fresh]
    if predictor and len(new):
        wanted = set(new["path"])
        contents = {
            item.path: item.content
            for item in source.items(lambda path, _: path in wanted)
            if item.content is not None
        }
        new = new[new["path"].isin(contents)]  # a file that is known may have become unreadable since
        said = predictor.predict([contents[path] for path in new["path"]])
        new = new.assign(**{PREDICTED: [row["label"] for row in said]})
    return len(source), new


def _key(pixels: str, label: str | None) -> tuple[str, str | None]:
    """Name an image and its class, however the class is spelled."""
    return pixels, label and label.casefold()


def _reference(workspace: "Workspace", predictor: "Predictor | None") -> "pd.DataFrame":
    """Read training cells, spread evenly over the data: properties and what the champion says of them."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    from giemsa.curation.drift import PREDICTED
    from giemsa.data.curated import read_curated, read_splits
    from giemsa.data.manifest import read_manifest

    splits = read_splits(workspace.splits)
    paths = splits.loc[splits["side"] == "train", "path"]
    chosen = set(paths.iloc[:: max(1, len(paths) // REFERENCE_CELLS)])
    manifest = read_manifest(workspace.manifest)
    reference = manifest[manifest["path"].isin(chosen)]
    if predictor:
        cells = read_curated(workspace.curated, ["path", "image"])
        cells = cells.filter(pc.is_in(cells["path"], value_set=pa.array(sorted(chosen))))
        said = [row["label"] for row in predictor.predict(cells["image"].to_pylist())]
        answers = pd.DataFrame({"path": cells["path"].to_pylist(), PREDICTED: said})
        reference = reference.merge(answers, on="path")
    return reference


def _digest(new: "pd.DataFrame") -> str:
    """Name a set of new images, so that the same set is not acted upon twice."""
    import hashlib

    names = sorted(map(str, zip(new["pixel_hash"], new["label"], strict=True))) if len(new) else []
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
