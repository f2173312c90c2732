"""Rows of pyarrow, pandas, polars and `datasets` are those that `datasets` reads, or there is a reason.

A table of each kind of value is written by every writer, then read by ours and by `datasets`. Both, and the
table itself, have to say the same, or the difference is one of `REASONS`; one that no longer holds fails too.
"""

from __future__ import annotations

import datetime
import decimal
import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from octomed import _octomed
from octomed.recipe.formats import load_preset

from .other_writers import AS_LISTED, WRITERS, datasets, frame, from_rows, ours, theirs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:The default formatting of datetime")  # of pandas 3.1

DAY = datetime.date(2024, 2, 29)
MOMENT = datetime.datetime(2024, 2, 29, 1, 2, 3)  # noqa: DTZ001 Arrow's own
ZONED = MOMENT.replace(tzinfo=datetime.timezone.utc)
NAN = float("nan")


def struct(**fields: Any) -> pa.DataType:
    return pa.struct(list(fields.items()))


TEXT = pa.string()
VALUES = {
    "text": lambda a, b: (TEXT, [a, None, b]),
    "words": lambda _a, _b: (TEXT, ["NA", "null", "007"]),
    "integer": lambda _a, _b: (pa.int64(), [1, 2, 3]),
    "integer with a gap": lambda _a, _b: (pa.int64(), [1, None, 3]),
    "large integer with a gap": lambda _a, _b: (pa.int64(), [2**60 + 1, None, 3]),
    "unsigned": lambda _a, _b: (pa.uint64(), [2**64 - 1, 1, 3]),
    "float": lambda _a, _b: (pa.float64(), [1.5, None, -0.25]),
    "whole float": lambda _a, _b: (pa.float64(), [2.0, None, 4.0]),
    "precise float": lambda _a, _b: (pa.float64(), [0.1234567890123, None, 2 / 3]),
    "exponent": lambda _a, _b: (pa.float64(), [1e300, None, 1e-9]),
    "single float": lambda _a, _b: (pa.float32(), [0.1, None, 0.3]),
    "nan": lambda _a, _b: (pa.float64(), [NAN, 1.5, None]),
    "truth": lambda _a, _b: (pa.bool_(), [True, None, False]),
    "date": lambda _a, _b: (pa.date32(), [DAY, None, DAY]),
    "moment": lambda _a, _b: (pa.timestamp("us"), [MOMENT, None, MOMENT]),
    "zoned": lambda _a, _b: (pa.timestamp("us", "UTC"), [ZONED, None, ZONED]),
    "time": lambda _a, _b: (pa.time64("us"), [MOMENT.time(), None, MOMENT.time()]),
    "duration": lambda _a, _b: (pa.duration("us"), [datetime.timedelta(1, 2), None, None]),
    "decimal": lambda _a, _b: (pa.decimal128(9, 3), [decimal.Decimal("1.500"), None, None]),
    "category": lambda a, b: (pa.dictionary(pa.int32(), TEXT), [a, b, None]),
    "null": lambda _a, _b: (pa.null(), [None, None, None]),
    "list": lambda a, b: (pa.list_(TEXT), [[a, b], None, [None, b]]),
    "list of null": lambda _a, _b: (pa.list_(pa.null()), [[None], None, []]),
    "list of lists": lambda a, b: (pa.list_(pa.list_(TEXT)), [[[a], [b, a]], None, []]),
    "struct": lambda a, b: (
        struct(x=TEXT, y=pa.null(), z=pa.list_(TEXT)),
        [{"x": a, "z": [b]}, None, {"x": b}],
    ),
    "map": lambda a, b: (pa.map_(TEXT, TEXT), [[("k", a), ("l", b)], None, []]),
}
"""Values of every kind, of two texts."""
IN_COLUMNS = ("text", "words", "integer", "integer with a gap", "whole float", "category", "null")
"""Those that columns of a plain table have."""
OPTIONS = {
    "list": lambda a, b: (pa.list_(TEXT), [[a, b], None, [b]]),
    "object of letters": lambda a, b: (struct(A=TEXT, C=TEXT), [{"A": a, "C": b}, {"A": b}, None]),
    "letters or numbers": lambda a, b: (
        pa.struct([(key, TEXT) for key in ("A", "B", "1", "2", "option_a")]),
        [{"A": a, "B": b}, {"1": b, "2": a}, {"option_a": a}],
    ),
    "objects": lambda a, b: (
        pa.list_(struct(label=TEXT, text=TEXT)),
        [[{"label": "A", "text": a}, {"label": "C", "text": b}], [], None],
    ),
    "objects of two kinds": lambda a, b: (
        pa.list_(struct(content=TEXT, letter=TEXT, text=TEXT, label=TEXT)),
        [[{"letter": "A", "content": a}, {"letter": "C", "content": b}], [{"label": "B", "text": a}], None],
    ),
    "objects of a letter": lambda a, b: (pa.list_(struct(A=TEXT, C=TEXT)), [[{"A": a}, {"C": b}], [], None]),
    "lists side by side": lambda a, b: (
        struct(text=pa.list_(TEXT), label=pa.list_(TEXT)),
        [{"text": [a, b], "label": ["B", "A"]}, {"text": [], "label": []}, None],
    ),
    "map": lambda a, b: (pa.map_(TEXT, TEXT), [[("A", a), ("C", b)], [("A", b)], None]),
    "integers": lambda _a, _b: (pa.list_(pa.int64()), [[1, 2], [], None]),
    "floats": lambda _a, _b: (pa.list_(pa.float64()), [[1.5, 2.0], [], None]),
    "dates": lambda _a, _b: (pa.list_(pa.date32()), [[DAY, DAY], [], None]),
    "decimals": lambda _a, _b: (pa.list_(pa.decimal128(9, 3)), [[decimal.Decimal("1.500")], [], None]),
    "categories": lambda a, b: (pa.list_(pa.dictionary(pa.int32(), TEXT)), [[a, b], [], None]),
}
"""Options in every shape."""


