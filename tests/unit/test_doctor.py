"""`octomed doctor`: what is found, what fails, and what a bug report never holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from octomed.cli.app import run
from octomed.pipeline.doctor import credentials, disk, machine
from octomed.pipeline.doctor.doctor import diagnose
from octomed.report.diagnosis import Finding, shortened

from tests.unit import recipes

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED0001",
    "AWS_SECRET_ACCESS_KEY": "planted-secret-of-aws",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=planted-key-of-azure",
    "HF_TOKEN": "hf_planted",
    "HTTPS_PROXY": "http://planted-user:planted-password@proxy.invalid:3128",
}


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """A look at a disk of milliseconds."""
    monkeypatch.setattr(disk, "_MOST_BYTES", 2**23)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a recipe in it, and no credentials of this machine."""
    for names in credentials._STORES.values():
        for name in names[0]:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "planted-home"))
    (tmp_path / "planted-home/.aws").mkdir(parents=True)
    (tmp_path / "planted-home/.aws/credentials").write_text(
        "[default]\naws_secret_access_key = planted-in-a-file\n"
    )
    return tmp_path / "planted-home"


def write(folder: Path, **changed: object) -> Path:
    values = recipes.values()
    values["sources"] = [{"name": "only", "path": "data/*.jsonl", "format": "octomed"}]
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/a.jsonl").write_text('{"question": "q", "responses": ["r"]}\n')
    return recipes.write(folder, values | changed)


def found(capsys, *words: object) -> tuple[int, dict[str, dict], str]:
    """Exit code, findings by their names, and all that is printed."""
    capsys.readouterr()
    code = run(["doctor", *map(str, words), "--json"])
    said = capsys.readouterr()
    values = json.loads(said.out)
    by_name = {finding["name"].partition(":")[0]: finding for finding in values["findings"]}
    by_name |= {finding["name"]: finding for finding in values["findings"]}
    assert values["ok"] == (values["failed"] == 0)
    return code, by_name, said.out + said.err


