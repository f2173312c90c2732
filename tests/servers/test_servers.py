"""The servers speak as stores do: foreign clients read and write them; faults are what they are called."""

from __future__ import annotations

import contextlib
import io
import socket
from datetime import timedelta

import pytest

from tests.servers.faults import ALL, BEFORE, PAGE
from tests.servers.message import read_request

obstore = pytest.importorskip("obstore")
from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store  # noqa: E402

KINDS = ["s3", "gcs", "azure"]
ONCE = {"max_retries": 0}
PART = bytes(range(256)) * (5 << 12)


def store_of(server):
    """A client of a server, which tries once."""
    options = {"allow_http": True, "timeout": timedelta(seconds=5)}
    shared = {"client_options": options, "retry_config": ONCE}
    if server.kind == "s3":
        keys = {"access_key_id": "octomed-key", "secret_access_key": "s", "region": "us-east-1"}
        return S3Store("octomed", endpoint=server.url, **keys, **shared)
    if server.kind == "gcs":
        return GCSStore("octomed", base_url=server.url, bearer_token="token", **shared)
    if server.kind == "azure":
        account = {"account_name": "octomedaccount", "account_key": "cGxhbnRlZA=="}
        return AzureStore("octomed", endpoint=server.url, **account, **shared)
    return HTTPStore(f"{server.url}/octomed", **shared)


def test_objects_are_read_and_written(served):
    for kind in KINDS:
        server = served(kind)
        store = store_of(server)
        obstore.put(store, "a/b c+d é.bin", b"0123456789")
        assert server.get("a/b c+d é.bin") == b"0123456789"
        found = obstore.head(store, "a/b c+d é.bin")
        assert (found["size"], found["path"]) == (10, "a/b c+d é.bin")
        assert bytes(obstore.get_range(store, "a/b c+d é.bin", start=2, length=3)) == b"234"
        assert bytes(obstore.get(store, "a/b c+d é.bin").bytes()) == b"0123456789"
        with pytest.raises(FileNotFoundError):
            obstore.get(store, "nothing")
        obstore.delete(store, "a/b c+d é.bin")
        assert server.names() == []


def test_large_objects_come_in_parts(served):
    for kind in KINDS:
        server = served(kind)
        data = PART * 3 + b"end"
        obstore.put(store_of(server), "large", data, use_multipart=True, chunk_size=5 << 20)
        assert server.get("large") == data
        assert server.counts()["put"] >= 4
        assert server.counts()["uploads"] == 0


def test_writes_with_a_condition(served):
    for kind in KINDS:
        server = served(kind)
        store = store_of(server)
        made = {key: value for key, value in obstore.put(store, "lock", b"1", mode="create").items() if value}
        with pytest.raises(obstore.exceptions.AlreadyExistsError):
            obstore.put(store, "lock", b"2", mode="create")
        obstore.put(store, "lock", b"3", mode=made)
        with pytest.raises(obstore.exceptions.PreconditionError):
            obstore.put(store, "lock", b"4", mode=made)
        assert server.get("lock") == b"3"
        with pytest.raises(obstore.exceptions.PreconditionError):
            obstore.get(store, "lock", options={"if_match": made["e_tag"]}).bytes()


def test_listings_come_in_pages(served):
    for kind in KINDS:
        server = served(kind)
        server.many("a/{:03}.jsonl", 25, "{}")
        server.put("b/c", b"")
        server.set(page=10)
        store = store_of(server)
        found = [one for page in obstore.list(store, "a") for one in page]
        assert [one["path"] for one in found] == [f"a/{number:03}.jsonl" for number in range(25)]
        assert server.counts()["get"] >= 3
        folders = obstore.list_with_delimiter(store)
        assert (folders["common_prefixes"], folders["objects"]) == (["a", "b"], [])


def test_files_of_the_web(web):
    web.put("a", b"0123456789")
    store = store_of(web)
    assert bytes(obstore.get_range(store, "a", start=2, length=3)) == b"234"
    web.set(ranges=False)
    with pytest.raises(Exception, match=r"[Rr]ange"):
        obstore.get_range(store, "a", start=2, length=3)


def test_a_data_set_of_the_hub(hub):
    from urllib.request import Request, urlopen

    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.utils import RepositoryNotFoundError

    hub.put("a.jsonl", b"{}\n")
    hub.put("deep/b.parquet", b"x" * 5000)
    hub.set(page=1)
    api = HfApi(hub.url, token="hf_planted_token")
    commit = api.dataset_info("octomed/data", revision="main").sha
    listed = api.list_repo_tree("octomed/data", repo_type="dataset", recursive=True)
    assert {one.path: one.size for one in listed} == {"a.jsonl": 3, "deep/b.parquet": 5000}
    hub.put("a.jsonl", b"newer\n")
    address = hf_hub_url("octomed/data", "a.jsonl", repo_type="dataset", revision=commit, endpoint=hub.url)
    assert urlopen(address).read() == b"{}\n"
    address = hf_hub_url("octomed/data", "deep/b.parquet", repo_type="dataset", endpoint=hub.url)
    with urlopen(Request(address, headers={"Range": "bytes=10-19"})) as answer:
        assert (answer.read(), answer.status) == (b"x" * 10, 206)
    hub.set(anonymous=False, keys=["other"])
    with pytest.raises(RepositoryNotFoundError):
        HfApi(hub.url, token=False).dataset_info("octomed/data")