class Reason(NamedTuple):
    """Why files differ: which writers (patterns), in which columns, values of which kinds, how, and why."""

    writers: str
    columns: str
    kinds: tuple[str, ...]
    fate: str
    why: str


OTHERWISE, UNREAD, REFUSED = "written otherwise", "not read by datasets", "refused"
UNWRITTEN, READ_OTHERWISE = "not written", "read otherwise by datasets"
PRINTED = "pandas.csv* datasets.csv"
EPOCH_OR_ISO = "pandas.json* datasets.json*"
BY_ARROW = "*.parquet* polars.ipc"
LINES_AS_TEXT = "pyarrow.json.dumps polars.ndjson polars.json"
HAS_MAPS = "pyarrow.parquet* pandas.parquet/types* polars.parquet polars.ipc"
FORGIVEN = set() if AS_LISTED else {OTHERWISE, UNREAD, UNWRITTEN, READ_OTHERWISE}
"""Other versions of pandas and polars write other texts; never other rows, and no fewer."""
REASONS = [
    Reason(
        PRINTED,
        "answer id",
        ("integer with a gap",),
        OTHERWISE,
        "the gap makes floats, and in CSV `1.0` is text",
    ),
    Reason(
        "pandas.parquet/[ri]* pandas.csv* datasets.csv pandas.json* datasets.json*",
        "answer",
        ("large integer with a gap",),
        OTHERWISE,
        "the gap makes floats, which hold 53 bits of an integer",
    ),
    Reason(
        f"{LINES_AS_TEXT} {EPOCH_OR_ISO}",
        "answer",
        ("unsigned",),
        READ_OTHERWISE,
        "theirs knows integers of 63 bits, and makes this one a float; ours keeps its digits",
    ),
    Reason(
        "pandas.parquet/[ri]*", "turn", ("unsigned",), UNWRITTEN, "pyarrow takes no such integer from objects"
    ),
    Reason(f"{PRINTED} polars.csv", "answer id", ("whole float",), OTHERWISE, "in CSV `2.0` is text"),
    Reason(
        f"pandas.parquet/[ri]* {EPOCH_OR_ISO} {PRINTED}",
        "cell response",
        ("integer with a gap",),
        OTHERWISE,
        "the gap makes floats: whether 1.0 was 1 nobody can tell",
    ),
    Reason("pyarrow.csv", "cell response", ("whole float",), OTHERWISE, "pyarrow writes 2.0 as `2`"),
    Reason(EPOCH_OR_ISO, "answer", ("precise float", "exponent"), OTHERWISE, "pandas writes ten digits"),
    Reason(
        "polars.json",
        "answer",
        ("precise float",),
        READ_OTHERWISE,
        "theirs reads an array by pandas, not exactly",
    ),
    Reason(
        "pyarrow.csv polars.ndjson polars.json polars.csv",
        "answer",
        ("exponent",),
        OTHERWISE,
        "Python writes `1e-09` and `1e+300`, others `1e-9` and `1e300`",
    ),
    Reason(
        f"polars.ndjson polars.json {EPOCH_OR_ISO}",
        "answer",
        ("exponent",),
        READ_OTHERWISE,
        "as above: what theirs reads is written by Python for this comparison",
    ),
    Reason(
        "pyarrow.parquet* pandas.parquet/[it]* pandas.json* pandas.csv/index pyarrow.csv polars.* datasets.*",
        "answer",
        ("single float",),
        OTHERWISE,
        "0.1 of 32 bits; a row of Python's, by which tables are compared, has 0.10000000149011612",
    ),
    Reason(
        "pyarrow.parquet* pandas.parquet/[it]* polars.parquet polars.ipc datasets.parquet",
        "answer",
        ("single float",),
        READ_OTHERWISE,
        "as above",
    ),
    Reason("pyarrow.csv polars.csv", "answer", ("nan",), OTHERWISE, "in CSV `nan` and `NaN` are text"),
    Reason(PRINTED, "answer id cell", ("truth",), OTHERWISE, "in CSV `True` is text"),
    Reason(
        EPOCH_OR_ISO,
        "answer options",
        ("date", "moment", "zoned", "duration", "dates"),
        OTHERWISE,
        "pandas writes milliseconds since 1970, or `2024-02-29T00:00:00.000`",
    ),
    Reason(
        LINES_AS_TEXT,
        "answer options",
        ("date", "zoned", "dates"),
        READ_OTHERWISE,
        "theirs takes a text like a date for a moment; ours keeps the text",
    ),
    Reason(
        "pyarrow.csv polars.csv",
        "answer",
        ("moment", "zoned", "time"),
        OTHERWISE,
        "these write `T`, `Z` or fractions that are zero",
    ),
    Reason(
        "polars.ndjson polars.json",
        "answer",
        ("zoned", "duration"),
        OTHERWISE,
        "polars writes `T`, and `PT86402S`",
    ),
    Reason(
        f"pyarrow.csv {PRINTED}", "answer", ("duration",), OTHERWISE, "microseconds, or `1 days 00:00:02`"
    ),
    Reason("polars.csv", "answer", ("duration",), UNWRITTEN, "polars refuses it"),
    Reason("polars.ipc", "*", ("category", "categories"), UNREAD, "theirs knows no indices without a sign"),
    Reason("polars.parquet", "*", ("categories",), UNREAD, "as above"),
    Reason(
        f"pyarrow.csv polars.csv {PRINTED}",
        "answer",
        ("list", "list of null", "list of lists"),
        OTHERWISE,
        "a text that looks like a list may be the answer: it stays text where no list is wanted",
    ),
    Reason("datasets.*", "*", ("map",), UNWRITTEN, "`datasets` knows no maps"),
    Reason(HAS_MAPS, "*", ("map",), UNREAD, "`datasets` knows no maps"),
    Reason(
        "pandas.parquet/[ri]* pandas.json* pandas.csv*",
        "options",
        ("map",),
        REFUSED,
        "pandas makes a map a list of pairs, which is no shape of options",
    ),
    Reason(PRINTED, "options", ("dates",), REFUSED, "Python prints `datetime.date(2024, 2, 29)`"),
]
PLAIN = {
    "id": "id",
    "question": ["question", {"any_of": ["context"], "optional": True}],
    "options": ["opa", "cell"],
    "answer": "answer",
    "response": "response",
    "reasoning": {"any_of": ["thought"], "optional": True},
}
MAPPINGS = {name: _octomed.Mapping(load_preset(name)) for name in ("octomed", "messages")}
MAPPINGS |= dict.fromkeys(("id", "cell", "response"), _octomed.Mapping(PLAIN))
MAPPINGS |= {"turn": MAPPINGS["messages"], "answer": MAPPINGS["octomed"], "options": MAPPINGS["octomed"]}
KEYS = {"cell": "options", "response": "responses"}
"""What a column's value is called in a trace."""


