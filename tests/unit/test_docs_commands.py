"""What the documents tell a reader to type is run, or stands here with the reason why not."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import NamedTuple

import octomed
import pytest
import typer
from octomed.recipe import load_recipe
from ruamel.yaml import YAML

from tests.unit.documents import ROOT, SHELLS, commands, inline, snippets


class RunBy(NamedTuple):
    """The file of tests that runs it, and a piece of text by which it does."""

    file: str
    piece: str


class NotRun(NamedTuple):
    """Why no test runs it."""

    reason: str


STARTED = NotRun("tests/cli/test_train.py has its launcher, and tests/train/test_quickstart.py its training")
PLANNED = RunBy("tests/cli/test_train.py", '"recipes/train/quickstart.yaml", "--memory", "24GB"')
PACKED_FOR_IT = RunBy("tests/train/test_quickstart.py", "recipes/quickstart-train.yaml")
RANKS = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
HELD_OUT_FROM_IT = RunBy("tests/train/test_quickstart.py", "recipes/quickstart-held-out.yaml")
A_STEP = RunBy("tests/train/test_quickstart.py", '"--step"')
EIGHT_GPUS = NotRun("needs eight GPUs; tests/train/test_recipes_on_a_gpu.py takes steps of it on one")
PUBLISHED = (
    "OCTOMED_RUN=s3://bucket/octomed-8m OCTOMED_CHECKPOINTS=s3://bucket/octomed-SIZE "
    "composer -n 8 train.py recipes/train/octomed-SIZE.yaml"
)
TO_A_HUB = RunBy("tests/publish/test_push.py", '"push", str(run), place, "--yes"')
NETWORK = NotRun("needs a network: packages or a repository")
OWN_DATA = RunBy("tests/starter/test_init.py", "next: `octomed plan recipe.yaml`")
THESE_TESTS = NotRun("runs these very tests")

PYTHON_PAGE = RunBy("tests/library/test_docs.py", "docs/python.md")
PAPER_PAGE = RunBy("tests/paper/test_tree.py", "test_the_commands_of_the_page")
PAPER_DATA = NotRun("needs the paper's data; tests/paper runs it on invented rows")
ONE_SOURCE = "octomed distill recipes/distill/octomed-8m-{}.yaml --source {}"
EIGHT_TIMES_80 = "--gpus 8 --memory 80GB --tokens 16384 --patches 16384"
HERE = "here"
"""Run by `test_the_commands_of_the_readme`, in their order."""

AS_IN_THE_README = NotRun("the README has it, of the recipe in the clone, where it is run")
AS_IN_TRAINING = NotRun("docs/training.md has it, of the recipe in the clone")
BEGINNERS = {
    "docs/first-pack.md": {
        "octomed recipes quickstart --out quickstart.yaml": HERE,
        "octomed check quickstart.yaml": AS_IN_THE_README,
        "octomed plan quickstart.yaml": AS_IN_THE_README,
        "octomed pack quickstart.yaml": AS_IN_THE_README,
        "octomed verify runs/quickstart": AS_IN_THE_README,
        "octomed inspect runs/quickstart": AS_IN_THE_README,
        "octomed inspect runs/quickstart --stream len-00512 --pack 0": AS_IN_THE_README,
        "octomed rejects runs/quickstart": AS_IN_THE_README,
        "octomed report runs/quickstart": AS_IN_THE_README,
        "octomed pack quickstart.yaml --set pack.capacity=2048 --set output.path=runs/smaller": HERE,
    },
    "docs/first-training.md": {
        "pip install '.[train]'": NETWORK,
        "octomed recipes quickstart-train --out quickstart-train.yaml": HERE,
        "octomed recipes quickstart-held-out --out quickstart-held-out.yaml": HERE,
        "octomed recipes train/quickstart --out training.yaml": HERE,
        "octomed pack quickstart-train.yaml": AS_IN_TRAINING,
        "octomed pack quickstart-held-out.yaml": AS_IN_TRAINING,
        "octomed train-plan training.yaml --memory 24GB": PLANNED,
        "octomed train training.yaml --nproc 2": STARTED,
        "octomed inspect runs/train/quickstart --step 12": A_STEP,
    },
    "docs/install.md": {
        "pip install dist/*_x86_64.whl": RunBy(
            "scripts/try_wheel.sh", 'pip install --quiet --only-binary :all: "$wheel"'
        ),
        "git clone https://github.com/octomed/octomed && cd octomed": NETWORK,
        "make quickstart": NotRun("installs the package; its commands are run here"),
        "octomed --version": RunBy("tests/cli/test_transcripts.py", '"--version"'),
        "octomed doctor": RunBy("tests/unit/test_doctor.py", "doctor"),
    },
}
"""By document, what those who begin are shown."""

OVER_RAY = RunBy("tests/ray/test_pack_over_ray.py", '"--executor", "ray"')
COMMANDS = {
    ("docs/ray.md", "pip install '.[ray]'"): NETWORK,
    ("docs/ray.md", "octomed plan recipes/quickstart.yaml --nodes 4"): HERE,
    ("docs/ray.md", "octomed pack recipes/quickstart.yaml --executor ray"): OVER_RAY,
    (
        "docs/ray.md",
        "ray job submit --address http://head:8265 -- octomed pack /shared/recipe.yaml --executor ray",
    ): NotRun("needs the job server of `ray[default]`, and a cluster"),
    ("README.md", "git clone https://github.com/octomed/octomed && cd octomed"): NETWORK,
    ("README.md", "make quickstart"): NotRun("installs the package; its commands are run here"),
    ("README.md", "make test"): THESE_TESTS,
    ("README.md", "octomed check  recipes/quickstart.yaml"): HERE,
    ("README.md", "octomed plan   recipes/quickstart.yaml"): HERE,
    ("README.md", "octomed pack   recipes/quickstart.yaml"): HERE,
    ("README.md", "octomed verify runs/quickstart"): HERE,
    ("README.md", "octomed inspect runs/quickstart"): HERE,
    ("README.md", "octomed rejects runs/quickstart"): HERE,
    ("README.md", "octomed report runs/quickstart"): HERE,
    ("README.md", "octomed doctor recipes/quickstart.yaml"): HERE,
    ("docs/curation.md", "octomed pack recipes/quickstart-curation.yaml"): HERE,
    ("docs/curation.md", "octomed report runs/quickstart-curation"): HERE,
    ("docs/report.md", "octomed report runs/quickstart"): HERE,
    ("docs/report.md", "octomed report runs/quickstart --no-samples"): HERE,
    ("docs/publish.md", "octomed push runs/quickstart hf://datasets/me/quickstart --dry-run"): HERE,
    ("docs/publish.md", "octomed push runs/quickstart hf://datasets/me/quickstart"): TO_A_HUB,
    (
        "docs/publish.md",
        "octomed push runs/quickstart hf://datasets/me/quickstart --public --include rejects --yes",
    ): TO_A_HUB,
    ("docs/events.md", "octomed pack recipes/quickstart.yaml --json 2>events.jsonl >summary.json"): RunBy(
        "tests/cli/test_events.py", '"pack", "quickstart.yaml", "--json"'
    ),
    ("docs/events.md", "octomed schema events > events.schema.json"): RunBy(
        "tests/cli/test_events.py", '"schema", "events"'
    ),
    ("docs/view.md", "pip install '.[view]'"): NETWORK,
    ("README.md", "octomed view runs/quickstart"): RunBy("tests/view/test_guard.py", "started(run)"),
    ("docs/view.md", "octomed view runs/quickstart"): RunBy("tests/view/test_guard.py", "started(run)"),
    ("docs/own-data.md", "octomed init data/train.jsonl"): OWN_DATA,
    ("docs/own-data.md", "octomed plan recipe.yaml"): OWN_DATA,
    ("docs/own-data.md", "octomed pack recipe.yaml"): RunBy("tests/starter/test_starter.py", "octomed.pack("),
    ("docs/own-data.md", "octomed explain pack.capacity"): HERE,
    ("docs/own-data.md", "octomed explain over_long"): HERE,
    ("docs/own-data.md", "octomed explain 3"): HERE,
    (
        "docs/own-data.md",
        "octomed completion bash > ~/.local/share/bash-completion/completions/octomed",
    ): RunBy("tests/cli/test_completion.py", '"completion", "bash"'),
    ("docs/export.md", "octomed export runs/quickstart --format llama-factory --output exported"): HERE,
    (
        "docs/export.md",
        "octomed export runs/quickstart --format trl --file-type parquet --images embedded -o exported-trl",
    ): HERE,
    ("docs/diff.md", "octomed diff recipes/quickstart.yaml recipes/quickstart-curation.yaml"): HERE,
    ("docs/diff.md", "octomed diff runs/quickstart runs/quickstart-curation"): HERE,
    ("docs/diff.md", "octomed diff runs/quickstart runs/quickstart-curation --json"): HERE,
    ("README.md", "octomed inspect runs/quickstart --stream len-00512 --pack 0"): HERE,
    ("README.md", "octomed inspect recipes/quickstart.yaml --source films --row 0"): HERE,
    ("docs/images.md", "octomed pack recipes/quickstart-images.yaml"): HERE,
    ("docs/images.md", "python examples/first_batch.py runs/quickstart"): HERE,
    ("docs/images.md", "python examples/hugging_face_trainer.py runs/quickstart-images"): HERE,
    ("README.md", "octomed check my-run.yaml"): RunBy(
        "tests/unit/test_docs_commands.py", "test_what_the_readme_shows_of_a_wrong_recipe_is_what_is_said"
    ),
    **{
        (document, command): how
        for document, commands_of in BEGINNERS.items()
        for command, how in commands_of.items()
    },
    ("recipes/octomed-8m.yaml", "octomed pack recipes/octomed-8m.yaml"): NotRun(
        "needs the paper's data; tests/unit/test_paper_recipes.py checks the recipe"
    ),
    **{
        ("docs/octomed-8m.md", command): PAPER_DATA
        for command in (
            ONE_SOURCE.format("text", "medmcqa"),
            ONE_SOURCE.format("multimodal", "slake"),
            "octomed plan recipes/octomed-8m.yaml",
            "octomed pack recipes/octomed-8m.yaml",
            "octomed evaluate recipes/evaluate/octomed-8m.yaml",
        )
    },
    **{
        (f"recipes/distill/octomed-8m-{kind}.yaml", ONE_SOURCE.format(kind, source)): PAPER_DATA
        for kind, source in (("text", "medmcqa"), ("multimodal", "slake"))
    },
    (
        "recipes/evaluate/octomed-8m.yaml",
        "octomed evaluate recipes/evaluate/octomed-8m.yaml",
    ): RunBy("tests/paper/test_evaluated.py", "evaluate/octomed-8m"),
    ("docs/octomed-8m.md", "pip install '.[distill]'"): NETWORK,
    **{
        ("docs/octomed-8m.md", command): PAPER_PAGE
        for document, command in commands()
        if document == "docs/octomed-8m.md"
        and ("small" in command or "8765" in command or "=none" in command)
    },
    (
        "docs/octomed-8m.md",
        f"octomed train-plan recipes/train/octomed-7b.yaml {EIGHT_TIMES_80}",
    ): NotRun("asks a hub for the model's shape; tests/bench/test_paper.py plans with the shape itself"),
    ("docs/octomed-8m.md", PUBLISHED.replace("SIZE", "7b")): EIGHT_GPUS,
    ("docs/training.md", "pip install '.[train]'"): NETWORK,
    ("docs/training.md", "octomed pack recipes/quickstart-train.yaml"): PACKED_FOR_IT,
    ("docs/training.md", "octomed pack recipes/quickstart-held-out.yaml"): HELD_OUT_FROM_IT,
    ("docs/training.md", "octomed train recipes/train/quickstart.yaml --nproc 2"): STARTED,
    ("docs/training.md", "octomed inspect runs/train/quickstart --step 12"): A_STEP,
    **{
        (document, command): RunBy("tests/distill/test_docs.py", command.rpartition("/")[2])
        for document in ("docs/distill.md", "recipes/distill/quickstart.yaml")
        for command in (
            "octomed distill recipes/distill/quickstart.yaml",
            "octomed pack recipes/distill/quickstart-pack.yaml",
        )
    },
    **{
        (document, "python -m tests.servers.teacher --port 8765 &"): RunBy(
            "tests/distill/conftest.py", "tests.servers.teacher"
        )
        for document in ("docs/distill.md", "recipes/distill/quickstart.yaml")
    },
    **{
        (document, command): RunBy("tests/annotate/test_docs.py", piece)
        for document in ("docs/annotate.md", "recipes/distill/annotate.yaml")
        for command, piece in (
            ("octomed annotate recipes/distill/annotate.yaml", "recipes/distill/annotate.yaml"),
            ("python -m tests.servers.teacher --port 8765 &", "FakeTeacher"),
        )
    },
    ("docs/distill.md", "pip install '.[distill]'"): NETWORK,
    **{
        (document, "python -m tests.servers.teacher --port 8765 &"): RunBy(
            "tests/distill/conftest.py", "tests.servers.teacher"
        )
        for document in ("docs/evaluate.md", "recipes/evaluate/quickstart.yaml")
    },
    **{
        (document, "octomed evaluate recipes/evaluate/quickstart.yaml"): RunBy(
            "tests/evaluate/test_docs.py", "recipes/evaluate/quickstart.yaml"
        )
        for document in ("docs/evaluate.md", "recipes/evaluate/quickstart.yaml")
    },
    ("docs/evaluate.md", "octomed evaluate --compare evaluations/a evaluations/b"): RunBy(
        "tests/evaluate/test_docs.py", "--compare"
    ),
    ("docs/evaluate.md", "pip install '.[evaluate]'"): NETWORK,
    **{
        ("docs/distill.md", f"octomed distill recipes/distill/quickstart.yaml --batch {way}"): RunBy(
            "tests/distill/test_batch_files.py", "test_what_goes_out_comes_back"
        )
        for way in ("export requests", "import output.jsonl errors.jsonl")
    },
    ("CONTRIBUTING.md", ".venv/bin/python -m bench.corpus --help"): RunBy(
        "tests/bench/test_corpus.py", "bench.corpus"
    ),
    ("CONTRIBUTING.md", "perf record -g .venv/bin/octomed pack my.yaml && perf report"): NotRun(
        "needs perf and the processor's counters"
    ),
    ("recipes/train/quickstart.yaml", "octomed pack recipes/quickstart-train.yaml"): PACKED_FOR_IT,
    ("recipes/train/quickstart.yaml", "octomed pack recipes/quickstart-held-out.yaml"): HELD_OUT_FROM_IT,
    ("recipes/train/quickstart.yaml", "octomed train recipes/train/quickstart.yaml --nproc 2"): STARTED,
    ("recipes/train/octomed-7b.yaml", PUBLISHED.replace("SIZE", "7b")): EIGHT_GPUS,
    **{
        (
            f"recipes/train/octomed-{size}.yaml",
            PUBLISHED.replace("SIZE", size).replace("octomed-8m", "octomed-8m-qwen3-vl"),
        ): EIGHT_GPUS
        for size in ("4b", "8b")
    },
}
SNIPPETS = {
    ("README.md", "from streaming import StreamingDataset"): HERE,
    ("README.md", "import octomed"): RunBy("tests/unit/test_docs.py", "test_the_readmes_python_runs"),
    ("docs/curation.md", "from octomed.answers import extract, judge"): RunBy(
        "tests/unit/answers/test_answers.py", "test_the_documents_python_runs"
    ),
    ("docs/stream.md", "from octomed.stream import Collator, PackedDataset"): RunBy(
        "tests/stream/test_docs.py", "docs/stream.md"
    ),
    ("docs/stream.md", "from octomed.stream import Collator, PackedDataset, pixel_values"): RunBy(
        "tests/stream/test_image_run.py", "docs/stream.md"
    ),
    ("docs/images.md", "from octomed import vision"): RunBy("tests/vision/test_docs.py", "docs/images.md"),
    ("docs/tokenizer.md", "import pyarrow as pa"): HERE,
    ("docs/python.md", "import octomed"): PYTHON_PAGE,
    ("docs/python.md", "recipe = octomed.Recipe.from_dict("): PYTHON_PAGE,
    (
        "docs/python.md",
        'run = octomed.Run("runs/quickstart")  # or s3://, gs://, az://, https://, hf://',
    ): PYTHON_PAGE,
    ("docs/python.md", "# my_rules.py"): PYTHON_PAGE,
    ("docs/python.md", "import my_rules"): PYTHON_PAGE,
}
KNOWN_LANGUAGES = {"", "python", "yaml", "json", "text", *SHELLS}
"""Those without a test of their own show what is printed, or trees of files."""


def snippet(document, first_line):
    (found,) = [one for one in snippets() if (one.document, one.first_line) == (document, first_line)]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder like a clone, as far as the commands see one."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "python/octomed").mkdir(parents=True)
    (folder / "python/octomed/sample").symlink_to(ROOT / "python/octomed/sample")
    return folder


# Nothing is forgotten


def test_every_command_is_run_or_stands_here_with_a_reason():
    assert set(commands()) - set(COMMANDS) == set(), "run it, or say in `COMMANDS` why not"
    assert set(COMMANDS) - set(commands()) == set(), "the documents do not have it any more"


def test_every_python_snippet_is_run():
    found = {(one.document, one.first_line) for one in snippets() if one.language == "python"}
    assert found == set(SNIPPETS)


def test_the_languages_of_blocks_are_known():
    assert {one.language for one in snippets()} <= KNOWN_LANGUAGES


@pytest.mark.parametrize(
    "run_by", sorted({one for one in (*COMMANDS.values(), *SNIPPETS.values()) if isinstance(one, RunBy)})
)
def test_what_runs_elsewhere_is_there(run_by):
    assert run_by.piece in (ROOT / run_by.file).read_text(encoding="utf-8")


# Commands


def run(folder, command):
    words = shlex.split(command)
    assert words[0] in {"octomed", "python"}
    words = ["-m", *words] if words[0] == "octomed" else words[1:]
    # Composer names ranks in the environment of a process that trains, as tests before this one do.
    alone = {key: value for key, value in os.environ.items() if key not in RANKS}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=alone | {"COLUMNS": "100", "NO_COLOR": "1", "OCTOMED_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_commands_of_the_readme(folder):
    missing = [name for name in ("streaming", "accelerate") if importlib.util.find_spec(name) is None]
    for (_, command), how in COMMANDS.items():
        if how == HERE and not (missing and command.startswith("python ")):
            done = run(folder, command)
            assert (done.returncode, command) == (0, command), done.stderr
            assert done.stdout or done.stderr
    assert (folder / "runs/quickstart/octomed.json").exists()


def test_what_the_readme_shows_of_a_wrong_recipe_is_what_is_said(tmp_path):
    recipe = snippet("README.md", "name: my-run").text
    assert "    path: data/" in recipe
    (tmp_path / "my-run.yaml").write_text(recipe.replace("    path: ", "    pth: "), encoding="utf-8")
    shown = snippet("README.md", "$ octomed check my-run.yaml").text.split("\n", 1)[1]
    done = run(tmp_path, "octomed check my-run.yaml")
    assert (done.stderr, done.returncode) == (shown, 2)


# Python and YAML


def execute(one):
    found: dict[str, object] = {}
    exec(compile(one.text, one.document, "exec"), found)
    return found


@pytest.fixture
def my_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OCTOMED_CACHE", str(folder / "cache"))
    octomed.pack(
        "recipes/quickstart.yaml", overrides=[f"output.path={folder}/runs/my-run", "pack.buckets=[1024]"]
    )


@pytest.mark.usefixtures("my_run")
def test_the_stock_reader_of_the_readme_runs():
    pytest.importorskip("streaming")
    found = execute(snippet("README.md", "from streaming import StreamingDataset"))
    assert found["pack"]["loss_spans"].shape[1] == 2


def test_the_tokenizer_of_its_document_runs(tmp_path, monkeypatch):
    shutil.copy(ROOT / "python/octomed/sample/tokenizer/tokenizer.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    found = execute(snippet("docs/tokenizer.md", "import pyarrow as pa"))
    assert found["tokenizer"].path == "byte-level BPE"


def of_training():
    return [one for one in snippets() if one.language == "yaml" and one.document == "docs/training.md"]


@pytest.mark.parametrize("shown", of_training(), ids=lambda one: one.first_line)
def test_the_keys_of_training_in_documents_are_right(tmp_path, shown):
    from octomed.train.recipe import load_train_recipe

    path = tmp_path / "train.yaml"
    text = shown.text
    lacking = {
        "run_name": "run_name: mine",
        "model": "model: {pretrained_model_name_or_path: a/b}",
        "train_loader": "train_loader: {dataset: {remote: data}}",
        "optimizer": "optimizer: {lr: 1.0e-4}",
        "max_duration": "max_duration: 1ep",
        "global_train_batch_size": "global_train_batch_size: 8",
    }
    more = [line for key, line in lacking.items() if not re.search(rf"^{key}:", text, re.MULTILINE)]
    text = text.replace("model: {freeze", "model: {pretrained_model_name_or_path: a/b, freeze")
    path.write_text("\n".join([text, *more]), encoding="utf-8")
    folder = ["export_folder=model"] if "export:" in text else []
    assert load_train_recipe(path, folder).model.pretrained_model_name_or_path


def of_stores(text):
    """Check what is shown of recipes with stores, laid over a whole one, and return the snippets."""
    found = [one for one in snippets() if one.language == "yaml" and one.document == "docs/stores.md"]
    whole = YAML(typ="safe").load(text)
    for shown in found:
        assert load_recipe(whole | YAML(typ="safe").load(shown.text), check_files=False).addresses
    return {(one.document, one.first_line) for one in found}


def of_reports(text):
    """Check what is shown of reports and cards, laid over a whole recipe, and return the snippets."""
    found = [one for one in snippets() if one.language == "yaml" and one.document == "docs/report.md"]
    whole = YAML(typ="safe").load(text)
    for shown in found:
        loaded = load_recipe(whole | YAML(typ="safe").load(shown.text), check_files=False)
        assert loaded.report is not None or loaded.sources[0].license is not None
    return {(one.document, one.first_line) for one in found}


def test_the_recipes_of_the_documents_are_right(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNATURE", "sig=1")
    recipe = tmp_path / "my-run.yaml"
    text = snippet("README.md", "name: my-run").text
    recipe.write_text(text, encoding="utf-8")
    assert load_recipe(recipe, check_files=False).pack.capacity == 16384
    first_line = "# What the rows are. As released: who/which-dataset."
    mapping = "".join(f"      {line}\n" for line in snippet("CONTRIBUTING.md", first_line).text.splitlines())
    recipe.write_text(re.sub(r"format: octomed .*\n", f"format:\n{mapping}", text), encoding="utf-8")
    assert load_recipe(recipe, check_files=False).sources[0].format.question == "Question"
    recipe.write_text(snippet("docs/images.md", "name: my-images").text, encoding="utf-8")
    assert load_recipe(recipe, check_files=False).pack.traces_per_image == 4
    known_of_curation = set()
    for shown in snippets():
        place = (shown.document, shown.first_line)
        if shown.language != "yaml" or shown.document != "docs/curation.md":
            continue
        values = YAML(typ="safe").load(text) | YAML(typ="safe").load(shown.text)
        assert load_recipe(values, check_files=False).curate
        known_of_curation.add(place)
    known = {("README.md", "name: my-run"), ("docs/images.md", "name: my-images")}
    known.add(("CONTRIBUTING.md", first_line))
    known |= {(one.document, one.first_line) for one in of_training()}
    known |= known_of_curation | of_stores(text) | of_reports(text)
    # tests/unit/test_coming_from.py and tests/distill/test_docs.py have those of these documents.
    others = {"docs/annotate.md", "docs/coming-from.md", "docs/distill.md", "docs/evaluate.md"}
    shown = {one for one in snippets() if one.language == "yaml" and one.document not in others}
    assert {(one.document, one.first_line) for one in shown} == known


# Commands inside sentences: what they name is there


def targets():
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def options_of_verbs():
    from octomed.cli.app import app

    group = typer.main.get_command(app)
    return {
        name: {option for parameter in verb.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, verb in group.commands.items()
    }


def wrong(command):
    """Return what a command names that is not there."""
    words = command.replace("\\|", "|").split("|")[0].split()
    options = {word.split("=")[0] for word in words if word.startswith("--") and word != "--"}
    if words[0] == "make":
        return {words[1]} - targets()
    if words[0] == "octomed":
        verbs = options_of_verbs()
        return {words[1]} - set(verbs) or options - verbs[words[1]] - {"--help"}
    parts = words[2].split(".")
    if importlib.util.find_spec(parts[0]) is None or not (ROOT / parts[0]).is_dir():
        return set()  # a package of another project
    if importlib.util.find_spec(".".join(parts[:2])) is None:
        return {words[2]}
    folder = ROOT / parts[0]
    inside = [*folder.glob(f"{parts[1]}.py"), *(folder / parts[1]).rglob("*.py"), *folder.glob("__main__.py")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in inside)
    return {option for option in options if f'"{option}"' not in source} - {"--help"}


def test_what_commands_in_sentences_name_is_there():
    missing = {(document, command): wrong(command) for document, command in inline()}
    assert {place: what for place, what in missing.items() if what} == {}


@pytest.mark.parametrize(
    "command",
    [
        "make tset",
        "octomed pakc FILE",
        "octomed pack --repalce",
        "python -m bench.ful",
        "python -m bench.full --trace 7",
    ],
)
def test_a_name_that_is_not_there_is_found(command):
    assert wrong(command)


def test_targets_of_the_makefile_say_what_they_are():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.MULTILINE)[1].replace("\\", "").split())
    assert phony == set(re.findall(r"^([a-z0-9-]+):.*## \S", text, re.MULTILINE))
