"""Addresses: read, refused, and never with a secret in them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from octomed.errors import RecipeError
from octomed.stores.address import Address, is_address, signed_path, user_of

GOOD = {
    "s3://bucket": ("s3", "bucket", ""),
    "S3://bucket/a/b.parquet": ("s3", "bucket", "a/b.parquet"),
    "s3://bucket/a/": ("s3", "bucket", "a"),
    "s3://bucket/a?b*[c].parquet": ("s3", "bucket", "a?b*[c].parquet"),
    "s3://bucket/a%20b+c#d": ("s3", "bucket", "a%20b+c#d"),
    "gs://my_bucket.example/a b": ("gs", "my_bucket.example", "a b"),
    "az://account/container/path/x": ("az", "account/container", "path/x"),
    "az://account/$web": ("az", "account/$web", ""),
    "hf://datasets/owner/name": ("hf", "owner/name@main", ""),
    "hf://datasets/owner/name@v1.0/data/*.parquet": ("hf", "owner/name@v1.0", "data/*.parquet"),
    "hf://datasets/o/n@refs/convert/parquet/default": ("hf", "o/n@refs/convert/parquet", "default"),
    "hf://datasets/o/n@refs%2Fpr%2F1/a": ("hf", "o/n@refs/pr/1", "a"),
    "https://Example.org/a%20b/c%25d.parquet": ("https", "example.org", "a b/c%d.parquet"),
    "http://[::1]:8080/a": ("http", "[::1]:8080", "a"),
    "https://host/a+b?download=true": ("https", "host", "a+b"),
}
BAD = {
    "s3://": "names no bucket",
    "s3:///a": "names no bucket",
    "s3://b?cket/a": "has no bucket",
    "s3://bucket/a//b": "an empty part",
    "s3://bucket//a": "an empty part",
    "s3://bucket/../a": "a part `..`",
    "s3://bucket/a/.": "a part `.`",
    "s3://bucket/a\nb": "a control character",
    "s3://bucket/" + "x" * 1025: "more than 1024 bytes",
    "s3://bucket/a?versionId=1": "names one version",
    "az://account": "names no account and container",
    "hf://owner/name/a": "names no dataset",
    "hf://datasets/owner": "names no dataset",
    "https://": "names no host",
    "https://ho st/a": "names no host",
    "https://host/a%2Fb": "an encoded slash",
    "https://host/%ff": "not UTF-8",
    "s3a://bucket/a": "not the scheme",
    "hdfs://host/a": "not the scheme",
    "data/a.parquet": "is a path",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_read(text):
    assert is_address(text)
    address = Address.parse(text)
    assert (address.scheme, address.root, address.key) == GOOD[text]
    assert Address.parse(str(address)) == address
    assert pickle.loads(pickle.dumps(address)) == address


@pytest.mark.parametrize("text", BAD)
def test_what_is_refused(text):
    with pytest.raises(RecipeError, match=BAD[text]) as caught:
        Address.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [("s3a://b/a", "s3://"), ("gcs://b/a", "gs://"), ("abfss://c@a/x", "az://"), ("htps://h/a", "https://"),
     ("file:///data/a", "`/data/a`")],
)  # fmt: skip
def test_what_was_meant(text, hint):
    with pytest.raises(RecipeError) as caught:
        Address.parse(text)
    assert hint in caught.value.hint


SECRET = "pLaNtEd"


@pytest.mark.parametrize(
    "text",
    [
        f"s3://key:{SECRET}@bucket/a", f"s3://bucket/a?X-Amz-Signature={SECRET}&b=1", f"https://u:{SECRET}@host/a",
        f"https://host/a?sig={SECRET}#{SECRET}", f"az://account/container/a?sv=1&sig={SECRET}",
        f"gs://{SECRET}@bucket/a", f"hf://user:{SECRET}@datasets/owner/name/a", f"https://host/a#{SECRET}",
    ],
)  # fmt: skip
def test_secrets_are_cut(text):
    address = Address.parse(text)
    for shown in (
        str(address),
        repr(address),
        str(address.__dict__),
        str(pickle.dumps(address)),
        f"{address.child('b')}",
    ):
        assert SECRET not in shown
    assert address.name == "a"


@pytest.mark.parametrize(
    "text", [f"s3://key:{SECRET}/x@bucket/a", f"https://key:{SECRET}/x@host/a", f"az://a:{SECRET}/c/x"]
)
def test_secrets_that_cannot_be_cut_are_refused_unseen(text):
    with pytest.raises(RecipeError) as caught:
        Address.parse(text)
    assert SECRET not in f"{caught.value!r} {caught.value.hint}"


def test_the_query_of_the_web_is_kept_in_memory():
    address = Address.parse("https://me%40home:p@host/a%2Bsigned?X-Amz-Signature=1&b=2")
    assert signed_path(address) == "a%2Bsigned?X-Amz-Signature=1&b=2"
    assert signed_path(Address.parse("https://host/a+signed")) == signed_path(
        address
    )  # out of a file of ours
    assert signed_path(Address.parse("https://host/other")) == ""
    assert user_of(Address.parse("https://host/other")) == "me@home:p"
    assert user_of(Address.parse("https://host:1/other")) == ""


parts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=40
)
keys = st.lists(parts.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=4).map("/".join)
roots = st.sampled_from(
    ["s3://bucket", "gs://b-2", "az://account/container", "hf://datasets/o/n", "https://host:1"]
)


@given(roots, keys)
@example("s3://bucket", "a?versionId=1")
@example("az://account/container", "a?sig=1/b")
def test_what_is_listed_has_an_address_that_is_read_again(root, key):
    address = Address.parse(root).child(key)
    assert address.key == key
    text = str(address)
    assert Address.parse(text) == address
    assert Address.parse(str(address.parent)) == address.parent
    assert address.parent.child(address.name) == address


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for begin in ("", "s3://", "az://a/", "hf://datasets/", "https://", "s3://bucket/", "https://host/"):
        try:
            address = Address.parse(begin + text)
        except RecipeError as error:
            assert error.hint  # noqa: PT017
        else:
            assert Address.parse(str(address)) == address
            assert len(address.key.encode()) <= 1024


def test_an_address_is_read_without_a_client():
    script = (
        "import sys, octomed.stores.address, octomed.stores.options\n"
        "assert not {'obstore', 'boto3', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_recipe_of_paths_loads_no_client():
    script = (
        "import sys\nfrom octomed.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    assert not {'obstore', 'boto3', 'huggingface_hub'} & set(sys.modules), sys.modules"
    )
    command = [sys.executable, "-c", script, "check", "recipes/quickstart.yaml"]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], capture_output=True)
