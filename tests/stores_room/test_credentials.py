"""Who asks a store: credentials of variables and profiles, renewed ones, and none; proxies; certificates."""

from __future__ import annotations

import os
import pickle
import stat
import sys

import pytest
from octomed.errors import RecipeError, StorageError
from octomed.stores.address import Address
from octomed.stores.aws_keys import AwsKeys
from octomed.stores.buckets import forget_buckets
from octomed.stores.client import open_store
from octomed.stores.options import StoreOptions, configure, options_for
from octomed.stores.traffic import traffic

SECRET = "pLaNtEd-secret"
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def files(tmp_path, fast_s3, monkeypatch):
    """A folder of AWS's files, and an environment without keys."""
    folder = tmp_path / "aws"
    folder.mkdir()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    fast_s3.set(keys=["theirs"], anonymous=False)
    return folder


def write_keys(folder, server, *, key="theirs", profile="work"):
    title = "default" if profile == "default" else f"profile {profile}"
    (folder / "config").write_text(f"[{title}]\nregion = eu-west-3\nendpoint_url = {server.url}\n")
    (folder / "credentials").write_text(
        f"[{profile}]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n"
        f"aws_session_token = {SECRET}-t\n"
    )


@pytest.mark.parametrize("by", ["option", "AWS_PROFILE", "default"])
def test_a_profile_with_keys(files, fast_s3, monkeypatch, by):
    write_keys(files, fast_s3, profile="default" if by == "default" else "work")
    if by == "option":
        configure([StoreOptions("s3://octomed", profile="work")])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    elif by == "AWS_PROFILE":
        monkeypatch.setenv("AWS_PROFILE", "work")
    store = open_store(f"{fast_s3.root}/run")
    store.put("a", b"1")
    head = fast_s3.heads()[-1]
    assert "theirs/" in head["authorization"]
    assert "/eu-west-3/" in head["authorization"]
    assert head["x-amz-security-token"] == f"{SECRET}-t"


@pytest.mark.usefixtures("files")
def test_a_profile_that_there_is_not(fast_s3):
    configure([StoreOptions(profile="wrok")])
    with pytest.raises(RecipeError, match=r"no profile `wrok` of AWS"):
        open_store(fast_s3.root).names()


def test_a_broken_file_of_profiles_is_not_quoted(files, fast_s3):
    (files / "credentials").write_text(f"aws_secret_access_key {SECRET}\n[work\n")
    with pytest.raises(StorageError, match=r"cannot read `.*credentials`") as caught:
        open_store(fast_s3.root).names()
    assert SECRET not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__}"


def test_a_profile_that_asks_a_process(files, fast_s3):
    pytest.importorskip("boto3")
    script = files / "keys"
    script.write_text(
        f"#!{sys.executable}\nimport json\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': 'theirs', 'SecretAccessKey': '{SECRET}'}}))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (files / "config").write_text(
        f"[profile work]\ncredential_process = {script}\nendpoint_url = {fast_s3.url}\nregion = us-east-1\n"
    )
    configure([StoreOptions(profile="work")])
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    assert store.read("a") == b"1"
    keys = store.bucket.client.credential_provider
    assert SECRET not in f"{keys!r} {pickle.dumps(keys)!r}"


def test_a_process_that_gives_no_keys(files, fast_s3):
    pytest.importorskip("boto3")
    (files / "config").write_text(
        f"[profile work]\ncredential_process = /bin/false {SECRET}\nendpoint_url = {fast_s3.url}\n"
    )
    configure([StoreOptions(profile="work")])
    with pytest.raises(StorageError, match="nothing gives the credentials") as caught:
        open_store(fast_s3.root).put("a", b"1")
    assert SECRET not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__}"
    assert fast_s3.counts()["requests"] == 0


def test_a_profile_that_asks_somebody_wants_a_package(files, fast_s3, monkeypatch):
    (files / "config").write_text("[profile work]\nsso_session = x\n")
    monkeypatch.setitem(sys.modules, "boto3", None)
    configure([StoreOptions(profile="work")])
    with pytest.raises(StorageError, match="needs `boto3`") as caught:
        open_store(fast_s3.root).names()
    assert caught.value.hint == "`pip install '.[s3]'`"


def test_credentials_that_expire_are_read_again(files, fast_s3):
    write_keys(files, fast_s3, key="old", profile="default")
    fast_s3.set(keys=["old"])
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    fast_s3.set(keys=["new"], expire_after=0)
    write_keys(files, fast_s3, key="new", profile="default")
    with pytest.raises(StorageError, match="does not accept the credentials"):
        store.read("a")
    fast_s3.set(keys=None)
    with pytest.raises(StorageError, match="expired") as caught:
        store.read("a")
    assert "renew them" in caught.value.hint
    assert "new/" in fast_s3.heads()[-1]["authorization"]
    fast_s3.set(expire_after=None, keys=["new"])
    assert store.read("a") == b"1"


@pytest.mark.usefixtures("files")
def test_anonymous(fast_s3):
    fast_s3.set(anonymous=True, keys=["nobody"])
    configure([StoreOptions(anonymous=True, endpoint=fast_s3.url)])
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    assert "authorization" not in fast_s3.heads()[-1]


