"""`octomed train`, `octomed train-plan` and `octomed recipes`, as far as no training is started."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import octomed
import pytest
import yaml
from octomed import shipped
from octomed.cli import train
from octomed.cli.train_plan import bytes_of_text
from octomed.commands import OCTOMED_TRAIN, STARTED_BY, train_command
from octomed.errors import RecipeError
from octomed.recipe import load_recipe
from octomed.train import launcher
from octomed.train.recipe import load_train_recipe

from tests.cli.transcript import check, run, transcript

ROOT = Path(__file__).parents[2]
RECIPES = sorted(
    path.relative_to(ROOT / "recipes").as_posix().removesuffix(".yaml")
    for path in (ROOT / "recipes").rglob("*.yaml")
)
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")


def test_what_is_said_before_a_training_begins(tmp_path):
    run(tmp_path, "recipes", "train/quickstart", "--out", "t.yaml")
    check(
        "train",
        transcript(tmp_path, "train", "nothing.yaml"),
        transcript(tmp_path, "train", "quickstart"),
        transcript(tmp_path, "train", "t.yaml", "loss.weigt=token", "max_duration=3"),
        transcript(tmp_path, "train", "t.yaml", "max_duration"),
        transcript(tmp_path, "train", "t.yaml", "--nproc", "0"),
        transcript(tmp_path, "train-plan", "t.yaml", "--memory", "much"),
        transcript(tmp_path, "recipes", "train/quickstart", "--out", "t.yaml"),
        transcript(tmp_path, "recipes", "--out", "t.yaml"),
    )


def test_a_recipe_is_checked_without_torch(tmp_path):
    run(tmp_path, "recipes", "train/quickstart", "--out", "t.yaml")
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise SystemError('torch was loaded')")
    package = Path(octomed.__file__).parents[1]
    done = run(tmp_path, "train", "t.yaml", "optimizer.lr=x", PYTHONPATH=f"{tmp_path}:{package}")
    assert (done.returncode, "torch was loaded" in done.stderr) == (2, False)
    assert "optimizer.lr" in done.stderr


def test_without_the_extra_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None if name == "composer" else name)
    with pytest.raises(RecipeError, match="`composer` is not installed") as raised:
        train.refuse_without_extra()
    assert raised.value.hint == "`pip install '.[train]'` in OctoMed's folder"


# The launcher: what ranks are given, what they end with, and signals on their way


def started(tmp_path, script, *words, nproc=2):
    """The launcher of `octomed train`, with a script of a test in the place of `train.py`."""
    (tmp_path / "rank.py").write_text(script)
    code = (
        "import sys; from pathlib import Path; from octomed.train import launcher\n"
        f"launcher.TRAIN_SCRIPT = Path({str(tmp_path / 'rank.py')!r})\n"
        f"sys.exit(launcher.main(['--nproc', '{nproc}', '--', *{list(words)!r}]))"
    )
    environment = os.environ | {STARTED_BY: OCTOMED_TRAIN, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(*files):
    until = time.monotonic() + 120
    while not all(file.exists() for file in files):
        assert time.monotonic() < until
        time.sleep(0.05)


SHOWS = """
import json, os, sys
from pathlib import Path
import psutil
def words_of(one):
    try:
        return " ".join(one.cmdline())
    except psutil.Error:  # Another rank that is done already: gone, or not yet waited for.
        return ""
started = [words_of(one) for one in psutil.Process(os.getppid()).children()]
compilers = sum("compile_worker" in words for words in started), os.environ.get("TORCH_WARM_POOL")
Path("compilers" + os.environ["RANK"]).write_text(json.dumps(compilers))
Path("rank" + os.environ["RANK"]).write_text(json.dumps([sys.argv[1:], os.environ["WORLD_SIZE"]]))
"""
WAITS = """
import os, signal, sys, time
from pathlib import Path
rank = os.environ["RANK"]
def end(number, _):
    Path("got" + rank).write_text(str(number))
    sys.exit(128 + number)
signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
Path("up" + rank).touch()
time.sleep(60)
"""
KILLS_ITSELF = """
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_torch
def test_ranks_get_the_words_as_they_were_given(tmp_path):
    words = ["my recipe.yaml", "run_name=$HOME ${X} $$", "a=[1, 'b c']"]
    process = started(tmp_path, SHOWS, *words)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    assert [json.loads((tmp_path / f"rank{rank}").read_text()) for rank in (0, 1)] == [[words, "2"]] * 2
    # Ctrl-C would end a process that compiles with a traceback: the launcher has none, ranks may start one.
    assert json.loads((tmp_path / "compilers0").read_text()) == [0, None]


@needs_torch
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_and_ends_with_its_code(tmp_path, number):
    process = started(tmp_path, WAITS, "recipe.yaml")
    wait_for(tmp_path / "up0", tmp_path / "up1")
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    assert [(tmp_path / f"got{rank}").read_text() for rank in (0, 1)] == [str(int(number))] * 2


@needs_torch
def test_a_rank_that_is_killed_ends_with_137(tmp_path):
    assert started(tmp_path, KILLS_ITSELF, "recipe.yaml").wait(120) == 137


def test_a_signal_before_there_are_ranks_names_the_command_that_resumes(monkeypatch, capfd):
    monkeypatch.setenv(STARTED_BY, OCTOMED_TRAIN)
    process = os.fork()
    if not process:
        sys.modules.pop("psutil", None)
        signals = launcher.Signals(["recipe.yaml", "a=b c"])
        signals.heed()
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 143
    said = "stopped by signal 15\nresume: octomed train recipe.yaml 'a=b c' --nproc 1\n"
    assert capfd.readouterr().err == said