def test_what_is_found_without_a_recipe(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    sections = [line for line in lines if not line.startswith(" ")]
    assert sections[:-1] == ["versions", "machine", "disk", "credentials", "gpu"]
    code, by_name, _ = found(capsys)
    assert code == 0
    assert by_name["cores"]["values"]["cores"] >= 1
    assert by_name["work.path"]["values"]["written"] > 0 < by_name["work.path"]["values"]["read"]
    assert {"octomed", "python", "pyarrow", "memory", "huge pages", "s3://", "hf://", "gpu"} <= set(by_name)
    assert list(tmp_path.iterdir()) == []


def test_paths_of_a_recipe_are_reached_and_timed(capsys, home):
    recipe = write(home)
    code, by_name, _ = found(capsys, recipe)
    assert code == 0
    source = by_name["sources.only.path: data/*.jsonl"]
    assert (source["verdict"], ", first " in source["said"]) == ("ok", True)
    assert source["values"]["seconds"] >= 0
    assert by_name["output.path"]["verdict"] in {"ok", "warning"}
    assert sorted(path.name for path in home.iterdir()) == [".aws", "data", recipe.name]


def test_no_secret_and_no_home_is_printed(capsys, home, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    recipe = write(home, template=str(home / "planted.jinja"))
    (home / "planted.jinja").write_text("{{ messages }}")
    for words in ((), (recipe,), (recipe, "--set", f"sources.only.path={home}/gone.jsonl")):
        code, by_name, said = found(capsys, *words)
        assert code in {0, 4}
        assert by_name["s3://"]["values"]["found"] == [
            "$AWS_ACCESS_KEY_ID",
            "$AWS_SECRET_ACCESS_KEY",
            "~/.aws/credentials",
        ]
        assert by_name["network"]["values"]["found"][0] == "$HTTPS_PROXY"
        run(["doctor", *map(str, words)])
        said += capsys.readouterr().out
        for secret in (*SECRETS.values(), "planted-in-a-file", "planted-user", "planted-password"):
            assert secret not in said
        assert str(home) not in said.replace(str(home / recipe.name), "")


def test_what_cannot_be_reached_ends_with_4_and_warnings_do_not(capsys, home, monkeypatch):
    recipe = write(home)
    code, by_name, said = found(capsys, recipe, "--set", "sources.only.path=[gone/*.jsonl, data]")
    assert code == 4
    assert by_name["sources.only.path: gone/*.jsonl"]["verdict"] == "failed"
    assert by_name["sources.only.path: data"]["verdict"] == "ok"
    assert "hint" in json.loads(said.splitlines()[-1])
    code, by_name, _ = found(capsys, recipe, "--set", "output.path=data/a.jsonl/run")
    assert (code, by_name["output.path"]["verdict"]) == (4, "failed")
    monkeypatch.setattr(machine.machine, "memory", lambda: 2**29)
    code, by_name, _ = found(capsys, recipe)
    assert (code, by_name["memory"]["verdict"], by_name["memory"]["hint"][-13:]) == (
        0,
        "warning",
        "`--workers 1`",
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/planted.json")
    code, by_name, _ = found(capsys)
    assert (code, by_name["gs://"]["verdict"]) == (0, "warning")


def test_a_recipe_that_is_wrong_is_said_last_and_the_machine_is_shown(capsys, tmp_path):
    recipe = write(tmp_path, pack={"capcity": 3})
    code, by_name, said = found(capsys, recipe)
    assert (code, by_name["recipe"]["verdict"]) == (2, "failed")
    assert "did you mean" in said
    assert "cores" in by_name


def test_gpus_are_what_the_driver_names(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho 'NVIDIA H200, 570.10, 143771 MiB'\necho 'NVIDIA H200, 570.10, 143771 MiB'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(machine, "_ASK_TORCH", "print('12.8'); print(1)")
    one, two, torch = machine.gpus()
    assert one.said == "NVIDIA H200, 143771 MiB, driver 570.10"
    assert (two.name, two.values["driver"]) == ("gpu 1", "570.10")
    assert (torch.verdict, torch.said) == ("warning", "built for CUDA 12.8, reaches 1 of 2")
    program.write_text("#!/bin/sh\nexit 9\n")
    (none,) = machine.gpus()
    assert none.said.startswith("none found")


def test_addresses_are_reached_and_time_is_bounded(capsys, tmp_path, s3, monkeypatch):
    s3.write("rows/a.jsonl", b'{"question": "q", "responses": ["r"]}\n')
    recipe = write(tmp_path)
    path = f"sources.only.path={s3.address('rows/*.jsonl')}"
    code, by_name, said = found(capsys, recipe, "--set", path)
    assert code == 0, said
    (name,) = [name for name in by_name if name.startswith("sources.only.path: s3://")]
    assert by_name[name]["said"].startswith("answers, first object 38 B")
    code, by_name, said = found(capsys, recipe, "--set", f"sources.only.path={s3.address('gone/*.jsonl')}")
    assert (code, "nothing is there" in said) == (4, True)
    code, by_name, said = found(capsys, recipe, "--set", "sources.only.path=s3://no-such-bucket/rows")
    assert (code, "no-such-bucket" in said) == (4, True)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, by_name, said = found(capsys, recipe, "--set", "sources.only.path=s3://another-bucket/rows")
    assert (code, "credentials" in said) == (4, True)


def test_findings_are_cleaned_of_queries_and_users():
    text = "`s3://bucket/a?X-Amz-Signature=planted` and https://me:planted@host/a?sig=planted"
    assert "planted" not in shortened(text)
    diagnosis, error = diagnose()
    assert error is None
    kept = type(diagnosis)((Finding("paths", "x", text, values={"at": text}),))
    assert "planted" not in json.dumps(kept.values())
    assert "planted" not in "\n".join(kept.lines())
