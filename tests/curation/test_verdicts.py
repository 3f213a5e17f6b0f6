from pathlib import Path

import pytest

from giemsa.curation.verdicts import read_verdicts
from giemsa.errors import UsageError


def test_a_persons_decisions_are_read_by_path(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    file.write_text(
        "path,decision,label,reviewer,reason\na.png,keep,ig,Ada,seen twice\nb.png,drop,,,\n", "utf-8"
    )
    verdicts = read_verdicts(file)
    assert verdicts["a.png"].label == "ig"
    assert verdicts["a.png"].because == "decided by Ada: seen twice"
    assert verdicts["b.png"].because == "decided by a person"


def test_only_path_and_decision_are_needed(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("path,decision\nNA,keep\n", "utf-8")
    assert read_verdicts(tmp_path / "d.csv")["NA"].decision == "keep"


def test_without_the_file_nobody_decided_anything(tmp_path: Path) -> None:
    assert read_verdicts(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("path,verdict\na,keep\n", r"lacks the column\(s\) decision"),
        ("path,decision\na,maybe\n", "line 2: decision"),
        ("path,decision\na,keep\na,drop\n", "line 3: a was decided before"),
        ("path,decision,colour\na,keep,red\n", "line 2: colour"),
        ("path,decision\n,keep\n", "line 2: path"),
        ("", "no CSV file"),
        ("path,decision\n\xff\n", "no CSV file"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "decisions.csv"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match=complaint) as caught:
        read_verdicts(file)
    assert str(file) in str(caught.value)


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("path,decision\na,maybe\nb,keep\nc,no\n", "utf-8")
    with pytest.raises(UsageError, match=r"2 wrong line\(s\): line 2: .*line 4: "):
        read_verdicts(tmp_path / "d.csv")
