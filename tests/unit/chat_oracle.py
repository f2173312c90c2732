"""What `transformers` makes of a conversation, and conversations that chat templates trip over."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import tokenizers
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

VARIABLES = {"bos_token": "<|begin_of_text|>", "eos_token": "</s>", "pad_token": "<pad>"}
CONTROLS = [
    (token, number)
    for number, token in enumerate(
        [
            *("<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
            *("<|eot_id|>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "[gMASK]", "<sop>"),
            *("<start_of_turn>", "<end_of_turn>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
            *(
                "<|START_RESPONSE|>",
                "<|END_RESPONSE|>",
                "<｜User｜>",
                "<｜Assistant｜>",
                "<｜end▁of▁sentence｜>",
            ),
            *("<|startoftext|>", "<end_of_utterance>", "<turn|>", "<|turn>", "<|end_of_text|>", "<|return|>"),
        ],
        start=100,
    )
]


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """Give a tokenizer whose only use is its chat template."""
    bare = tokenizers.Tokenizer(tokenizers.models.BPE())
    return PreTrainedTokenizerFast(tokenizer_object=bare, **VARIABLES)


def apply(source: str, messages: list[dict[str, str]], *, generation_prompt: bool = False) -> str:
    return tokenizer().apply_chat_template(
        messages, chat_template=source, tokenize=False, add_generation_prompt=generation_prompt
    )


def generation_spans(source: str, messages: list[dict[str, str]]) -> tuple[str, list[tuple[int, int]]]:
    """Give the text and its `{% generation %}` spans in bytes."""
    texts, spans = render_jinja_template(
        [messages], chat_template=source, return_assistant_tokens_mask=True, **VARIABLES
    )
    at = [len(text.encode()) for text in (texts[0][:end] for end in range(len(texts[0]) + 1))]
    return texts[0], [(at[start], at[end]) for start, end in spans[0]]


def published(name: str) -> str | None:
    """Give a chat template that the `trl` package carries, where it is installed."""
    found = importlib.util.find_spec("trl")
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]) / "chat_templates" / f"{name}.jinja"
    return file.read_text() if file.is_file() else None


def published_names() -> list[str]:
    found = importlib.util.find_spec("trl")
    if found is None or not found.submodule_search_locations:
        return []
    folder = Path(found.submodule_search_locations[0]) / "chat_templates"
    return sorted(file.stem for file in folder.glob("*.jinja"))


def template_written(source: str, messages: list[dict[str, str]]) -> list[tuple[int, int, int]]:
    """Find the control tokens of the template: in the text whose contents had theirs disarmed.

    Disarming keeps the number of bytes and the white space, so that places stay.
    """
    ids = dict(CONTROLS)
    pattern = "|".join(re.escape(token) for token in sorted(ids, key=len, reverse=True))
    harmless = str.maketrans("<>[]", "()()")

    def disarm(content: str) -> str:
        return re.sub(pattern, lambda found: found.group().translate(harmless), content)

    text = apply(source, [{**message, "content": disarm(message["content"])} for message in messages])
    return [
        (len(text[: m.start()].encode()), len(text[: m.end()].encode()), ids[m.group()])
        for m in re.finditer(pattern, text)
    ]


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from([token for token, _ in CONTROLS[:12]]),
    st.sampled_from(
        ["\n", " ", "\t", "\r\n", "\x00", "\x1c", "\x85", "\xa0", "{{ x }}", "{% if %}", "{#", "assistant\n"]
    ),
    st.sampled_from(
        ["医学", "\ue000", "\U000f0000", "\U000f0003", "\U0010fffd", "<tool_response>", "</tool_response>"]
    ),
)
CONTENTS = st.lists(PIECES, max_size=5).map("".join)


@st.composite
def conversations(
    draw: st.DrawFn, roles: tuple[str, ...] = ("user", "assistant", "tool")
) -> list[dict[str, str]]:
    turns = draw(st.lists(st.tuples(st.sampled_from(roles), CONTENTS), max_size=4))
    system = draw(st.lists(st.tuples(st.just("system"), CONTENTS), max_size=1))
    last = ("assistant", draw(CONTENTS))
    return [{"role": role, "content": content} for role, content in [*system, *turns, last]]


@st.composite
def exchanges(draw: st.DrawFn, contents: st.SearchStrategy[str] = CONTENTS) -> list[dict[str, str]]:
    """Draw turns that alternate, as strict templates want them."""
    system = draw(st.lists(contents, max_size=1))
    pairs = draw(st.lists(st.tuples(contents, contents), min_size=1, max_size=3))
    messages = [{"role": "system", "content": content} for content in system]
    for question, answer in pairs:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return messages
