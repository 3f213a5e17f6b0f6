import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from giemsa.curation.gallery import write_gallery
from giemsa.curation.gallery_pictures import SIDE, Pictures, shrink
from tests.curation.groups_of_copies import HOSTILE, SURROGATE, alone, conflict, dot, junk, pair


def data_of(page: str) -> dict[str, Any]:
    start = page.index('id="data">') + len('id="data">')
    content: dict[str, Any] = json.loads(page[start : page.index("</script>", start)])
    return content


def written(path: Path, *groups: Any, drawn: bool = False) -> str:
    unreadable = [("first/ig/broken.jpg", "empty file (0 bytes)")]
    write_gallery(path, groups, lambda _: dot(1), drawn=drawn, unreadable=unreadable)
    return path.read_text("utf-8")


def test_conflicts_and_junk_come_first_then_the_least_alike(tmp_path: Path) -> None:
    page = written(
        tmp_path / "g.html", pair(1), pair(2, similarity=0.99), pair(3, similarity=0.97), conflict(), junk(30)
    )
    kinds = [(kind, conflict, junk) for kind, conflict, junk, _ in data_of(page)["groups"]]
    assert kinds == [
        ("exact", True, True),
        ("exact", True, False),
        ("near", False, False),
        ("near", False, False),
        ("exact", False, False),
    ]
    assert [rows[3][1][5] for rows in data_of(page)["groups"][2:4]] == [0.97, 0.99]


def test_doubtful_labels_and_odd_pictures_are_no_copies(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", pair(1), alone("odd"), pair(2, similarity=0.99), alone("label"))
    assert [kind for kind, *_ in data_of(page)["groups"]] == ["label", "near", "odd", "exact"]
    assert "Groups of copies: 2, of 4 images, 2 kept and 2 dropped." in page
    assert "Labels likely wrong: 1. Odd pictures: 1." in page
    assert '<option value="odd">' in page
    assert '<option value="odd">' not in written(tmp_path / "g.html", pair(1))


def test_hostile_names_are_data_and_never_markup(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", conflict(HOSTILE, SURROGATE))
    assert "<img src=x" not in page
    assert {row[0] for row in data_of(page)["groups"][0][3]} == {HOSTILE, SURROGATE}


def test_equal_pictures_stand_in_the_page_once(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", junk(1600), pair(1), pair(2))
    assert len(data_of(page)["pictures"]) == 1
    assert len(data_of(page)["groups"][0][3]) == 1600


def test_the_page_needs_no_network_and_says_when_cells_are_drawn(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", pair(1), drawn=True)
    assert "http" not in page
    assert "Drawn, not real." in page
    assert "first/ig/broken.jpg" in page


def test_equal_groups_give_equal_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "a.html", pair(1), junk(20)) == written(tmp_path / "b.html", pair(1), junk(20))


def test_no_group_at_all_is_a_page_too(tmp_path: Path) -> None:
    assert "Groups of copies: 0, of 0 images" in written(tmp_path / "g.html")


def test_a_picture_is_shrunk_whatever_its_size_and_a_broken_one_is_left_out() -> None:
    with Pillow.open(io.BytesIO(shrink(dot(1, side=500)))) as small:
        assert small.size == (SIDE, SIDE)
    assert shrink(b"") == shrink(b"not a picture") == shrink(dot(1)[:200]) == b""


def test_every_group_gets_a_picture_before_any_gets_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("giemsa.curation.gallery_pictures.Pictures.__init__.__kwdefaults__", {"room": 6_000})
    page = tmp_path / "g.html"
    numbers = {f"first/{('ig', 'monocyte', 'platelet')[i % 3]}/junk-{i:05d}.png": i for i in range(20)}
    write_gallery(
        page,
        [junk(20), *(pair(number) for number in range(3))],
        lambda path: dot(numbers.get(path, 100 + len(path))),
        drawn=False,
        unreadable=[],
    )
    rows = data_of(page.read_text("utf-8"))["groups"]
    assert all(group[3][0][6] >= 0 for group in rows)
    assert rows[0][3][9][6] == -1


def test_pictures_stop_when_there_is_no_more_room() -> None:
    pictures = Pictures(lambda path: dot(int(path)), room=3_000)
    placed = pictures.place(str(number) for number in range(50))
    assert 0 < len(placed) < 50
    assert sum(map(len, pictures.uris)) <= 3_000


def test_a_picture_that_cannot_be_shown_costs_nothing_else() -> None:
    pictures = Pictures(lambda path: b"" if path == "a" else dot(1))
    assert pictures.place(["a", "b", "c"]) == {"b": 0, "c": 0}
