"""Every page of a run: what stands on it, where its links lead, what is masked, what is escaped."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import octomed
import octomed.vision
import pyarrow.parquet as pq
import pytest

from tests.view import made
from tests.view.conftest import reader


def provenance(run):
    return [row for path in sorted((run / "provenance").glob("*")) for row in pq.read_table(path).to_pylist()]


def rejects(run, reason):
    rows = [row for path in (run / "rejects").glob("*") for row in pq.read_table(path).to_pylist()]
    return [row for row in rows if row["reason"] == reason]


def pack_of(run, source, row):
    return next(one for one in provenance(run) if (one["source"], one["row"]) == (source, row))


def page_of(row):
    return f"/0/packs/{row['stream']}/{row['pack']}"


def listed(pages, link):
    """Return the trace ids of a list, page after page."""
    found = []
    while link:
        text = pages.get(link)
        found += re.findall(r'<td class="soft">(\d+)', text)
        (link,) = [one for one in pages.links(text) if "from=" in one] or [""]
    return found


def test_all_links_lead_to_pages(pages):
    seen = pages.crawl("/")
    beyond = {address for address, status in seen.items() if status != 200}
    assert {re.sub(r"\d+", "N", one) for one in beyond} <= {  # what lies behind the last
        "/N/clusters/N", "/N/contamination/N", "/N/row?source=films&file=films.parquet&row=N",
        "/N/row?source=rows&file=rows.jsonl&row=N",
    }  # fmt: skip
    assert len(seen) > 60


def test_no_text_of_a_trace_is_markup(pages, run):
    row = pack_of(run, "rows", 0)
    asked = [
        "/0/", page_of(row), "/0/row?source=rows&file=rows.jsonl&row=0", "/0/search?for=document.title",
        "/0/row?source=rows&file=rows.jsonl&row=0&look=yes", "/0/traces?source=<script>alert(1)</script>",
        "/0/search?for=<script>alert(1)</script>", "/0/packs/<script>/0", "/0/rejects?from=<script>",
    ]  # fmt: skip
    for address in asked:
        text = pages.client.get(address).text
        assert "<script>" not in text.replace('<script src="/static/view.js" defer></script>', "")
        assert "<svg onload" not in text
    assert "document.title" in pages.get(page_of(row)).replace("</i><i>", "")


def test_the_overview_has_every_count_and_each_bar_a_link(pages, run):
    text = pages.get("/0/")
    counts = json.loads((run / "octomed.json").read_text())["counts"]
    for reason, number in {**counts["rejected"], **counts["rows_refused"]}.items():
        if number:
            assert f"left out: {reason}" in text
            listed = pages.get(f"/0/rejects?reason={reason}")
            assert listed.count("<tr>") - 1 == number
    assert "The sum agrees" in text
    assert "DOES NOT AGREE" not in text
    bars = re.findall(r'<li>\s*<(a|span).*?<span class="value">(.*?)</span>', text, re.DOTALL)
    assert {tag for tag, value in bars if value != "0"} == {"a"}


def test_lengths_count_every_trace_once_and_lead_to_it(pages, run):
    text = pages.get("/0/lengths")
    traces = provenance(run)
    links = [link for link in pages.links(text) if "source=" in link and "length=" in link]
    assert sorted(ids for link in links for ids in listed(pages, link)) == sorted(
        str(row["trace_id"]) for row in traces
    )
    links = [link for link in pages.links(text) if "group=images" in link]
    assert len([one for link in links for one in listed(pages, link)]) == len(
        [row for row in traces if row["source"] == "films"]
    )
    links = [link for link in pages.links(text) if "patches=" in link]
    assert len([one for link in links for one in listed(pages, link)]) == len(
        [row for row in traces if row["images"]]
    )


def test_a_pack_has_the_ids_labels_and_positions_of_a_batch(pages, run):
    torch = pytest.importorskip("torch")
    from octomed.stream import Collator

    row = pack_of(run, "films", 0)
    pack = octomed.MDSReader(run / row["stream"])[row["pack"]]
    vision = json.loads((run / "octomed.json").read_text())["vision"]
    batch = Collator(vision=vision)([pack])
    values = json.loads(pages.get(f"{page_of(row)}/positions.json?reveal=yes"))
    assert values["ids"] == batch["input_ids"][0].tolist()
    assert values["labels"] == batch["labels"][0].tolist()
    assert torch.equal(torch.tensor(values["positions"]), batch["position_ids"][:, 0])
    assert len({tuple(axis) for axis in values["positions"]}) > 1  # of images, time, height and width differ


def test_a_pack_shows_each_token_once(pages, run):
    row = pack_of(run, "films", 0)
    text = pages.get(page_of(row) + "?reveal=yes")
    bodies = re.findall(r'<div class="tokens".*?</div>', text, re.DOTALL)
    counted = sum(
        len(re.findall(r'<i(?: class="\w+")?>', body)) + sum(map(int, re.findall(r'data-n="(\d+)"', body)))
        for body in bodies
    )
    assert counted == len(octomed.MDSReader(run / row["stream"])[row["pack"]]["input_ids"])
    assert 'class="patches"' in text
    assert "&lt;|im_end|&gt;</i></mark>" in text


def test_an_image_is_the_one_that_is_stored(pages, run):
    row = pack_of(run, "films", 0)
    pack = octomed.MDSReader(run / row["stream"])[row["pack"]]
    answer = pages.client.get(f"{page_of(row)}/images/0")
    end = int(np.frombuffer(pack["image_offsets"], "<u4")[1])
    assert answer.content == pack["images"][:end]
    assert answer.headers["content-type"] == "image/jpeg"


def test_a_character_of_several_tokens_is_one(pages, run):
    row = next(one for one in provenance(run) if (one["source"], one["row"], one["sample"]) == ("rows", 0, 1))
    text = pages.get(page_of(row))
    assert "日" in text
    assert "\ufffd" not in text


def test_what_is_flagged_is_masked_until_asked(pages, run):
    row = pack_of(run, "rows", 3)
    (number,) = [one["document"] for one in provenance(run) if one["trace_id"] == row["trace_id"]]
    whole = pages.get(page_of(row) + "?reveal=yes").replace("</i><i>", "")
    for address in (
        page_of(row),
        "/0/row?source=rows&file=rows.jsonl&row=3",
        "/0/search?for=bauer",
        "/0/search?for=coughs",
    ):
        hidden = (
            pages.get(address)
            .replace("</i><i>", "")
            .replace('value="bauer"', "")
            .replace("Search: bauer", "")
        )
        assert "auer" not in hidden
        assert "mask" in hidden
    assert "auer" in whole
    assert "auer" in pages.get("/0/row?source=rows&file=rows.jsonl&row=3&reveal=yes")
    values = json.loads(pages.get(f"{page_of(row)}/positions.json"))
    revealed = json.loads(pages.get(f"{page_of(row)}/positions.json?reveal=yes"))
    lengths = octomed.MDSReader(run / row["stream"])[row["pack"]]["lengths"]
    begin = int(sum(lengths[:number]))
    assert set(values["ids"][begin : begin + row["length"]]) == {-1}
    assert -1 not in revealed["ids"]


def test_a_row_says_what_became_of_it_and_its_text(pages, run):
    (left,) = [row for row in rejects(run, "duplicate") if row["source"] == "rows"]
    text = pages.get(f"/0/row?source=rows&file=rows.jsonl&row={left['row']}")
    assert "sample 1: left out" in text
    assert "sample 0: packed" in text
    assert "Look again." in text
    (beside,) = [link for link in pages.links(text) if "/pair?" in link]
    assert pages.get(beside).count("Look again.") == 2


def test_a_row_of_a_changed_file_is_not_shown(tmp_path):
    run = made.pack(tmp_path / "made")
    path = tmp_path / "made/rows.jsonl"
    path.write_text(path.read_text() + "\n")
    assert "changed since the run" in reader(run).get("/0/row?source=rows&file=rows.jsonl&row=1")


def test_near_duplicates_stand_side_by_side(pages):
    text = pages.get("/0/clusters/0")
    assert re.search(r'<mark class="gone">(one|two) </mark>', text)
    assert re.search(r'<mark class="came">(one|two) </mark>', text)
    assert "clusters/0" in pages.get("/0/clusters")


def test_shared_words_are_marked_on_both_sides(pages):
    text = pages.get("/0/contamination/0")
    marks = re.findall(r'<mark class="shared">(.*?)</mark>', text, re.DOTALL)
    assert len(marks) == 2
    assert all("carried wood up the stairs" in mark for mark in marks)
    assert "compare" in pages.get("/0/contamination")


def test_near_pictures_stand_side_by_side(pages, run):
    text = pages.get("/0/pictures")
    assert "films/films.parquet row 0" in text
    assert "looked/looked.jsonl row 0" in text
    line = pq.read_table(run / "reports/near_pictures.parquet").to_pylist()[0]
    for side, column in (("training", "gray"), ("evaluation", "evaluation_gray")):
        answer = pages.client.get(f"/0/pictures/0/{side}.png")
        assert octomed.vision.decode(answer.content)[:, :, 0].tobytes() == line[column]


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("rows:3", "/0/row?source=rows&file=rows.jsonl&row=3"),
        ("films/films.parquet row 2", "/0/row?source=films&file=films.parquet&row=2"),
        ("duplicate", "/0/rejects?reason=duplicate"),
    ],
)
def test_a_search_leads_straight_to_a_place(pages, asked, leads_to):
    answer = pages.client.get("/0/search", params={"for": asked})
    assert str(answer.url).endswith(leads_to)
    assert answer.status_code == 200


def test_a_search_by_id_finds_the_trace_in_both_spellings(pages, run):
    row = next(one for one in provenance(run) if one["trace_id"] >= 2**63)
    for asked in (row["trace_id"], row["trace_id"] - 2**64):
        answer = pages.client.get("/0/search", params={"for": str(asked)}, follow_redirects=False)
        assert answer.headers["location"] == f"{page_of(row)[3:]}#document-{row['document']}"


def test_a_search_by_text_says_how_far_it_looked_and_goes_on(pages, monkeypatch):
    from octomed.view import search

    monkeypatch.setattr(search, "SECONDS", 0)
    address, found, steps = "/0/search?for=number+79", 0, 0
    while address:
        text = pages.get(address)
        found += text.count('<mark class="shared">')
        (address,) = [link for link in pages.links(text) if "from=" in link] or [""]
        assert not address or re.search(r"Looked through \d+ of \d+ packs", text)
        steps += 1
    assert found >= 1
    assert steps > 2


def test_rows_by_their_packed_traces(pages, run):
    counted: dict[tuple[str, int], int] = {}
    for row in provenance(run):
        counted[row["source"], row["row"]] = counted.get((row["source"], row["row"]), 0) + 1
    four = [place for place, number in counted.items() if number == 4]
    text = pages.get("/0/questions?traces=4")
    assert f"{len(four)} rows" in text
    assert len([link for link in pages.links(text) if "/row?" in link]) == len(four)


def test_a_step_shows_its_traces(pages, training):
    text = pages.get("/training")
    assert "/training/steps/3" in text
    line = json.loads((training / "traces-rank0.jsonl").read_text().splitlines()[2])
    step = pages.get("/training/steps/3")
    for trace in line["trace_ids"]:
        assert str(trace) in step
    assert "step 3" in text.partition("rose most")[2]  # the spike
    assert "style=" not in text  # which the policy of the pages refuses
    assert "no step 99" in pages.get("/training/steps/99", 404)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/0/packs/len-00256/999", 404), ("/0/packs/none/0", 404), ("/7/", 404), ("/0/row?source=rows", 404),
        ("/0/traces?length=many", 404), ("/0/traces?from=1.2", 404), ("/0/rejects?source=none", 404),
        ("/0/clusters/99", 404), ("/0/contamination/99", 404), ("/static/none.css", 404), ("/none", 404),
        ("/0/row/image?source=rows&file=rows.jsonl&row=1", 404), ("/0/traces?from=99999.0.0", 200),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(pages, address, status):
    assert "unexpected" not in pages.get(address, status)


def test_a_damaged_table_is_named(tmp_path, run):
    copy = shutil.copytree(run, tmp_path / "copy")
    table = min((copy / "rejects").glob("*.parquet"))
    table.write_bytes(table.read_bytes()[:-9])
    text = reader(copy).get("/0/rejects", 500)
    assert table.name in text
    assert "octomed verify" in text


def test_a_damaged_shard_is_named(tmp_path, run):
    copy = shutil.copytree(run, tmp_path / "copy")
    shard = next((copy / "len-00256").glob("shard*"))
    shard.write_bytes(shard.read_bytes()[:-9])
    assert "octomed verify" in reader(copy).get("/0/packs/len-00256/0", 500)


def test_a_run_that_is_packed_again_is_read_again(tmp_path, run):
    copy = shutil.copytree(run, tmp_path / "copy")
    pages = reader(copy)
    assert "1,024" in pages.get("/0/")
    made.pack(tmp_path / "again", pack={"capacity": 2048, "buckets": [256]})
    shutil.rmtree(copy)
    shutil.copytree(tmp_path / "again/run", copy)
    assert "2,048" in pages.get("/0/")


def test_a_growing_run_says_what_is_there(tmp_path, run):
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "octomed.json").unlink()
    pages = reader(copy)
    text = pages.get("/0/")
    assert "data-refresh" in text
    packs = json.loads((run / "octomed.json").read_text())["streams"]["len-00256"]["packs"]
    assert re.search(rf"len-00256</td>.*?{packs}</td>", text, re.DOTALL)
    assert "no process is at work on it" in text
    shutil.copy(run / "octomed.json", copy)
    assert "data-refresh" not in pages.get("/0/")