def table_of(column: str, kind: str, *texts: str, rows: int = 3) -> pa.Table:
    """Return a table whose `column` has values of a kind, and everything else that its format has."""
    question, a, b = texts
    make = OPTIONS if column == "options" else VALUES
    arrow, values = make[kind](a, b)
    values = values[:rows]
    size = len(values)
    if column == "turn":
        turns = [
            [
                {"role": "user", "content": question, "tool_calls": None, "key": value},
                {"role": "assistant", "content": a, "reasoning_content": b, "key": value},
            ]
            for value in values
        ]
        turn = struct(role=TEXT, content=TEXT, tool_calls=pa.null(), reasoning_content=TEXT, key=arrow)
        tools = pa.array([[], None, []][:size], pa.list_(TEXT))
        return pa.table({"messages": pa.array(turns, pa.list_(turn)), "tools": tools})
    if column in {"id", "cell", "response"}:
        plain = {"id": a, "question": question, "context": b, "opa": a, "cell": b, "answer": a, "response": b}
        columns = {name: pa.array([text] * size, TEXT) for name, text in plain.items()}
        columns["thought"] = pa.array([b, None, a][:size], TEXT)
        return pa.table(columns | {column: pa.array(values, arrow)})
    responses = pa.array([[a, None], [a, b], [b]][:size], pa.list_(TEXT))
    return pa.table({"question": [question] * size, column: pa.array(values, arrow), "responses": responses})


