"""The class distribution before and after curation, as a table and as a picture."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

WIDTH, ROW, BAR = 960, 34, 12  # pixels: of the picture, of one class in it, of one of its two bars
TOP, LEFT, RIGHT = 58, 190, 90  # what title and legend, the classes' names and the numbers take
COLOURS = {"before": "#b9b3c9", "after": "#6a3d9a"}
INK = "#222222"
LONGEST = 24  # letters of a class's name


def write_classes(folder: Path, *, before: pd.Series, after: pd.Series) -> None:
    """Write ``classes.csv`` (class, before, after) and ``classes.png`` to ``folder``.

    Args:
        folder: an existing folder.
        before: the label of every image, None where there is none.
        after: the label of every kept image.
    """
    counts = pd.DataFrame(
        {"before": before.fillna("no label").value_counts(), "after": after.fillna("no label").value_counts()}
    )
    counts = counts.fillna(0).astype(int).rename_axis("class").sort_index()
    counts.to_csv(folder / "classes.csv", lineterminator="\n")
    _draw(counts, folder / "classes.png")


def _draw(counts: pd.DataFrame, path: Path) -> None:
    """Draw two bars per class: importing matplotlib for this would cost a second."""
    picture = Pillow.new("RGB", (WIDTH, TOP + ROW * len(counts) + ROW // 2), "white")
    canvas = ImageDraw.Draw(picture)
    large, medium, small = (_font(size) for size in (16, 13, 10))
    canvas.text((LEFT, 8), "Images per class before and after curation", fill=INK, font=large)
    for place, (name, colour) in enumerate(COLOURS.items()):
        canvas.rectangle((LEFT + 90 * place, 37, LEFT + 90 * place + 11, 48), fill=colour)
        canvas.text((LEFT + 90 * place + 18, 43), name, fill=INK, font=medium, anchor="lm")
    scale = (WIDTH - LEFT - RIGHT) / max(1, int(counts.to_numpy().max(initial=0)))
    for row, (label, numbers) in enumerate(counts.iterrows()):
        middle = TOP + ROW * row + ROW // 2
        canvas.text((LEFT - 10, middle), _short(str(label)), fill=INK, font=medium, anchor="rm")
        for name, upper in (("before", middle - BAR), ("after", middle)):
            end = LEFT + round(scale * int(numbers[name]))
            if end > LEFT:
                canvas.rectangle((LEFT, upper, end - 1, upper + BAR - 1), fill=COLOURS[name])
            number = f"{numbers[name]:,}"
            canvas.text((end + 6, upper + BAR // 2), number, fill=INK, font=small, anchor="lm")
    picture.save(path)


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Load matplotlib's font, which knows more alphabets than Pillow's own."""
    matplotlib = find_spec("matplotlib")  # finds the folder, imports nothing
    assert matplotlib is not None
    assert matplotlib.origin is not None
    file = Path(matplotlib.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)