def test_requester_pays_and_kms(fast_s3):
    configure([StoreOptions(requester_pays=True, kms_key="arn:aws:kms:x:1:key/2")])
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    head = fast_s3.heads()[-1]
    assert head["x-amz-request-payer"] == "requester"
    assert head["x-amz-server-side-encryption"] == "aws:kms"
    assert head["x-amz-server-side-encryption-aws-kms-key-id"] == "arn:aws:kms:x:1:key/2"


@pytest.mark.parametrize("name", ["profile", "role", "kms_key", "region"])
def test_options_of_another_store_are_refused(gcs, azure, name):
    configure([StoreOptions(**{name: "x"})])
    for address in (gcs.root, azure.root):
        with pytest.raises(RecipeError, match=f"`{name}` below `stores` is only for S3"):
            open_store(address).names()


def test_the_longest_prefix_counts():
    options = [
        StoreOptions(timeout=1),
        StoreOptions("s3://b/a", timeout=2),
        StoreOptions("s3://b", timeout=3),
    ]
    configure(options)
    for text, timeout in (
        ("s3://b/a/x", 2),
        ("s3://b/ab", 3),
        ("s3://c/a", 1),
        ("s3://b/a", 2),
        ("s3://b", 3),
    ):
        assert options_for(Address.parse(text)).timeout == timeout
    configure([StoreOptions("hf://datasets/o/n/data", timeout=4)])
    for text, timeout in (("hf://datasets/o/n@v1/data/a", 4), ("hf://datasets/o/n", 60.0)):
        assert options_for(Address.parse(text)).timeout == timeout


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0}, {"timeout": 0}, {"connections": 0}, {"proxy": f"http://u:{SECRET}@host:1"},
        {"endpoint": f"https://{SECRET}@host"}, {"anonymous": True, "profile": "a"}, {"prefix": "s4://x"},
    ],
)  # fmt: skip
def test_options_that_mean_nothing(options):
    with pytest.raises(RecipeError) as caught:
        StoreOptions(**options)
    assert SECRET not in f"{caught.value!r} {caught.value.hint}"


def test_a_proxy(fast_s3, proxy, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    configure([StoreOptions(proxy=proxy.url)])
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    assert store.read("a") == b"1"
    assert proxy.counts()["requests"] == 2


def test_a_proxy_of_the_environment(fast_s3, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    forget_buckets()
    open_store(fast_s3.root).put("a", b"1")
    assert proxy.counts()["requests"] == 1


@pytest.mark.parametrize("by", ["ca_bundle", "AWS_CA_BUNDLE", "SSL_CERT_FILE", None])
def test_an_authority_of_one_s_own(served, monkeypatch, by):
    server = served("s3", tls=True)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    bundle = str(server.authority)
    configure([StoreOptions(ca_bundle=bundle, timeout=5)] if by == "ca_bundle" else [StoreOptions(timeout=5)])
    if by and by != "ca_bundle":
        monkeypatch.setenv(by, bundle)
    forget_buckets()
    store = open_store(server.root)
    if by is None:
        with pytest.raises(StorageError, match="its certificate is not trusted") as caught:
            store.put("a", b"1")
        assert "ca_bundle" in caught.value.hint
    else:
        store.put("a", b"1")
        assert store.read("a") == b"1"


def test_a_bundle_that_is_not_there(fast_s3):
    configure([StoreOptions(ca_bundle="/none.pem")])
    with pytest.raises(StorageError, match=r"cannot read the certificates `/none\.pem`"):
        open_store(fast_s3.root).names()


def test_nothing_that_is_shown_or_pickled_has_a_secret(fast_s3, files):
    write_keys(files, fast_s3, profile="default")
    store = open_store(f"{fast_s3.root}/run")
    store.put("a", b"1")
    shown = [
        store,
        store.bucket,
        store.bucket.options,
        store.bucket.attempts,
        AwsKeys(StoreOptions()),
        traffic(),
    ]
    assert SECRET not in " ".join(f"{one!r} {one}" for one in shown)
    again = pickle.loads(pickle.dumps(store))
    assert again.read("a") == b"1"
    assert SECRET.encode() not in pickle.dumps([store, store.bucket.options, AwsKeys(StoreOptions())])
    fast_s3.set(keys=["another"])
    with pytest.raises(StorageError) as caught:
        store.put("a", b"2")
    assert SECRET not in f"{caught.value!r} {caught.value.hint} {pickle.dumps(caught.value)!r}"


def test_a_process_that_was_forked_is_told_instead_of_waiting_without_end(fast_s3):
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    child = os.fork()
    if not child:
        try:
            store.read("a")
        except StorageError as error:
            os._exit(7 if "was forked off" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_role(s3):
    pytest.importorskip("boto3")
    configure([StoreOptions(role="arn:aws:iam::123456789012:role/reader", timeout=10)])
    store = open_store(s3.address("run"))
    store.put("a", b"1")
    assert store.read("a") == b"1"
    keys = store.bucket.client.credential_provider()
    assert keys["token"]
    assert keys["access_key_id"] != "test"
