"""``giemsa ingest SOURCE``: bring images in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giemsa.cli.app import app

if TYPE_CHECKING:
    from giemsa.data.batches import Brought

SHOWN = 10


@app.command()
def ingest(
    source: Annotated[
        str, typer.Argument(help="A folder per class, a .zip of one, an .npz, bloodmnist[:64] or demo.")
    ],
    batch: Annotated[str | None, typer.Option(help="The batch's name; by default the source's.")] = None,
) -> None:
    """Bring images in as a batch of original bytes below data/raw, and have DVC version them."""
    from filelock import FileLock

    from giemsa.curation.measuring import Measurements
    from giemsa.data.batches import bring_in
    from giemsa.data.manifest import batch_orders
    from giemsa.data.sources import open_source
    from giemsa.data.versioning import add_to_dvc, check_present
    from giemsa.errors import UsageError
    from giemsa.settings import load_params
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    params = load_params(workspace.params)
    compute = params.compute
    place, raw = Path(source).resolve(), workspace.raw.resolve()
    if place.is_relative_to(raw) or raw.is_relative_to(place):
        message = f"{source} holds what was brought in already: give the place where new images are."
        raise UsageError(message)
    opened = open_source(source, params.image)
    lock = workspace.root / ".cache" / "ingest.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock):  # two at once would take the same place in the order of batches
        measurements = Measurements(
            workspace.measurements, params.image, compute.workers, engine=compute.engine
        )
        check_present(workspace.raw)
        brought = bring_in(
            opened,
            workspace.raw,
            batch=batch,
            measure=measurements.measure,
            formerly=batch_orders(workspace.manifest),
        )
        _report(source, brought)
        add_to_dvc(workspace.raw, workspace.root)


def _report(source: str, brought: "Brought") -> None:
    from giemsa.data.layout import readable_name

    source = readable_name(source)
    if not brought.new:
        typer.echo(f"{source} is here already, as batch {brought.batch}: {brought.found:,} images, none new.")
        return
    typer.echo(f"{source}: {brought.found:,} images found, {brought.new:,} new in batch {brought.batch}.")
    if brought.unreadable:
        typer.echo(f"{len(brought.unreadable):,} cannot be read and were set aside:")
    for path, reason in brought.unreadable[:SHOWN]:
        typer.echo(f"  {path}: {reason}")
    if len(brought.unreadable) > SHOWN:
        typer.echo(f"  … and {len(brought.unreadable) - SHOWN:,} more: reports/validation lists them all.")