def fates(table: pa.Table, column: str, writer: str, folder: Path) -> set[str]:
    """Return in which ways what a writer writes differs from the table, and ours from theirs."""
    kind, write = WRITERS[writer]
    mapping = MAPPINGS[column]
    path = str(folder / f"table.{kind}")
    try:
        write(table, path)
    except Exception:  # noqa: BLE001 each writer has its own
        return {"not written"}
    found = ours(path, kind, mapping)
    rows = table.to_pylist()
    if kind == "csv":  # which cannot tell an empty text from null
        rows = [{key: None if value == "" else value for key, value in row.items()} for row in rows]
    wanted = from_rows(rows, mapping)
    differences = {compared(found, wanted, column)} if found != wanted else set()
    try:
        read = from_rows(theirs(path, kind), mapping)
    except (datasets.exceptions.DatasetGenerationError, ValueError):
        return differences | {"not read by datasets"}
    return differences | ({"read otherwise by datasets"} if read != found else set())


def compared(found: list[dict[str, Any]], wanted: list[dict[str, Any]], column: str) -> str:
    """Return how rows differ: in the text of a column, or by rows that are refused."""
    key = KEYS.get(column, column)
    if [row | {key: None} for row in found] == [row | {key: None} for row in wanted]:
        return "written otherwise"
    kept = [
        row if row == {"reason": "wrong_type"} else other for row, other in zip(found, wanted, strict=True)
    ]
    return "refused" if found == kept else "WRONG"


def expected(column: str, kind: str, writer: str) -> set[str]:
    return {
        reason.fate
        for reason in REASONS
        if any(fnmatch.fnmatch(writer, pattern) for pattern in reason.writers.split())
        and any(fnmatch.fnmatch(column, pattern) for pattern in reason.columns.split())
        and kind in reason.kinds
    }


