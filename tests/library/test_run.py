"""A finished run as a Python value: rows, packs, documents, and what a notebook shows of them."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import octomed
import pyarrow as pa
import pytest
from octomed.errors import DataError, RecipeError
from octomed.library import rows as rows_room
from octomed.pipeline.finished.inspect_packs import inspect_pack

from tests.library.made import recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    made = octomed.Recipe.shipped("quickstart", f"output.path={folder}/run", f"work.path={folder}/work")
    octomed.pack(made, workers=2)
    return octomed.Run(folder / "run")


def test_a_run_says_what_it_is(run):
    assert run.name == "quickstart"
    assert run.streams == ("len-00256", "len-00512")
    assert run.sources[:2] == ("questions", "dialogues")
    assert run.overview().packs == run.file.counts.packs
    assert run.verify(quick=True).findings == ()
    assert repr(run) == f"octomed.Run({run.place!r})"


def test_packs_hold_what_inspect_shows(run):
    for pack in [*run.packs("len-00256", limit=2), *run.packs("len-00512")]:
        views = inspect_pack(run._folder, pack.stream, pack.number)
        assert len(pack) == len(views)
        for document, view in zip(pack, views, strict=True):
            assert (document.trace_id, document.input_ids.tolist()) == (view.trace_id, list(view.token_ids))
            assert document.loss_spans == view.loss_spans
            assert [image.hash for image in document.images] == [image.hash for image in view.images]
            assert document.supervised == view.supervised == int(document.loss_mask.sum())
            assert f"{document.source}/{document.file} row {document.row}" in view.place
    found = [(pack.stream, pack.number) for pack in run.packs()]
    assert found == [(name, number) for name in run.streams for number in range(run.file.streams[name].packs)]


def test_a_packs_arrays_are_those_of_its_shard(run):
    row = octomed.MDSReader(run._folder / "len-00256")[1]
    pack = run.pack("len-00256", 1)
    assert pack.input_ids.tolist() == row["input_ids"].tolist()
    assert [len(one) for one in pack] == row["lengths"].tolist()
    spans = np.zeros(len(row["input_ids"]), bool)
    for begin, end in row["loss_spans"]:
        spans[begin:end] = True
    assert (pack.loss_mask == spans).all()
    assert pack.tokens == len(row["input_ids"])


def test_pieces_are_the_text_with_its_marks_and_images(run):
    document = next(run.documents(source="films", limit=1))
    pieces = document.pieces
    assert [piece.text for piece in pieces if piece.image] == ["[image 1]"]
    assert next(piece.image for piece in pieces if piece.image) is document.images[0]
    supervised = "".join(piece.text for piece in pieces if piece.supervised)
    assert supervised.endswith("<|im_end|>")
    assert "<|im_start|>user" in "".join(piece.text for piece in pieces if not piece.supervised)
    assert document.text == "".join(piece.text for piece in pieces)
    assert "<|image_pad|>" not in document.text


def test_documents_are_found_by_source_and_by_id(run):
    documents = list(run.documents(source="chains"))
    counts = run.file.counts.sources["chains"]
    assert len(documents) == counts.train
    assert {one.source for one in documents} == {"chains"}
    assert run.document(documents[-1].trace_id).text == documents[-1].text
    assert len(list(run.documents(stream="len-00512", limit=3))) == 3
    with pytest.raises(RecipeError, match="no trace 5 in"):
        run.document(5)
    with pytest.raises(RecipeError, match="no trace -1 in"):
        run.document(-1)


def test_traces_are_rows_of_provenance(run):
    table = run.traces().to_arrow()
    assert table.num_rows == run.file.counts.train
    assert table.column_names[:3] == ["trace_id", "copy", "source"]
    some = run.traces(columns=["row", "length"], source="questions", stream="len-00256", limit=5)
    assert some.schema.names == ["row", "length"]
    assert len(list(some)) == 5
    assert pa.table(some).num_rows == 5, "whatever takes an Arrow stream takes them"
    assert some.to_pandas().shape == (5, 2)
    assert list(run.traces(limit=0)) == []


def test_rejects_are_rows_with_reasons(run):
    rejects = list(run.rejects())
    counts = run.file.counts
    assert len(rejects) == sum(counts.rejected.values()) + sum(counts.rows_refused.values())
    duplicates = run.rejects(reason="duplicate", columns=["source", "row"])
    assert [sorted(row) for row in duplicates] == [["row", "source"]] * counts.rejected["duplicate"]
    assert {row["source"] for row in run.rejects(source="dialogues", columns=["source"])} == {"dialogues"}
    assert run.rejects(source="dialogues", reason="image_missing").to_arrow().num_rows == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.traces(source="flims"), "no source `flims`"),
        (lambda run: run.traces(stream="len-1"), "no stream `len-1`"),
        (lambda run: run.traces(columns=["lenght"]), "no column `lenght`"),
        (lambda run: run.traces(limit=-1), "`limit` is -1"),
        (lambda run: run.rejects(reason="dupes"), "unknown reason `dupes`"),
        (lambda run: run.rejects(source="flims"), "no source `flims`"),
        (lambda run: run.table("near_duplicates"), "no table `near_duplicates`"),
        (lambda run: run.pack("len-00256", 99), "stream `len-00256` has no pack 99"),
        (lambda run: run.pack("nothing", 0), "no stream `nothing`"),
    ],
)
def test_what_is_not_there_is_said(run, call, said):
    with pytest.raises(RecipeError, match=said):
        call(run)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="holds no finished run"):
        octomed.Run(tmp_path)


def test_texts_are_escaped_wherever_a_notebook_shows_them(tmp_path):
    evil = "<script>alert('&amp;')</script>"
    made = recipe(
        tmp_path, [{"q": f"{evil} {'word ' * 20}", "a": f"So: {evil}"}, {"q": evil, "a": "Why <b>so</b>?"}]
    )
    made["sources"][0]["name"] = "rows"
    octomed.pack(made, workers=1)
    run = octomed.Run(tmp_path / "run")
    shown = [run._repr_html_(), run.pack(run.streams[0], 0)._repr_html_(), run.traces()._repr_html_()]
    shown += [document._repr_html_() for document in run.documents()]
    shown.append(octomed.Recipe.from_dict({**made, "system": evil})._repr_html_())
    assert all("<script" not in html and "<b>" not in html for html in shown)
    assert "&lt;script&gt;alert(" in shown[1]
    assert 'title="supervised">So: &lt;script' in shown[1]


def test_flagged_rows_are_masked_where_they_are_shown(tmp_path):
    rows = [
        {"q": "Who asks about the fever?", "a": "Write to anna.b@example.org."},
        {"q": "Why?", "a": "To rest."},
    ]
    octomed.pack(recipe(tmp_path, rows, curate={"identifying": {"action": "report"}}), workers=1)
    run = octomed.Run(tmp_path / "run")
    flagged, other = sorted(run.documents(), key=lambda document: document.row)
    assert flagged.is_flagged
    assert not other.is_flagged
    assert run.is_flagged("rows", "rows.jsonl", 0)
    assert run.tables == ("identifying",)
    assert [row["row"] for row in run.table("identifying")] == [0]
    html = flagged._repr_html_() + run.pack(flagged.stream, flagged.pack)._repr_html_()
    assert "example.org" not in html
    assert "masked" in html
    assert "To rest." in html
    assert "example.org" in flagged.text, "who asks for the text gets it"


def test_images_are_shown_and_described(run):
    document = next(run.documents(source="films", limit=1))
    html = document._repr_html_()
    assert f'src="data:image/{document.images[0].format};base64,' in html
    assert f"{document.images[0].width} x {document.images[0].height}" in html


def test_long_tables_and_texts_are_cut(run):
    html = run.traces()._repr_html_()
    assert html.count("<tr>") == rows_room._ROWS_SHOWN + 1
    assert ".to_arrow()" in html
    assert ".to_arrow()" not in run.traces(limit=3)._repr_html_()


def test_a_shard_that_is_damaged_is_named_with_what_to_do(tmp_path):
    octomed.pack(recipe(tmp_path), workers=1)
    shard = next((tmp_path / "run").glob("*/shard.*"))
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(DataError) as damaged:
        list(octomed.Run(tmp_path / "run").packs())
    assert "octomed verify" in damaged.value.hint


def test_rows_take_a_batch_of_memory(tmp_path):
    rows = [{"q": f"What helps against {number}?", "a": "Rest."} for number in range(40_000)]
    octomed.pack(recipe(tmp_path, rows, curate={"duplicates": {"exact": True}}), workers=2)
    run = octomed.Run(tmp_path / "run")
    assert sum(1 for _ in run.traces(columns=["row"], limit=3)) == 3
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in run.traces().batches())
    assert most < 30 * 2**20
    tracemalloc.start()
    assert sum(len(pack) for pack in run.packs(limit=40)) > 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_run_that_left_nothing_out_has_rejects_without_rows(tmp_path):
    octomed.pack(recipe(tmp_path, [{"q": "Why?", "a": "So."}]), workers=1)
    rejects = octomed.Run(tmp_path / "run").rejects()
    assert rejects.to_arrow().num_rows == 0
    assert rejects.schema.names == ["source", "file", "row", "sample", "reason", "detail"]
    assert "<table>" in rejects._repr_html_()


def test_the_columns_of_no_rejects_are_those_of_some(run):
    from octomed.library.run import _NO_REJECTS

    assert run.rejects().schema.names == [*_NO_REJECTS.names, "images"]
    assert [run.rejects().schema.field(name).type for name in _NO_REJECTS.names] == _NO_REJECTS.types


def test_a_run_at_an_address_is_fetched_as_it_is_read(tmp_path, fast_s3, monkeypatch):
    monkeypatch.setenv("OCTOMED_CACHE", str(tmp_path / "cache"))
    place = f"{fast_s3.root}/runs/one"
    made = recipe(tmp_path, output={"path": place})
    octomed.pack(made, workers=1)
    with octomed.Run(place) as run:
        assert run.place == place
        assert len(list(run.documents())) == run.file.counts.train
        assert list(run.rejects()) == []
        folder = run._folder
        assert list(folder.rglob("shard.*")) == [], "no shard stays"
    assert not folder.exists()


def test_the_types_have_names(run):
    from octomed import library

    assert isinstance(run.traces(), library.Rows)
    assert isinstance(run.pack("len-00256", 0), library.Pack)
    assert {type(one) for one in run.pack("len-00256", 0)} == {library.Document}
    assert isinstance(run.pack("len-00256", 0)[0].pieces[0], library.Piece)
    with pytest.raises(AttributeError, match="has no attribute `Runs`"):
        _ = library.Runs


def test_documents_say_what_they_are(run):
    document = next(run.documents(limit=1))
    assert len(document) == document.tokens == len(document.input_ids)
    assert json.dumps(document.trace_id)
    assert run.pack(document.stream, document.pack)[document.number].trace_id == document.trace_id
