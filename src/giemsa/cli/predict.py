"""``giemsa predict``: score images into a table."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giemsa.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@app.command("predict")
def predict_source(
    source: Annotated[str, typer.Argument(help="A folder, a .zip, an .npz, bloodmnist or demo.")],
    out: Annotated[Path, typer.Option("--out", help="The table to write: a .csv or a .parquet file.")],
    model: Annotated[
        str, typer.Option("--model", help="A folder, or a registry reference such as champion.")
    ] = "champion",
) -> None:
    """Score the cells of SOURCE into a table."""
    # Small matrix products cost more on several threads than they gain; the cores are busy with images.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from giemsa.data.sources import open_source
    from giemsa.registry.prediction import Predictor
    from giemsa.registry.versions import resolve
    from giemsa.serving.predicting import check_ending, predict
    from giemsa.settings import params_or_defaults
    from giemsa.workspace import check_writable, find_workspace

    check_ending(out)
    check_writable(out, sources=(source,))
    workspace = find_workspace()
    predictor = Predictor(resolve(model, workspace), pooled=False)
    compute = params_or_defaults(workspace.params).compute
    table = predict(open_source(source, predictor.scorer.image), predictor, out, compute)
    typer.echo(f"{out}: {_summary(table, predictor.classes)}, scored by {predictor.model.version}.")


def _summary(table: "pa.Table", classes: "Sequence[str]") -> str:
    rows = table.to_pylist()
    rejected = sum(row["rejected"] for row in rows)
    text = f"{len(rows):,} images, {rejected:,} of them rejected"
    labelled = [row for row in rows if row.get("true") and not row["rejected"]]
    judged = [row for row in labelled if row["true"] in classes]
    if len(judged) < len(labelled):
        text += f", {len(labelled) - len(judged):,} labelled as a class that the model does not know"
    if judged:
        right = sum(row["label"] == row["true"] for row in judged)
        text += f", {right / len(judged):.1%} of the others as labelled"
    return text
