from __future__ import annotations

import csv
import io

import pytest

from infra.local.demo.recipients import SHIPPED, imports

SMALL = b"""email,name
ada@mail.example,"Lovelace, Ada"
reply-550-gone@mail.example,Gone
success@simulator.invalid,Simulator
ADA@mail.example,Twice
no address,Nobody
too@many.example,columns,here
x@averylongdomainlabelofmorethanthirtyletters.example,Long
"""


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_shipped_list_has_a_thousand_rows_in_many_scripts():
    header, *rows = rows_of(SHIPPED.read_bytes())
    assert header[0] == "email"
    assert len(rows) == 1000
    names = " ".join(row[1] for row in rows)
    for script in ("Müller", "Лебедев", "李", "सिंह", "محمد", "さくら", "민준", "Ελένη"):
        assert script in names
    assert any("\n" in cell for row in rows for cell in row)
    assert any('"' in row[1] for row in rows)


def test_file_is_posted_as_it_is_unless_a_count_is_asked_for():
    assert imports(SHIPPED) == [SHIPPED.read_bytes()]


def test_longer_list_repeats_only_everyday_rows_under_new_addresses(tmp_path):
    (tmp_path / "small.csv").write_bytes(SMALL)
    [content] = imports(tmp_path / "small.csv", 10)
    _, *rows = rows_of(content)
    assert [row[0] for row in rows[7:]] == ["ada+2@mail.example", "ada+3@mail.example", "ada+4@mail.example"]
    assert [row[1] for row in rows[7:]] == ["Twice"] * 3


def test_shorter_list_is_the_beginning_of_the_file():
    [content] = imports(SHIPPED, 10)
    assert rows_of(content) == rows_of(SHIPPED.read_bytes())[:11]


def test_very_long_list_comes_in_several_imports_without_repeating_an_address():
    first, second = imports(SHIPPED, 60_000)
    assert len(rows_of(first)) == 50_001
    assert len(rows_of(second)) == 10_001
    beyond = [row[0].lower() for row in rows_of(first)[1001:] + rows_of(second)[1:]]
    assert len(set(beyond)) == len(beyond) == 59_000


def test_list_without_everyday_rows_cannot_be_made_longer(tmp_path):
    (tmp_path / "small.csv").write_bytes(b"email\nsuccess@simulator.invalid\n")
    with pytest.raises(ValueError, match="no row with an everyday address"):
        imports(tmp_path / "small.csv", 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no CSV file"),
        (b"\xff\xfe", "is no CSV file"),
        (b"email\n" + b"x" * 200_000, "is no CSV file"),
        (b"address\na@b.example\n", "has no column `email`"),
    ],
    ids=["empty", "another encoding", "an endless field", "no address column"],
)
def test_a_file_that_cannot_be_lengthened_is_named_with_the_reason(tmp_path, content, reason):
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(ValueError, match=f"mine.csv {reason}"):
        imports(tmp_path / "mine.csv", 5)
