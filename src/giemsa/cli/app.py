"""The application that commands register themselves with."""

from typing import Annotated

import typer

app = typer.Typer(
    name="giemsa",
    help="Curate blood-cell images, train and judge classifiers, register and serve the winner.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        from importlib.metadata import version

        typer.echo(version("giemsa"))
        raise typer.Exit


@app.callback()
def giemsa(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Curate blood-cell images, train and judge classifiers, register and serve the winner."""
