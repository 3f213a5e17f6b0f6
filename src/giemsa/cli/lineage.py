"""``giemsa lineage``: where a prediction, a model or an image comes from."""

from typing import Annotated

import typer

from giemsa.cli.app import app


@app.command("lineage")
def show_lineage(
    what: Annotated[
        str, typer.Argument(help="A .parquet of predictions, a registered version, or an image.")
    ],
) -> None:
    """Trace WHAT to its model, run, parameters, commit and exact data, or an image to where it was used."""
    from giemsa.registry.lineage import trace
    from giemsa.workspace import find_workspace

    facts = trace(what, find_workspace())
    width = max(map(len, facts))
    for name, fact in facts.items():
        typer.echo(f"{name:<{width}}  {fact}")