def test_the_command_that_resumes_is_how_it_was_started(monkeypatch):
    monkeypatch.delenv(STARTED_BY, raising=False)
    assert train_command(["r.yaml", "a=1"], 2) == "composer -n 2 train.py r.yaml a=1"
    monkeypatch.setenv(STARTED_BY, OCTOMED_TRAIN)
    assert train_command(["-r.yaml", "a=1"], 2) == "octomed train ./-r.yaml a=1 --nproc 2"


# Recipes of the package


def test_the_package_has_every_recipe_of_the_tree_and_train_py():
    assert shipped.names() == [*RECIPES, "train.py"]
    tree = {path.relative_to(ROOT / "recipes") for path in (ROOT / "recipes").rglob("*.yaml")}
    package = {path.relative_to(shipped.FOLDER): path for path in shipped.FOLDER.rglob("*.yaml")}
    assert set(package) == tree
    for name, path in [*package.items(), (Path("../train.py"), shipped.TRAIN_SCRIPT)]:
        assert path.read_bytes() == (ROOT / "recipes" / name).read_bytes()


def test_recipes_are_listed_with_what_they_are(tmp_path):
    lines = run(tmp_path, "recipes").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [*RECIPES, "train.py"]
    assert all(len(line.split()) > 2 for line in lines)
    done = run(tmp_path, "recipes", "quickstrat")
    assert done.returncode == 2
    assert "there is no recipe `quickstrat`" in done.stderr


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("quickstart", "check"),
        ("distill/quickstart", "distill"),
        ("distill/quickstart-pack", "check"),
        ("evaluate/quickstart", "evaluate"),
        ("train/octomed-8b", "train"),
    ],
)
def test_what_comes_next_is_what_a_recipe_is_for(tmp_path, name, verb):
    done = run(tmp_path, "recipes", name, "--out", "mine.yaml")
    assert done.stderr.strip() == f"`mine.yaml` is written; next: `octomed {verb} mine.yaml`"


def test_links_in_the_package_stay_in_the_tree():
    """A wheel and a source distribution hold what a link leads to; a link to a folder they leave out."""
    for path in (ROOT / "python/octomed/recipes").rglob("*"):
        assert path.is_symlink() == path.is_file()
        assert path.resolve().is_relative_to(ROOT.resolve())


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_wherever_it_is_written(tmp_path, name, monkeypatch):
    monkeypatch.setenv("OCTOMED_RUN", "s3://bucket/run")
    monkeypatch.setenv("OCTOMED_CHECKPOINTS", "s3://bucket/checkpoints")
    file = tmp_path / "deep/er/recipe.yaml"
    file.parent.mkdir(parents=True)
    assert run(tmp_path, "recipes", name, "--out", str(file)).returncode == 0
    assert run(tmp_path, "recipes", name).stdout == shipped.text_of(name)
    if name.startswith("train/"):
        loaded = load_train_recipe(file)
        assert loaded.run_folder.startswith(str(file.parent))
    elif name.startswith("quickstart"):  # tests/unit/test_paper_recipes.py has those whose data are not here
        recipe = load_recipe(file)
        assert Path(recipe.output.path).is_relative_to(file.parent)
        assert all(source.path for source in recipe.sources)


def test_a_package_at_a_strange_place_gives_right_yaml(tmp_path, monkeypatch):
    folder = tmp_path / "a, b} $x: #1"
    (folder / "recipes").mkdir(parents=True)
    text = (ROOT / "recipes/quickstart.yaml").read_text("utf-8")
    (folder / "recipes/quickstart.yaml").write_text(text, "utf-8")
    (folder / "recipes/train.py").touch()
    monkeypatch.setattr(shipped, "FOLDER", folder / "recipes")
    values = yaml.safe_load(shipped.text_of("quickstart"))
    place = str(folder).replace("$", "$$")
    assert values["sources"][0]["path"] == f"{place}/sample/questions/*.jsonl"
    assert values["sources"][4]["format"]["image_root"] == f"{place}/sample/images/files"


# Plans


@needs_torch
def test_a_plan_says_what_a_gpu_holds_and_what_would_make_it_fit():
    done = run(ROOT, "train-plan", "recipes/train/quickstart.yaml", "--memory", "24GB", OMP_NUM_THREADS="1")
    assert (done.returncode, "fits into 24.0 GB" in done.stdout) == (0, True), done.stderr
    small = ("--memory", "0.2GB", "--tokens", "2048", "--patches", "0", "--json")
    done = run(ROOT, "train-plan", "recipes/train/quickstart.yaml", *small, OMP_NUM_THREADS="1")
    values = json.loads(done.stdout)
    assert (done.returncode, values["fits"]) == (3, False)
    assert values["bytes"] == pytest.approx(sum(values["parts"].values()), abs=10)
    assert values["would_fit_with"]
    assert all(one["bytes"] <= 0.95 * 0.2e9 for one in values["would_fit_with"])


@pytest.mark.parametrize(
    ("text", "size"), [("80GB", 80e9), ("80 gb", 80e9), ("1.5TB", 1.5e12), ("79GiB", 79 * 2**30), ("64", 64)]
)
def test_a_size_of_memory(text, size):
    assert bytes_of_text(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0GB", "80 GPUs", "1e3", "nan"])
def test_what_is_no_size(text):
    with pytest.raises(RecipeError, match="is not a size"):
        bytes_of_text(text)