CASES = [
    *(("answer", kind) for kind in VALUES if kind not in {"struct", "map"}),  # which no answer is
    *(("turn", kind) for kind in VALUES),
    *(("options", kind) for kind in OPTIONS),
    *((column, kind) for column in ("id", "cell", "response") for kind in IN_COLUMNS),
    *((column, "truth") for column in ("id", "cell")),  # no response is one, but a text of CSV's may look so
]


MORE = {
    ("turn", kind) for kind in VALUES if "float" in kind or "integer" in kind or kind in {"words", "time"}
}
MORE |= {(column, kind) for column in ("id", "cell", "response") for kind in ("words", "null", "integer")}
MORE |= {("answer", kind) for kind in ("list of lists", "integer", "time")}


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param(*case, id=" ".join(case), marks=[pytest.mark.long] if case in MORE else [])
        for case in CASES
    ],
)
def test_rows_are_those_of_the_table_and_of_datasets(column, kind, tmp_path):
    table = table_of(column, kind, 'Why, "so"?', 'x\n"y"', "é, 'z'")
    found = {writer: fates(table, column, writer, tmp_path) - FORGIVEN for writer in WRITERS}
    assert found == {writer: expected(column, kind, writer) - FORGIVEN for writer in WRITERS}


SHOWN = {
    "list": ["A=x B=y", "", "A=y"],
    "object of letters": ["A=x C=y", "A=y", ""],
    "letters or numbers": ["A=x B=y", "1=y 2=x", "A=x"],
    "objects": ["A=x C=y", "", ""],
    "objects of two kinds": ["A=x C=y", "B=x", ""],
    "objects of a letter": ["A=x C=y", "", ""],
    "lists side by side": ["B=x A=y", "", ""],
    "map": ["A=x C=y", "A=y", ""],
    "integers": ["A=1 B=2", "", ""],
    "floats": ["A=1.5 B=2.0", "", ""],
    "dates": ["A=2024-02-29 B=2024-02-29", "", ""],
    "decimals": ["A=1.500", "", ""],
    "categories": ["A=x B=y", "", ""],
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options_that_are_compared_are_those_meant(kind):
    """The comparison reads rows by our own reader, so what that makes of them is said once by hand."""
    rows = from_rows(table_of("options", kind, "Why?", "x", "y").to_pylist(), MAPPINGS["options"])
    shown = [" ".join(f"{one['label']}={one['text']}" for one in row["options"]) for row in rows]
    assert shown == SHOWN[kind]
    assert [row["question"] for row in rows] == ["Why?"] * 3
    said = [[one["response"] for one in row["responses"]] for row in rows]
    assert said == [["x", ""], ["x", "y"], ["y"]]


def test_turns_that_are_compared_are_those_meant():
    rows = from_rows(table_of("turn", "struct", "Why?", "x", "y").to_pylist(), MAPPINGS["turn"])
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "x", "reasoning": "y"}]
    assert [row["messages"] for row in rows] == [turns] * 3


@pytest.mark.parametrize("writer", WRITERS)
def test_columns_that_nobody_maps_change_nothing_whatever_they_hold(writer, tmp_path):
    unwritten = {"map", "duration"} if writer == "polars.csv" else {"map"}
    columns = {kind: VALUES[kind]("x", "é") for kind in VALUES if kind not in unwritten}
    table = table_of("answer", "text", "Why?", "x", "y")
    for kind, (arrow, values) in columns.items():
        table = table.append_column(kind, pa.array(values, arrow))
    unread = {UNREAD} if writer == "polars.ipc" else set()  # its category
    assert fates(table, "answer", writer, tmp_path) - FORGIVEN == unread - FORGIVEN


def is_printed(writer):
    return any(fnmatch.fnmatch(writer, pattern) for pattern in PRINTED.split())


