"""Whole runs from and to stores that fail: the same bytes, or exit 4 with address, reason and hint."""

from __future__ import annotations

import json
import random
import re
import shutil
import signal
import time
from datetime import timedelta

import octomed
import pytest

pytest.importorskip("obstore")
from octomed.errors import RecipeError
from octomed.stores import attempts, connecting

from tests.servers.credentials import SECRET
from tests.servers.faults import Faults
from tests.servers.fixtures import in_environment
from tests.servers.rules import Rules

from . import runs

WRITABLE = ["fast_s3", "gcs", "azure"]
ROWS = 60
SAYS_WHOLE = ("index.json", "octomed.json")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A recipe over files of three formats, and what its run in a folder is."""
    folder = tmp_path_factory.mktemp("local")
    runs.make_inputs(folder, rows=ROWS)
    path = runs.write_recipe(folder, runs.values())
    process = runs.start(path, pause=0)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses of milliseconds."""
    backoff = {"init_backoff": timedelta(seconds=0.01), "max_backoff": timedelta(seconds=0.1), "base": 2}
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(attempts, "_LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(connecting, "retry_config", lambda many: {"max_retries": many, "backoff": backoff})


def contents(folder):
    """Digest of every file; of `octomed.json` all that does not say where something lies."""
    said = json.loads((folder / "octomed.json").read_text())
    for name in ("run", "inputs"):
        said.pop(name, None)
    for source in said["recipe"]["sources"]:
        del source["path"]
    del said["recipe"]["output"]["path"]
    for name in ("stores", "work"):
        said["recipe"].pop(name, None)
    return runs.contents(folder) | {"octomed.json": json.dumps(said, sort_keys=True)}


def at_store(folder, local, server, *, output=True, **stores):
    """Write the recipe with its sources, and its output, at a server."""
    recipe = json.loads(local.read_text())
    for name in ("questions", "chats", "chains"):
        source = next(one for one in recipe["sources"] if one["name"] == name)
        source["path"] = _addressed(server, source["path"])
    if output:
        recipe["output"]["path"] = f"{server.root}/run"
    recipe["stores"] = [{"prefix": server.root, "timeout": 5.0, **stores}]
    return runs.write_recipe(folder, recipe)


def _addressed(server, path):
    if server.kind == "web":  # which lists nothing
        return [f"{server.root}/{name}" for name in server.names("data/") if _fits(name, path)]
    return f"{server.root}/{path}"


def _fits(name, path):
    return name.startswith(path.rstrip("*.jsonl").rstrip("/")) or name == path


def uploaded(server, local):
    """Have a server hold the inputs, past all faults."""
    server.upload(local.parent / "data", "data")
    return server


def is_the_local_run(server, local, tmp_path):
    got = server.download("run", tmp_path / "got")
    assert contents(got) == contents(local.parent / "out")
    assert octomed.verify(got).findings == ()
    shutil.rmtree(got)


@pytest.mark.parametrize("kind", WRITABLE)
def test_a_fifth_of_all_requests_fails(kind, request, local, tmp_path):
    server = uploaded(request.getfixturevalue(kind), local)
    recipe = at_store(tmp_path, local, server)
    server.set(rate=0.2, hang=0.1, seed=3)
    summary = runs.pack(recipe)
    assert summary.traffic[server.root]["retries"] > 5
    assert octomed.verify(f"{server.root}/run").findings == ()
    assert runs.pack(recipe).already_done
    counts = server.counts()
    server.set(rate=0)
    assert counts["faults"] > 10
    is_the_local_run(server, local, tmp_path)


@pytest.mark.parametrize(
    "kind", ["fast_s3", *(pytest.param(one, marks=pytest.mark.long) for one in WRITABLE[1:])]
)
def test_a_working_store_at_an_address_while_requests_fail(kind, request, local, tmp_path):
    """Another machine, without blocks of its own, goes on from what is there, to the same bytes."""
    server = uploaded(request.getfixturevalue(kind), local)
    recipe = at_store(tmp_path, local, server)
    work = [f"work.path={server.root}/work", "work.scratch=scratch"]
    server.set(rate=0.2, hang=0.1, seed=4)
    runs.pack(recipe, *work)
    is_the_local_run(server, local, tmp_path)
    shutil.rmtree(tmp_path / "scratch")
    for name in server.names("run/"):
        server.delete(name)
    summary = runs.pack(recipe, *work)
    assert summary.blocks_scanned == 0
    server.set(rate=0)
    is_the_local_run(server, local, tmp_path)


@pytest.mark.parametrize("kind", ["hub", "web"])
def test_a_fifth_of_all_requests_for_sources_fails(kind, request, local, tmp_path):
    server = uploaded(request.getfixturevalue(kind), local)
    recipe = at_store(tmp_path, local, server, output=False)
    server.set(rate=0.2, hang=0.1, seed=3)
    runs.pack(recipe)
    assert server.counts()["faults"] > 3
    assert contents(tmp_path / "out") == contents(local.parent / "out")


REFUSED = {
    "no credentials": (
        {},
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        "there are no credentials",
    ),
    "wrong ones": ({"keys": ["other"]}, {}, "does not accept the credentials"),
    "expired in the middle": ({"expire_after": 25}, {}, "have expired"),
    "read-only": ({"readonly": True}, {}, "the store refuses access"),
    "full": ({"quota": 60_000}, {}, "full, or a quota is reached"),
    "clock": ({"clock": 3600}, {}, "clock of this machine is wrong"),
    "html": ({"rate": 1.0, "kinds": ["html"]}, {}, "HTML|not a store's"),
    "gone": ({"rate": 1.0, "kinds": ["reset"]}, {}, "cannot be reached|connection"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_store_that_refuses(case, fast_s3, local, tmp_path, monkeypatch, capsys):  # noqa: PLR0913, PLR0917
    rules, variables, reason = REFUSED[case]
    server = uploaded(fast_s3, local)
    recipe = at_store(tmp_path, local, server, attempts=3)
    in_environment(monkeypatch, {**server.environment, **variables})
    server.set(**rules)
    code, said = runs.fails(capsys, "pack", recipe)
    assert code == 4, said
    assert re.search(reason, said), said
    assert "`s3://octomed" in said
    assert "hint: " in said
    assert SECRET not in said
    assert not [name for name in server.names("run/") if name.endswith(SAYS_WHOLE)]
    server.set(**{name: getattr(Rules() if hasattr(Rules(), name) else Faults(), name) for name in rules})
    in_environment(monkeypatch, server.environment)
    runs.pack(recipe)
    is_the_local_run(server, local, tmp_path)


def test_no_such_bucket(fast_s3, local, tmp_path, capsys):
    recipe = at_store(tmp_path, local, uploaded(fast_s3, local))
    for key in ("output.path=s3://nothing-here/run", "sources.questions.path=s3://nothing-here/data/"):
        code, said = runs.fails(capsys, "pack", recipe, "--set", key)
        assert code == 4, said
        assert "`s3://nothing-here" in said
        assert "there is no such bucket" in said


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_run_that_is_killed_while_it_uploads(kills, fast_s3, local, tmp_path):
    server = uploaded(fast_s3, local)
    recipe = at_store(tmp_path, local, server)
    server.set(rate=0.2, kinds=["error_503", "late_500", "reset", "late_reset"], latency=0.005)
    draw, left = random.Random(11), kills
    while left:
        process = runs.start(recipe, pause=0.01)
        many = server.counts().get("put", 0) + draw.randint(1, 25)
        while process.poll() is None and server.counts().get("put", 0) < many:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if "run/octomed.json" in server.names("run/"):  # it was done before: it begins anew
            is_the_local_run(server, local, tmp_path)
            for name in server.names("run/"):
                server.delete(name)
            continue
        left -= 1
        if process.returncode == -signal.SIGKILL:
            with pytest.raises(RecipeError, match="holds no finished run"):
                octomed.verify(server.download("run", tmp_path / "half"))
            shutil.rmtree(tmp_path / "half", ignore_errors=True)
        if draw.random() < 0.3:  # another machine goes on
            shutil.rmtree(tmp_path / "store", ignore_errors=True)
    server.set(rate=0)
    runs.pack(recipe)
    is_the_local_run(server, local, tmp_path)
    assert not list((tmp_path / "store").rglob("*.tmp*"))


def test_an_object_that_is_replaced_during_the_run(fast_s3, local, tmp_path, capsys):
    server = uploaded(fast_s3, local)
    recipe = at_store(tmp_path, local, server)
    name = "data/questions/b.jsonl"
    server.replace(name, server.get(name).replace(b"a", b"e"), after=1)
    code, said = runs.fails(capsys, "pack", recipe)
    assert code == 4, said
    assert f"`{server.root}/{name}` changed" in said
    assert "hint: " in said
    uploaded(server, local)
    runs.pack(recipe)
    is_the_local_run(server, local, tmp_path)
