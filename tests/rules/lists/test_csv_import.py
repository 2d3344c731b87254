from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.lists.csv_import import CsvOptions, CsvRows, JsonRows, Rejected, Row, harmless, open_csv
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import Flaw

cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


def opened(text: str | bytes) -> CsvRows:
    rows = open_csv(text.encode() if isinstance(text, str) else text)
    assert isinstance(rows, CsvRows), rows
    return rows


def refused(text: str | bytes) -> str:
    flaw = open_csv(text.encode() if isinstance(text, str) else text)
    assert isinstance(flaw, Flaw)
    return flaw.reason


def written(cell: str, always: bool) -> str:
    """RFC 4180; the standard library's writer leaves a lone carriage return unquoted."""
    return '"' + cell.replace('"', '""') + '"' if always or set(cell) & set(',"\r\n') else cell


@given(
    st.lists(st.tuples(cells, cells), max_size=8),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.booleans(),
)
def test_what_a_spreadsheet_writes_comes_back_value_by_value(values, line_end, mark, always) -> None:
    recipients = [
        Recipient(f"r{at}@x.example", {"name": name, "note": note}) for at, (name, note) in enumerate(values)
    ]
    table = [["name", "Email", "note"]] + [
        [harmless(name), one.address, harmless(note)]
        for one, (name, note) in zip(recipients, values, strict=True)
    ]
    file = "".join(",".join(written(cell, always) for cell in row) + line_end for row in table)
    rows = list(opened(mark + file.encode()))
    assert [row.recipient for row in rows if isinstance(row, Row)] == recipients
    assert len(rows) == len(values)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=10))
def test_rows_are_named_by_the_line_they_begin_on(shape) -> None:
    text, line, expected = "email,note\n", 2, []
    for breaks, is_good in shape:
        text += ("a@x.example," if is_good else "nobody,") + '"' + "x\n" * breaks + '"\n'
        expected.append((line, is_good))
        line += breaks + 1
    assert [(one.line, isinstance(one, Row)) for one in opened(text)] == expected


def test_rows_can_be_read_again_and_again() -> None:
    rows = opened("email\na@x.example\n")
    assert list(rows) == list(rows) == [Row(2, Recipient("a@x.example", {}))]


def test_the_address_column_may_be_named_to_and_stand_anywhere() -> None:
    (row,) = opened(" city , TO \nRome,a@x.example\n")
    assert row == Row(2, Recipient("a@x.example", {"city": "Rome"}))


def test_a_header_alone_is_an_empty_list() -> None:
    assert list(opened("email,name")) == []


def test_blank_lines_are_no_rows() -> None:
    assert [one.line for one in opened("\n\nemail,name\n\na@x.example,A\n\n\nb@x.example,B\n\n")] == [5, 8]


@pytest.mark.parametrize(
    ("row", "line", "email", "reason"),
    [
        ("a@x.example,b,c", 2, "a@x.example", "3 columns where the header has 2"),
        ("a@x.example", 2, "a@x.example", "1 column where the header has 2"),
        (",b", 2, "", "the address is empty"),
        ("nobody,b", 2, "nobody", "the address has no @"),
        (
            'a@x.example,"b"c',
            2,
            "",
            "a quoted field goes on after its closing quotation mark; double the marks within it",
        ),
        ("a@x.example," + "ü" * 5000, 2, "a@x.example", "the row's data is longer than 8,192 bytes"),
        ("x" * 300 + "@x.example,b", 2, "x" * 254, "the address is longer than 254 bytes"),
    ],
)
def test_a_bad_row_is_told_and_the_others_stay(row: str, line: int, email: str, reason: str) -> None:
    rows = list(opened(f"email,name\n{row}\nlast@x.example,L\n"))
    assert rows == [Rejected(line, email, reason), Row(3, Recipient("last@x.example", {"name": "L"}))]


def test_a_quotation_mark_that_is_never_closed_tells_how_much_it_took() -> None:
    rows = list(opened('email,name\na@x.example,A\nb@x.example,"B\nc@x.example,C\nd@x.example,D\n'))
    assert rows[1:] == [
        Rejected(3, "", "a quotation mark is opened here and never closed, which took in all up to line 5")
    ]
    assert isinstance(rows[0], Row)


def test_data_may_have_exactly_its_limit() -> None:
    fits = "x" * (8192 - len('{"name":""}'))
    assert [type(one) for one in opened(f"email,name\na@x.example,{fits}\nb@x.example,{fits}x\n")] == [
        Row,
        Rejected,
    ]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"email\n" + b"a" * 65535 + "ü".encode() + b"\n\xff", "line 3 holds the byte 0xff"),
        (b"email\n" + b"a" * 65529 + b"\xc3(", "line 2 holds the byte 0xc3"),
        (b"email\n\xc3", "line 2 holds the byte 0xc3"),
        (
            b"name,Ort\n",
            "no column `email` in its header, and none that is known for addresses; there are 'name', 'Ort'",
        ),
        (b"name;Ort\n", "there are 'name', 'Ort'"),
        (b"a@x.example\nb@x.example\n", "no column `email`"),
        (b"email,Email\n", "several columns for the address"),
        (b"email,to\n", "several columns for the address"),
        (b"email,a,a\n", "'a' twice"),
        (b"email," + b"x" * 101, "longer than 100"),
        (b'email,"a\nb"\n', "control characters"),
        (b"email" + b",x" * 200, "201 columns"),
        (b'"email\n', "header that cannot be read"),
        (b'"",""', "names no column"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(file: bytes, reason: str) -> None:
    assert reason in refused(file)


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: b"email,x\n" + text.encode(errors="replace"))
)
def test_no_file_breaks_the_reader(file: bytes) -> None:
    rows = open_csv(file)
    if isinstance(rows, CsvRows):
        for one in rows:
            assert isinstance(one, Row | Rejected)
            assert one.line >= 2