def has_bare_return(table):
    """Tell whether a text has a carriage return, and nothing for which it is written in quotes."""
    texts = [value for row in table.to_pylist() for value in row.values() if isinstance(value, str)]
    return any("\r" in text and not set(text) & set('\n",') for text in texts)


@pytest.mark.parametrize("writer", [*filter(is_printed, WRITERS)])
def test_a_carriage_return_that_pandas_writes_without_quotes_refuses_its_row(writer, tmp_path):
    """Theirs makes two rows of it, one of them of another's cells."""
    kind, write = WRITERS[writer]
    path = tmp_path / "table.csv"
    write(table_of("answer", "text", "Why?", "a\rb", "c"), str(path))
    assert b"a\rb," in path.read_bytes()
    found = ours(str(path), kind, MAPPINGS["octomed"])
    assert [row.get("reason") for row in found] == ["invalid_csv", None, None]


@pytest.mark.parametrize("writer", ["pandas.csv/index", "datasets.csv"])
def test_a_list_that_numpy_prints_in_part_is_refused(writer, tmp_path):
    rows = [
        {"question": "Why?", "responses": [f"r{number}" for number in range(count)]} for count in (1000, 1001)
    ]
    kind, write = WRITERS[writer]
    path = str(tmp_path / "table.csv")
    write(pa.Table.from_pylist(rows), path)
    whole, cut = ours(path, kind, MAPPINGS["octomed"])
    assert [said["response"] for said in whole["responses"]] == rows[0]["responses"]
    assert cut == {"reason": "wrong_type"}


def test_a_frame_by_its_index_holds_rows_which_datasets_takes_for_one(tmp_path):
    table = table_of("answer", "text", "Why?", "a", "b")
    path = str(tmp_path / "table.json")
    frame(table).to_json(path, orient="index")
    assert ours(path, "json", MAPPINGS["octomed"]) == from_rows(table.to_pylist(), MAPPINGS["octomed"])
    assert len(theirs(path, "json")) == 1


def test_a_frame_by_its_columns_is_refused_as_no_row(tmp_path):
    """What `to_json` writes if nothing is said: an object of columns, one row to `datasets` too."""
    path = str(tmp_path / "table.json")
    frame(table_of("answer", "text", "Why?", "a", "b")).to_json(path)
    assert ours(path, "json", MAPPINGS["octomed"]) == [{"reason": "wrong_type"}]
    assert len(theirs(path, "json")) == 1


def test_a_text_like_a_date_stays_the_text_that_it_is(tmp_path):
    """Theirs reads it as a moment."""
    table = table_of("answer", "text", "2024-01-01", "a", "b")
    assert fates(table, "answer", "pandas.json/lines", tmp_path) == {READ_OTHERWISE}
    assert fates(table, "answer", "pandas.csv/rows", tmp_path) == set()


LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = st.text(LETTERS, max_size=12) | st.sampled_from(
    [
        '"',
        '""',
        "'",
        "\n",
        "\r\n",
        "a\rb",
        " a ",
        ",",
        "\\",
        "\\n",
        "[",
        "{}",
        "NaN",
        "None",
        "é\u2028",
        "\ufeff",
    ]
)


@st.composite
def cases(draw):
    column, kind = draw(st.sampled_from(CASES))
    texts = draw(TEXTS), draw(TEXTS), draw(TEXTS)
    return column, kind, table_of(column, kind, *texts, rows=draw(st.integers(1, 3)))


def check(case, writer, folder):
    column, kind, table = case
    assume(not (is_printed(writer) and has_bare_return(table)))
    assert fates(table, column, writer, folder) - FORGIVEN <= expected(column, kind, writer)


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from(sorted(WRITERS)))
def test_any_texts_come_through_every_writer(tmp_path_factory, case, writer):
    check(case, writer, tmp_path_factory.getbasetemp())


@pytest.mark.long
@settings(max_examples=10_000, deadline=None)
@given(cases(), st.sampled_from(sorted(WRITERS)))
def test_very_many_texts_come_through_every_writer(tmp_path_factory, case, writer):
    check(case, writer, tmp_path_factory.getbasetemp())
