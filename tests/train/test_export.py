"""What lies beside the weights of an exported model, as transformers reads it."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("composer")

import numpy as np
import octomed
import torch
from hypothesis import given, settings
from octomed._octomed import ChatTemplate
from octomed.run_file import RunFile, Vision, load_run_file
from octomed.train.build import build_model, read_configuration
from octomed.train.export import export_model
from octomed.train.export_files import template_of, write_files
from octomed.train.model import OctomedModel
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

from tests.stream.image_packs import grid_of, record
from tests.unit import chat_oracle

from . import tiny

TOKENIZER = Path(octomed.__file__).parent / "sample/tokenizer"
COPY = """
import sys
from pathlib import Path
from octomed.train.export_files import write_files
write_files(Path(sys.argv[1]), "octomed/tiny", None)
write_files(Path(sys.argv[1]), "octomed/unknown", None)
"""
FILES = {"tokenizer.json": "{}", "chat_template.jinja": "x", "preprocessor_config.json": "{}"}
FAMILIES = {"qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl"}


def write(folder):
    folder.mkdir(parents=True)
    for name, text in {**FILES, "model.safetensors": "w", "config.json": "{}"}.items():
        (folder / name).write_text(text)
    return folder


def read(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def run(template="built-in qwen2.5-vl", vision=None, **model):
    """A run file that says how its packs were rendered, and how its images were prepared."""
    return RunFile(streams={}, model={"template": template, **model}, vision=vision)


def vision_of(family, **pixels):
    values = record(family, **pixels)
    return Vision(**values | {name: tuple(values[name]) for name in ("mean", "std")})


def test_the_tokenizer_s_files_come_from_a_folder(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_files(out, str(write(tmp_path / "in")), None)
    assert read(out) == FILES
    write_files(out, None, None)
    write_files(out, str(tmp_path / "nothing"), None)
    assert read(out) == FILES


def test_the_tokenizer_s_files_of_a_hub_id_come_from_the_hub_s_cache(tmp_path):
    """In a process of its own: the cache's place is taken when the hub's client is imported."""
    cached, out = tmp_path / "hub/models--octomed--tiny", tmp_path / "out"
    write(cached / "snapshots/1")
    (cached / "refs").mkdir()
    Path(cached, "refs/main").write_text("1")
    out.mkdir()
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", COPY, str(out)], env=environment, check=True)
    assert read(out) == FILES


# Chat templates


BUILTIN = {
    "qwen2.5": ("qwen2_5", ("user", "assistant", "tool")),
    "qwen2.5-vl": ("qwen2_5_vl", ("user", "assistant", "tool", "critic")),
    "qwen3-vl": ("qwen3_vl", ("user", "assistant", "tool")),
    "llama-3": ("llama3", ("user", "assistant", "ipython")),
}
"""What the published ones are called, and roles that they write."""


def rendered(name, messages):
    """What the engine packs."""
    template = ChatTemplate(name, chat_oracle.CONTROLS, builtin=True)
    return template.render([(one["role"], one["content"]) for one in messages])[0]


@pytest.mark.parametrize("name", BUILTIN)
def test_our_source_of_a_built_in_template_writes_what_the_engine_packs(name):
    source = template_of(run(f"built-in {name}"))

    @settings(max_examples=60, deadline=None)
    @given(chat_oracle.conversations(BUILTIN[name][1]))
    def compare(messages):
        assert chat_oracle.apply(source, messages) == rendered(name, messages)

    compare()


@pytest.mark.parametrize("name", BUILTIN)
def test_it_opens_the_answer_as_the_published_one_does(name):
    published = chat_oracle.published(BUILTIN[name][0])
    if published is None:
        pytest.skip("the trl package, which carries the published templates, is not installed")
    source = template_of(run(f"built-in {name}"))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Fever?"}]
    found, expected = (
        chat_oracle.apply(one, messages, generation_prompt=True) for one in (source, published)
    )
    assert found == expected


@pytest.mark.parametrize("name", ["qwen2.5-vl", "qwen3-vl"])
def test_images_are_written_as_the_published_one_does(name):
    published = chat_oracle.published(FAMILIES[name])
    if published is None:
        pytest.skip("the trl package, which carries the published templates, is not installed")
    source = template_of(run(f"built-in {name}"))
    parts = [{"type": "image"}, {"type": "text", "text": " a\n"}, {"image_url": "x"}, {"text": "b"}]
    messages = [{"role": "user", "content": parts}, {"role": "tool", "content": parts[::-1]}]
    messages.append({"role": "assistant", "content": [{"type": "text", "text": "c"}]})
    assert chat_oracle.apply(source, messages) == chat_oracle.apply(published, messages)


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("qwen2.5", [{"role": "user", "content": [{"type": "image"}]}]),
        ("llama-3", [{"role": "user", "content": [{"type": "image"}]}]),
        ("qwen2.5-vl", [{"role": "user", "content": [{"type": "video"}]}]),
        ("qwen3-vl", [{"role": "assistant", "content": [{"type": "image"}]}]),
        ("qwen3-vl", [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]),
        ("qwen2.5", [{"role": "critic", "content": "a"}]),
    ],
)
def test_what_no_pack_holds_is_refused(name, messages):
    from jinja2.exceptions import TemplateError

    with pytest.raises(TemplateError):
        chat_oracle.apply(template_of(run(f"built-in {name}")), messages)


MESSAGES = [{"role": "user", "content": "Fever?"}, {"role": "assistant", "content": "Rest."}]


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (
            run("built-in qwen3-vl"),
            "<|im_start|>user\nFever?<|im_end|>\n<|im_start|>assistant\nRest.<|im_end|>\n",
        ),
        (
            run("own.jinja", template_source="{% for one in messages %}[{{ one.content }}]{% endfor %}"),
            "[Fever?][Rest.]",
        ),
    ],
    ids=["built in", "of a file"],
)
@pytest.mark.parametrize("own", [None, "config", "file", "both"])
def test_the_template_is_the_run_s_and_no_other(tmp_path, packed, expected, own):
    tokenizer, out = tmp_path / "tokenizer", tmp_path / "out"
    tokenizer.mkdir()
    out.mkdir()
    for path in TOKENIZER.iterdir():
        (tokenizer / path.name).write_bytes(path.read_bytes())
    if own in {"config", "both"}:
        config = json.loads((tokenizer / "tokenizer_config.json").read_text())
        (tokenizer / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "other"}))
    if own in {"file", "both"}:
        (tokenizer / "chat_template.jinja").write_text("another")
        (tokenizer / "chat_template.json").write_text('{"chat_template": "one more"}')
    write_files(out, str(tokenizer), packed)
    found = AutoTokenizer.from_pretrained(out)
    assert found.apply_chat_template(MESSAGES, tokenize=False) == expected
    assert [path.name for path in out.iterdir() if "chat_template" in path.name] == ["chat_template.jinja"]


def test_the_tokenizer_s_own_template_stays_where_packs_were_rendered_with_it(tmp_path):
    published = chat_oracle.published("qwen2_5_vl")
    if published is None:
        pytest.skip("the trl package, which carries the published templates, is not installed")
    tokenizer, out = tmp_path / "tokenizer", tmp_path / "out"
    tokenizer.mkdir()
    out.mkdir()
    (tokenizer / "tokenizer.json").write_bytes((TOKENIZER / "tokenizer.json").read_bytes())
    (tokenizer / "chat_template.jinja").write_text(published)
    write_files(out, str(tokenizer), run("built-in qwen2.5-vl"))
    assert (out / "chat_template.jinja").read_text() == published


def test_a_run_of_an_earlier_version_leaves_the_tokenizer_s_own(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/chat_template.jinja").write_text("own")
    (tmp_path / "out").mkdir()
    write_files(tmp_path / "out", str(tmp_path / "in"), run("own.jinja"))
    assert (tmp_path / "out/chat_template.jinja").read_text() == "own"


def test_a_run_says_the_source_of_a_template_that_is_not_built_in(tmp_path):
    source = "{% for one in messages %}<|im_start|>{{ one.role }}\n{{ one.content }}<|im_end|>\n{% endfor %}"
    (tmp_path / "own.jinja").write_text(source)
    (tmp_path / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest."}')
    recipe = {
        "name": "own",
        "model": str(TOKENIZER),
        "template": str(tmp_path / "own.jinja"),
        "sources": [
            {"name": "rows", "path": f"{tmp_path}/rows.jsonl", "format": {"question": "q", "response": "a"}}
        ],
        "pack": {"capacity": 512, "buckets": []},
        "output": {"path": str(tmp_path / "run")},
        "work": {"path": str(tmp_path / "work")},
    }
    octomed.pack(recipe)
    packed = load_run_file(tmp_path / "run")
    assert template_of(packed) == source
    out = tmp_path / "out"
    out.mkdir()
    write_files(out, str(TOKENIZER), packed)
    ids = AutoTokenizer.from_pretrained(out).apply_chat_template(MESSAGES)
    ids = ids if isinstance(ids, list) else ids["input_ids"]
    row = next(iter(octomed.MDSReader(tmp_path / "run/len-00512")))
    assert AutoTokenizer.from_pretrained(out).decode(row["input_ids"]) == AutoTokenizer.from_pretrained(
        out
    ).decode(ids)
    assert row["input_ids"].tolist() == ids


# Images


def picture(height, width, seed=3):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


SIZES = [(900, 700), (40, 36), (252, 196), (1500, 90)]
"""Above what the runs below allow, under it, between, and long."""


@pytest.fixture(scope="module", params=FAMILIES)
def exported(request, tmp_path_factory):
    """A tiny model with a tower, exported from a run whose images have sizes of their own."""
    family = request.param
    vision = vision_of(family, min_pixels=12_544, max_pixels=100_352)
    values = tiny.configuration(FAMILIES[family])
    values["text_config"] = values["text_config"] | {"vocab_size": 4096}
    ids = {
        "image_token_id": 4094,
        "video_token_id": 4095,
        "vision_start_token_id": 4091,
        "vision_end_token_id": 4092,
    }
    model = build_model(read_configuration(None, values | ids))
    folder = tmp_path_factory.mktemp(family) / "model"
    before = os.umask(0o027)
    try:
        export_model(OctomedModel(model), folder, str(TOKENIZER), run(f"built-in {family}", vision))
    finally:
        os.umask(before)
    return family, vision, model, folder


def test_all_files_have_the_mode_that_the_umask_gives(exported):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in exported[-1].iterdir()}
    assert set(modes.values()) == {0o640}, modes
    assert {"model.safetensors", "config.json", "chat_template.jinja"} <= set(modes)


@pytest.mark.parametrize("size", SIZES)
def test_the_processor_takes_an_image_on_the_grid_of_the_pack(exported, size):
    family, vision, _, folder = exported
    data = picture(*size)
    expected = list(grid_of(data, record(family, vision.min_pixels, vision.max_pixels)))
    image = Image.open(io.BytesIO(data))
    processors = [
        AutoProcessor.from_pretrained(folder).image_processor,
        AutoImageProcessor.from_pretrained(folder),
    ]
    processors.append(AutoImageProcessor.from_pretrained(folder, use_fast=False))
    for processor in processors:
        assert processor(images=[image], return_tensors="pt")["image_grid_thw"].tolist() == [expected], (
            processor
        )


def test_processor_and_tokenizer_render_a_conversation_with_an_image_alike(exported):
    family, _, _, folder = exported
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
    texts = [
        made.from_pretrained(folder).apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for made in (AutoProcessor, AutoTokenizer)
    ]
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" if family == "qwen2.5-vl" else ""
    shown = "<|vision_start|><|image_pad|><|vision_end|>What is it?"
    assert texts == [f"{system}<|im_start|>user\n{shown}<|im_end|>\n<|im_start|>assistant\n"] * 2


def test_it_answers_an_image_as_the_trained_model_does(exported):
    """`from_pretrained` and `AutoProcessor` of the export against the weights in memory."""
    _, vision, model, folder = exported
    processor = AutoProcessor.from_pretrained(folder)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    batch = processor(text=[text], images=[Image.open(io.BytesIO(picture(900, 700)))], return_tensors="pt")
    assert int(batch["image_grid_thw"].prod()) * vision.patch_size**2 <= vision.max_pixels
    theirs = AutoModelForImageTextToText.from_pretrained(folder).eval()
    stock = AutoModelForImageTextToText.from_config(theirs.config).eval()
    stock.load_state_dict(model.state_dict())
    with torch.no_grad():
        found, expected = theirs(**batch).logits, stock(**batch).logits
    assert torch.equal(found, expected)
    assert found.abs().max() > 0