REFUSED = r"40\d|507|denied|Forbidden|credentials|authenticat|ermission"


@pytest.mark.parametrize(
    "rules", [{"keys": ["other"]}, {"readonly": True}, {"quota": 5}, {"expire_after": 0}, {"clock": 3600}]
)
def test_what_is_refused(served, rules):
    for kind in KINDS:
        server = served(kind)
        store = store_of(server)
        server.set(**rules)
        if kind == "gcs" and "clock" in rules:
            continue
        with pytest.raises(Exception, match=REFUSED):
            obstore.put(store, "a", b"0123456789")
        assert server.names() == []


@pytest.mark.parametrize("kind", ALL)
def test_faults_are_what_they_are_called(served, kind):
    server = served("s3")
    server.put("a", b"0123456789" * 10)
    store = store_of(server)
    server.set(rate=1.0, kinds=[kind], hang=0.1)
    if kind == "html":
        got = _bare(server, "GET /octomed/a HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n")
        assert PAGE in got
        assert b" 200 " in got
    else:
        with pytest.raises(Exception, match=r"."):
            assert bytes(obstore.get_range(store, "a", start=0, length=10)) == b"0123456789"
    server.set(rate=1.0, kinds=[kind], most=1)
    with pytest.raises(Exception, match=r"."):
        obstore.put(store, "b", b"1")
    assert server.names("b") == ([] if kind in BEFORE else ["b"])
    assert bytes(obstore.get(store, "a").bytes()) == b"0123456789" * 10
    assert server.counts()[f"fault_{kind}"] >= 2


def _bare(server, text):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(text.encode())
        return client.recv(1 << 16)


def test_an_object_is_replaced_and_bytes_are_counted(fast_s3):
    fast_s3.put("a", b"before")
    fast_s3.replace("a", b"after", 2)
    store = store_of(fast_s3)
    assert [bytes(obstore.get(store, "a").bytes()) for _ in range(3)] == [b"before", b"before", b"after"]
    counts = fast_s3.counts()
    assert (counts["requests"], counts["bytes_out"], counts["get"]) == (3, 17, 3)
    assert counts["cpu"] > 0


def test_the_proxy_stands_before_another_server(proxy, fast_s3):
    proxy.front(fast_s3.url)
    keys = {"access_key_id": "octomed-key", "secret_access_key": "s", "region": "us-east-1"}
    store = S3Store(
        "octomed", endpoint=proxy.url, client_options={"allow_http": True}, retry_config=ONCE, **keys
    )
    obstore.put(store, "a", b"1")
    assert bytes(obstore.get(store, "a").bytes()) == b"1"
    proxy.set(rate=1.0, kinds=["error_503"])
    with pytest.raises(Exception, match="503"):
        obstore.get(store, "a")
    assert fast_s3.names() == ["a"]


def test_other_clients_of_s3(fast_s3, tmp_path):
    boto3 = pytest.importorskip("boto3")
    from pyarrow import fs

    client = boto3.client("s3")
    (tmp_path / "file").write_bytes(PART * 2)
    client.upload_file(str(tmp_path / "file"), "octomed", "by/boto")
    assert fast_s3.get("by/boto") == PART * 2
    client.put_object(Bucket="octomed", Key="small", Body=b"1")
    assert client.get_object(Bucket="octomed", Key="small")["Body"].read() == b"1"
    assert [one["Key"] for one in client.list_objects_v2(Bucket="octomed")["Contents"]] == [
        "by/boto",
        "small",
    ]
    place = fs.S3FileSystem(endpoint_override=fast_s3.url.removeprefix("http://"), scheme="http")
    with place.open_output_stream("octomed/by/arrow") as out:
        out.write(PART)
    assert place.open_input_file("octomed/by/arrow").read() == PART
    names = [one.path for one in place.get_file_info(fs.FileSelector("octomed/by"))]
    assert sorted(names) == ["octomed/by/arrow", "octomed/by/boto"]


@pytest.mark.parametrize(
    "request_",
    [
        b"PUT /octomed/a HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n0123",
        b"PUT /octomed/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n012\r\n1\r\n3\r\n0\r\n\r\n",
    ],
    ids=["whole", "in chunks"],
)
def test_a_request_that_is_cut_anywhere_is_none(request_):
    found = read_request(io.BytesIO(request_), lambda: None)
    assert found is not None
    assert (found.method, found.body) == ("PUT", b"0123")
    for end in range(len(request_)):
        with contextlib.suppress(ValueError):  # which ends the connection, too
            assert read_request(io.BytesIO(request_[:end]), lambda: None) is None, request_[:end]


def test_a_server_with_tls(served):
    server = served("web", tls=True)
    server.put("a", b"1")
    options = {"root_certificate": server.authority.read_bytes()}
    store = HTTPStore(f"{server.url}/octomed", client_options=options, retry_config=ONCE)
    assert bytes(obstore.get(store, "a").bytes()) == b"1"
