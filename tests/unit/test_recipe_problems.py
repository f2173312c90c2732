"""What is said about a bad recipe: where, what, and a hint; everything at once."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from octomed.recipe import Problem, RecipeProblems, load_recipe
from octomed.recipe.explain import keys_at
from octomed.recipe.problems import nearest
from octomed.recipe.schema import MODELS

from tests.unit import recipes


def problems_of(folder: Path, recipe: object, *options: str) -> list[Problem]:
    with pytest.raises(RecipeProblems) as caught:
        load_recipe(recipes.write(folder, recipe), options)
    return list(caught.value.problems)


def problems_if_any(folder: Path, recipe: object) -> tuple[Problem, ...]:
    try:
        load_recipe(recipes.write(folder, recipe))
    except RecipeProblems as error:
        return error.problems
    return ()


def all_ways(values: object, way: tuple = ()) -> list[tuple]:
    if isinstance(values, dict):
        return [found for key in values for found in [(*way, key), *all_ways(values[key], (*way, key))]]
    if isinstance(values, list):
        return [found for index, item in enumerate(values) for found in all_ways(item, (*way, index))]
    return []


WAYS = all_ways(recipes.VALUES)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


@st.composite
def misspelt(draw: st.DrawFn, word: str) -> str:
    """One slip of the finger: a letter left out, doubled, changed, or swapped with the next."""
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
    ]
    return draw(st.sampled_from(slips))


def renamed(values: dict, way: tuple, name: str) -> dict:
    """Rename the key at `way`, keeping the order."""
    parent = values
    for part in way[:-1]:
        parent = parent[part]
    items = [(name if key == way[-1] else key, value) for key, value in parent.items()]
    parent.clear()
    parent.update(items)
    return values


@settings(max_examples=150, deadline=None)
@given(data=st.data(), way=st.sampled_from(WAYS))
def test_any_misspelt_key_is_found_in_its_line(data, way):
    word = data.draw(misspelt(way[-1]))
    siblings = keys_at(way[:-1], MODELS)
    assume(word and word not in siblings and word not in {key for found in WAYS for key in found})
    text = recipes.to_yaml(renamed(recipes.values(), way, word))
    with tempfile.TemporaryDirectory() as folder:
        problems = problems_of(Path(folder), text)
    found = [problem for problem in problems if problem.message.startswith(f"unknown key `{word}`")]
    assert len(found) == 1
    assume("` belongs in `" not in str(found[0].hint))  # another section's key: `mode`
    line = text.splitlines()[found[0].place.line - 1]
    assert line[found[0].place.column - 1 :].startswith((f"{word}:", f"'{word}':"))
    closest = nearest(word, siblings)
    assert closest is None or found[0].hint.startswith(f"did you mean `{closest}`?")
    assert f"`{way[-1]}`" in found[0].hint


@pytest.mark.parametrize("way", WAYS)
def test_one_letter_too_many_suggests_the_key(tmp_path, way):
    problems = problems_of(tmp_path, renamed(recipes.values(), way, way[-1] + "x"))
    assert any(str(problem.hint).startswith(f"did you mean `{way[-1]}`?") for problem in problems)


LEAVES = [way for way in WAYS if way[0] not in ("name", "model", "version")]


@settings(max_examples=100, deadline=None)
@given(way=st.sampled_from(LEAVES), junk=st.sampled_from([{"a": 1}, -5, "££", [], [{}], 1.5, {}, True]))
def test_a_bad_value_never_escapes_as_another_error(way, junk):
    values = recipes.values()
    parent = values
    for part in way[:-1]:
        parent = parent[part]
    parent[way[-1]] = junk
    with tempfile.TemporaryDirectory() as folder:
        assert all(problem.place.line >= 1 for problem in problems_if_any(Path(folder), values))


@settings(max_examples=100, deadline=None)
@given(text=st.one_of(st.text(max_size=200), st.text(" \t\n:-[]{}&*!|>'\"%@`#,?ab1", max_size=60)))
def test_any_text_is_a_recipe_or_a_problem(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(RecipeProblems):
            load_recipe(path)


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=60))
def test_any_bytes_are_a_problem(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(raw)
        with pytest.raises(RecipeProblems):
            load_recipe(path)


def test_all_problems_come_at_once(tmp_path):
    values = recipes.values()
    values["pack"]["capacity"] = "big"
    values["sources"][1]["pth"] = values["sources"][1].pop("path")
    values["report"] = {"sample": False}
    problems = problems_of(tmp_path, values)
    assert [problem.message for problem in problems] == [
        "`sources.second` has no key `path`",
        "unknown key `pth` in `sources.second`",
        "`pack.capacity` must be a whole number, not the text 'big'",
        "unknown key `sample` in `report`",
    ]
    lines = [problem.place.line for problem in problems]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "url", ["s3://bkt/x", "gs://bkt/x", "az://a/c/x", "hf://datasets/o/x", "https://h/x"]
)
@pytest.mark.parametrize("key", ["sources.0.format.image_root", "work.scratch"])
def test_addresses_are_refused_where_a_path_must_be_local(tmp_path, key, url):
    problem, *_ = problems_of(tmp_path, recipes.values(), f"{key}={url}")
    assert f"only a local path can stand here, not one of `{url.split(':')[0]}://`" in problem.message
    assert problem.hint == "copy the files to a local folder"


@pytest.mark.parametrize("url", ["hf://datasets/o/x", "https://host/x", "HTTP://host/x"])
@pytest.mark.parametrize("key", ["output.path", "output.copies", "work.path"])
def test_nothing_is_written_where_nothing_can_be(tmp_path, key, url):
    (problem,) = problems_of(tmp_path, recipes.values(), f"{key}={url}")
    assert f"nothing is written to `{url.split(':')[0].lower()}://`" in problem.message
    assert problem.hint == "write to a local folder, or to one of `s3://`, `gs://`, `az://`"


@pytest.mark.parametrize("key", ["output.path", "sources.0.path", "work.path", "work.scratch"])
@pytest.mark.parametrize(
    ("url", "said", "hint"),
    [
        ("ftp://b/x", "`ftp://` is not the scheme of a store", "write a path"),
        ("FILE:///x", "is a file of this machine", "write `/x`"),
        ("s3a://b/x", "`s3a://` is not the scheme", "did you mean `s3://bucket/path`?"),
    ],
)
def test_what_is_no_store_is_refused(tmp_path, key, url, said, hint):
    (problem,) = problems_of(tmp_path, recipes.values(), f"{key}={url}")
    assert said in problem.message
    assert hint in (problem.hint or "")


@pytest.mark.parametrize("key", ["output.path", "sources.0.path", "output.copies", "work.path"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("az://account", "names no account and container"),
        ("s3://bucket/../x", "has a part `..`"),
        ("gs://bucket/a//b", "has an empty part"),
        ("s3://bucket/a\\u0001b", "control character"),
    ],
)
def test_addresses_that_name_nothing_are_refused(tmp_path, key, url, said):
    (problem,) = problems_of(tmp_path, recipes.values(), f'{key}="{url}"')
    assert said in problem.message


def test_addresses_stay_as_they_are_but_for_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("ROOT", "s3://planted:SECRET1@bucket/rows")
    monkeypatch.setenv("SIGNATURE", "SECRET2")
    recipe = load_recipe(
        recipes.write(tmp_path, recipes.values()),
        [
            "sources.0.path=[$ROOT/part-?.parquet, 'https://me:SECRET3@host/a.jsonl?sig=$SIGNATURE']",
            "sources.1.path=HTTPS://host/b.csv?x=SECRET4#SECRET5",
            "output.path=s3://bucket/out/",
            "output.copies=[gs://bucket/copy, az://account/container/copy]",
            "work.path=s3://bucket/work",
            "work.max_size=50GB",
        ],
        check_files=False,
    )
    assert recipe.sources[0].path == ("s3://bucket/rows/part-?.parquet", "https://host/a.jsonl")
    assert recipe.sources[1].path == ("https://host/b.csv",)
    assert recipe.output.path == "s3://bucket/out"
    assert recipe.output.copies == ("gs://bucket/copy", "az://account/container/copy")
    assert (recipe.work.path, recipe.work.max_size) == ("s3://bucket/work", 50_000_000_000)
    assert recipe.canonical()["sources"][0]["path"][0] == "$ROOT/part-?.parquet"
    shown = f"{recipe.canonical()} {recipe.overrides} {recipe!r} {recipe.command('pack')} {recipe.addresses}"
    assert "SECRET" not in shown
    assert b"SECRET" not in pickle.dumps(recipe)


def test_problems_show_no_secrets(tmp_path):
    option = "sources.0.path=s3://me:SECRET@bucket/../x?token=SECRET"
    for problem in problems_of(tmp_path, recipes.values(), option, "pack.seed=https://h/x?y=SECRET"):
        assert "SECRET" not in f"{problem} {problem.hint} {problem.place}"


ROWS = "sources.0.path=s3://bucket/rows"
STORE = {"prefix": "s3://bucket", "endpoint": "http://localhost:9000", "region": "eu-west-1", "attempts": 3}


def test_stores_are_options_of_a_prefix(tmp_path, monkeypatch):
    monkeypatch.setenv("BUCKET", "s3://bucket")
    values = recipes.values() | {"stores": [STORE, {"prefix": "$BUCKET/a", "ca_bundle": "ca.pem"}]}
    recipe = load_recipe(
        recipes.write(tmp_path, values), ["sources.0.path=s3://bucket/rows"], check_files=False
    )
    assert recipe.stores is not None
    assert recipe.stores[0].endpoint == "http://localhost:9000"
    assert recipe.stores[1].ca_bundle == str(tmp_path / "ca.pem")
    assert recipe.canonical()["stores"][0] == STORE
    assert [note for note in recipe.notes() if "stores" in note] == [
        "`stores`: no address of the recipe begins with `s3://bucket/a`: not used"
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"prefix": "bucket"}, "a prefix is the beginning of addresses"),
        ({"prefix": "s3://"}, "names no bucket"),
        ({"prefix": "ftp://x"}, "`ftp://` is not the scheme of a store"),
        ({"region": "x"}, "has no key `prefix`"),
        ({"prefix": "s3://bkt", "secret_key": "x"}, "a recipe may not hold `secret_key`"),
        ({"prefix": "s3://bkt", "reigon": "x"}, "unknown key `reigon`"),
        ({"prefix": "gs://bkt", "region": "x"}, "`region` means nothing for `gs://`"),
        ({"prefix": "https://h/", "anonymous": True}, "`anonymous` means nothing for `https://`"),
        ({"prefix": "s3://bkt", "anonymous": True, "profile": "x"}, "`anonymous` sends no credentials"),
        ({"prefix": "s3://bkt", "endpoint": "localhost:9000"}, "this must be the address of a server"),
        ({"prefix": "s3://bkt", "proxy": "http://me:SECRET@host"}, "may not hold user names, passwords"),
        ({"prefix": "s3://bkt", "attempts": 0}, "must be at least 1"),
        ({"prefix": "s3://bkt", "timeout": 0}, "must be more than 0"),
    ],
)
def test_options_of_a_store_that_cannot_be(tmp_path, entry, said):
    problems = problems_of(tmp_path, recipes.values() | {"stores": [entry]})
    assert any(said in problem.message for problem in problems), problems
    assert not any("SECRET" in str(problem) for problem in problems)


def test_two_entries_of_one_prefix_are_refused(tmp_path):
    (problem,) = problems_of(tmp_path, recipes.values() | {"stores": [STORE, STORE]})
    assert "two entries have the prefix `s3://bucket`" in problem.message


@pytest.mark.parametrize("size", ["50", "0", "-1", "lots", "1.5TB", "true"])
def test_sizes_of_a_store(tmp_path, size):
    if size == "50":
        assert (
            load_recipe(recipes.write(tmp_path, recipes.values()), ["work.max_size=50"]).work.max_size == 50
        )
    else:
        (problem,) = problems_of(tmp_path, recipes.values(), f"work.max_size={size}")
        assert "work.max_size" in problem.message


def test_what_only_holds_the_signs_of_an_address_is_a_path_below_the_recipe(tmp_path, monkeypatch):
    """It was taken for an address, and looked for where the command was called."""
    folder = tmp_path / "recipes"
    (folder / "of s3:").mkdir(parents=True)
    (folder / "of s3:/a.jsonl").write_text("{}\n")
    monkeypatch.chdir(tmp_path)
    options = ["sources.0.path=of s3://a.jsonl", "output.path=a/b://c"]
    recipe = load_recipe(recipes.write(folder, recipes.values()), options)
    assert Path(recipe.output.path) == folder / "a/b:/c"
    assert str(folder) in str(recipe.sources[0].path)
    (problem,) = problems_of(folder, recipes.values(), "sources.0.path=of s3://b.jsonl")
    assert "b.jsonl" in problem.message


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("pack.capacity=true", "must be a whole number, not `true`"),
        ("pack.capacity=8", "must be at least 16, not `8`"),
        ("pack.capacity=1e9", "must be a whole number"),
        ("pack.capacity=99999999", "must be at most 16777216"),
        ("pack.buckets=[4096, 1024]", "the edges must ascend"),
        ("pack.buckets=1024", "must be a list, not `1024`"),
        ("output.compression=lz4", "`lz4` is not a compression"),
        ("output.compression=zstd:23", "`23` is not a level of `zstd`"),
        ("output.compression=snappy:1", "`snappy` has no levels"),
        ("output.hashes=[xxh3]", "`xxh3` is not a digest"),
        ("output.hashes=[sha1, sha1]", "a digest is named twice"),
        ("output.shard_size=12 parsecs", "`12 parsecs` is not a size"),
        ("output.shard_size=5GiB", "is not possible"),
        ("output.shard_size=١MB", "`١MB` is not a size"),
        ("output.shard_size=1e400", "this number is too large"),
        ("pack.capacity=1e400", "this number is too large"),
        ("pack.seed=-1e400", "this number is too large"),
        (f"pack.seed={'7' * 5000}", "this number is too large"),
        (f"pack.seed=0x{'f' * 6000}", "this number is too large"),
        ("sources=[]", "`sources` must not be empty"),
        ("sources.second.name=medqa", "two sources are named `medqa`"),
        ("sources.medqa.name=../x", "is not a name"),
        ("sources.medqa.path=[]", "must not be empty"),
        ("sources.medqa.path=", "must be a list, not nothing"),
        ("sources.medqa.path=''", "a path may not be empty"),
        ("sources.medqa.max_unreadable=2", "must be at most 1"),
        ("sources.medqa.on_bad_file=ignore", "may not be the text 'ignore'"),
        ("sources.medqa.format={question: q}", "has neither `response` nor `responses`"),
        ("sources.medqa.format={response: r}", "has neither `messages` nor `question`"),
        ("sources.medqa.format={}", "has neither `messages` nor `question`"),
        ("sources.medqa.format.responses=r", "`response` and `responses` exclude each other"),
        ("sources.second.format.reasoning=r", "`messages` and `reasoning` exclude each other"),
        (
            "sources.medqa.format={question: q, responses: r, reasoning: x}",
            "`responses` and `reasoning` exclude",
        ),
        ("sources.medqa.format.answer={any_of: []}", "must not be empty"),
        ("sources.medqa.format.answer={any_off: [x]}", "has no key `any_of`"),
        ("sources.medqa.format.answer=[x]", "must be text, not a list"),
        ("sources.medqa.format.options=3", "must be text, not `3`"),
        ("sources.second.format.messages={column: c, roles: {gpt: bot}}", "may not be the text 'bot'"),
        ("sources.medqa.format=huatuo", "unknown row format `huatuo`"),
        ("sources.medqa.path=nowhere/*.jsonl", "matches no file"),
        ("sources.medqa.path=nowhere.jsonl", "does not exist"),
        (
            "sources.medqa.path=$NO_SUCH_VARIABLE/x",
            "the variable `$NO_SUCH_VARIABLE` in this path is not set",
        ),
        ("sources.medqa.csv={quot: x}", "unknown key `quot` in `sources.medqa.csv`"),
        ("sources.medqa.csv=3", "must be a mapping"),
        ("sources.medqa.csv.delimiter=';;'", "must be one character of ASCII"),
        ("sources.medqa.csv.delimiter=，", "must be one character of ASCII"),
        ("sources.medqa.csv.quote=3", "must be one character of ASCII"),
        ('sources.medqa.csv.escape="\\n"', "must be one character of ASCII, and no line end"),
        ("sources.medqa.csv={delimiter: ';', quote: ';'}", "delimiter, quote and escape must differ"),
        ("sources.medqa.csv={quote: x, escape: x}", "delimiter, quote and escape must differ"),
        ("sources.medqa.csv={quote: ','}", "delimiter, quote and escape must differ"),
        ("supervise=first", "may not be the text 'first'"),
        ("system=3", "must be text, not `3`"),
        ("version=2", "this recipe is from a newer version (2); this octomed reads version 1"),
        ("version=0", "must be at least 1"),
        ("capacity=3", "unknown key `capacity`"),
    ],
)
def test_what_is_said_about_a_value(tmp_path, option, said):
    problems = problems_of(tmp_path, recipes.values(), option)
    assert said in problems[0].message, problems
    assert str(problems[0].place) == f"`--set {option}`"
    assert (
        len({problem.message for problem in problems if not problem.message.startswith("unknown key")}) <= 1
    )


def test_a_key_in_the_wrong_place_is_told_its_own(tmp_path):
    (problem,) = problems_of(tmp_path, recipes.values(), "capacity=3")
    assert problem.hint == "`capacity` belongs in `pack`"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("name: a\n\tmodel: b\n", (2, 1), "this is not YAML"),
        ("name: a: b\n", (1, 8), "this is not YAML"),
        ("name: 'a\n", (2, 1), "this is not YAML"),
        ("", (1, 1), "the recipe is empty"),
        ("# only a comment\n", (1, 1), "the recipe is empty"),
        ("- a\n- b\n", (1, 1), "a recipe is a mapping"),
        ("!x\na: 1\n", (1, 1), "the tag `!x` is not supported"),
        ("!!set {a}\n", (1, 1), "the tag `!!set` is not supported"),
        ("a: 1\n---\nb: 2\n", (2, 1), "expected a single document"),
        ("name: a\x00b\n", (1, 8), "is not allowed in YAML"),
        ("a: &a [*a]\n", (1, 4), "nested too deeply"),
        ("a: *b\n", (1, 4), "undefined alias"),
    ],
)
def test_what_is_said_about_bad_yaml(tmp_path, text, place, said):
    problems = problems_of(tmp_path, text)
    (found,) = [problem for problem in problems if said in problem.message]
    assert (found.place.line, found.place.column) == place


@pytest.mark.parametrize("text", ["!x\na: 1\n", "!!set {a}\n", "!x {a: 1}"])
def test_a_root_that_is_not_read_is_not_called_empty(tmp_path, text):
    assert len(problems_of(tmp_path, text)) == 1


@pytest.mark.parametrize("word", ["<<", "="])
def test_words_of_older_yaml_are_text(tmp_path, word):
    text = recipes.to_yaml(recipes.values()).replace("system: Think first.", f"system: {word}")
    assert load_recipe(recipes.write(tmp_path, text)).system == word
    assert load_recipe(recipes.write(tmp_path, recipes.values()), [f"system={word}"]).system == word


def test_a_key_given_twice_is_found(tmp_path):
    text = recipes.to_yaml(recipes.values()) + "name: again\n"
    (problem,) = problems_of(tmp_path, text)
    assert problem.message == "the key `name` is given twice"
    assert problem.place.line == len(text.splitlines())
    assert problem.hint == "it first occurs in line 2"


def test_aliases_cannot_multiply_without_end(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (problem,) = problems_of(tmp_path, "\n".join(lines))
    assert "too many values" in problem.message


def test_a_missing_recipe(tmp_path):
    with pytest.raises(RecipeProblems, match="this recipe does not exist"):
        load_recipe(tmp_path / "none.yaml")


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"name: a\nmodel: caf\xe9\n")
    with pytest.raises(RecipeProblems, match=r"recipe.yaml:2:11: this byte is not UTF-8"):
        load_recipe(path)