def test_json_rows_are_named_by_their_place() -> None:
    rows = list(JsonRows([("a@x.example", {"n": 1}), ("b", {}), ("c@x.example", {"x": ["y" * 9000]})]))
    assert rows == [
        Row(1, Recipient("a@x.example", {"n": 1})),
        Rejected(2, "b", "the address has no @"),
        Rejected(3, "c@x.example", "the row's data is longer than 8,192 bytes"),
    ]


def test_a_large_file_is_read_row_by_row() -> None:
    file = b"email,name\n" + b"".join(
        b"r%d@x.example,%s\n" % (n, b"\xf0\x9f\x98\x80" * 20) for n in range(20_000)
    )
    rows = opened(file)
    tracemalloc.start()
    try:
        assert sum(isinstance(one, Row) for one in rows) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(file) / 4


ROW = [Row(2, Recipient("ann@x.example", {"name": "Ann"}))]


@pytest.mark.parametrize(
    "file",
    [
        b"email;name\r\nann@x.example;Ann\r\n",
        b"email\tname\r\nann@x.example\tAnn\r\n",
        b"email|name\nann@x.example|Ann\n",
        b"email, name\nann@x.example, Ann\n",
        b'email, name\nann@x.example, "Ann"\n',
        b"email,name,\nann@x.example,Ann,\n",
        b"email,name\nann@x.example,Ann,,\n",
        b"email,name\nann@x.example,Ann\n,,\n , \n\n",
        b"email;name\nann@x.example;Ann\n;\n;\n",
        "\ufeffemail;name\nann@x.example;Ann\n".encode(),
        "email\tname\nann@x.example\tAnn\n".encode("utf-16"),
        b"E-Mail;name\nann@x.example;Ann\n",
        b"name,email\nAnn,ann@x.example\n",
    ],
)
def test_a_file_is_read_as_its_program_wrote_it(file):
    assert [one.recipient for one in opened(file) if isinstance(one, Row)] == [ROW[0].recipient]
    assert not [one for one in opened(file) if isinstance(one, Rejected)]


@pytest.mark.parametrize("said", ["sep=;", "sep=;\r", "SEP=;", '"sep=;"'[1:-1]])
def test_a_line_that_says_the_delimiter_is_obeyed_and_counted(said):
    rows = list(opened(f"{said}\nemail;name\nann@x.example;Ann\nnobody;B\n"))
    assert rows == [Row(3, ROW[0].recipient), Rejected(4, "nobody", "the address has no @")]


def test_what_the_caller_says_goes_before_what_is_found():
    rows = open_csv(b"a;b,email\nx;y,ann@x.example\n", CsvOptions(delimiter=",", address_column="EMAIL"))
    assert isinstance(rows, CsvRows)
    assert list(rows) == [Row(2, Recipient("ann@x.example", {"a_b": "x;y"}))]
    unknown = open_csv(b"email\n", CsvOptions(delimiter="§"))
    assert isinstance(unknown, Flaw)
    assert "the delimiter '§'" in unknown.reason


def test_a_name_before_the_address_is_kept_from_every_source():
    (row,) = opened('email,city\n"Ann Reader <ann@x.example>",Rome\n')
    assert row == Row(2, Recipient("ann@x.example", {"name": "Ann Reader", "city": "Rome"}))
    (same,) = JsonRows([("Ann Reader <ann@x.example>", {"city": "Rome"})])
    assert same == Row(1, row.recipient)
    (own,) = JsonRows([("Ann Reader <ann@x.example>", {"name": "A."})])
    assert own.recipient.data == {"name": "A."}


def test_columns_with_blanks_get_names_that_templates_can_write():
    rows = opened("Email,First Name\nann@x.example,Ann\n")
    assert rows.renamed == {"First Name": "first_name"}
    assert [one.recipient.data for one in rows] == [{"first_name": "Ann"}]


def test_attributes_of_listmonk_are_variables_within_a_variable():
    (row,) = opened('email,attributes\nann@x.example,"{""city"": ""Rome""}"\n')
    assert row.recipient.data == {"attributes": {"city": "Rome"}}


@pytest.mark.parametrize(
    "cell", ["=1+1", "+49 170", "-5", "@name", "'=x", "''+", "\t=1", "plain", "'quoted'", ""]
)
def test_what_no_spreadsheet_may_run_comes_back_as_it_was(cell):
    written_out = harmless(cell)
    assert written_out[:1] not in tuple("=+-@\t\r")
    (row,) = opened(f'email,note\na@x.example,"{written_out}"\n')
    assert row.recipient.data == {"note": cell}


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"PK\x03\x04\x14\0\x06\0" + b"\0" * 60, "an Excel workbook (xlsx)"),
        (b"PK\x03\x04" + b"\0" * 40 + b"[Content_Types].xml", "an Excel workbook (xlsx)"),
        (b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "(ods)"),
        (b"PK\x03\x04" + b"\0" * 40 + b"list.csv", "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 40, "an old Excel workbook (xls)"),
        (b"%PDF-1.7", "a PDF"),
        (b"<!DOCTYPE html><table>", "a web page"),
    ],
)
def test_files_of_other_kinds_are_called_by_their_names(start, name):
    assert name in refused(start)
