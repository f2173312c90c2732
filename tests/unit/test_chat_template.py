"""Chat templates: text and controls against `transformers`, masks against the prefix of each turn."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError
from octomed import _octomed
from octomed.errors import DataError, RecipeError

from . import chat_oracle as oracle

BUILTINS = {"qwen2.5": "qwen2_5", "qwen2.5-vl": "qwen2_5_vl", "qwen3-vl": "qwen3_vl", "llama-3": "llama3"}

# Templates of our own that use what minijinja and jinja2 do differently.
OWN = {
    "python methods": """
{%- for m in messages %}
  {%- set words = m.content.split() %}
<|im_start|>{{ m['role'].title() }} {{ words | length }} {{ m.content.split('a', 1) | length }}
{{ m.content }}<|im_end|>
  {%- if m.content.startswith(('a', 'b')) or m.content.endswith('z') or m.content.strip().isspace() %}
 {{ m.content.splitlines() | length }}{{ m.content.rsplit(None, 1) | length }}
  {%- endif %}
{% endfor %}""",
    "tojson": """
{%- for m in messages %}<|im_start|>
    {%- if m.role == 'assistant' %}
{{ m.content }}<|im_end|>
    {%- else %}
{{ {'z': 1, 'a': [m.role, none, true, 1.5, {}], 'm': m.content} | tojson }}{{ m.content | tojson(indent=2) }}
{{- m | tojson(separators=(',', ':'), sort_keys=True) }}{{ [m, [m.role]] | tojson(indent=4) }}
    {%- endif %}
{% endfor %}""",
    "scopes and loops": """
{%- set ns = namespace(count=0, last='') %}
{%- for m in messages if m.role != 'tool' %}
    {%- set ns.count = ns.count + 1 %}
    {%- if ns.count > 7 %}{% break %}{% endif %}
    {%- if m.role == 'system' and not loop.first %}{% continue %}{% endif %}
    {{- '<|im_start|>' ~ m.role ~ loop.index0 ~ loop.revindex ~ loop.last ~ (ns.last is string) ~ '\\n' }}
    {%- set ns.last = m.content %}
    {{- m.content }}<|im_end|>
{% endfor %}{{ ns.count }}{{ messages[::-1][0].role }}{{ messages[1:] | length }}
{{- tools }}{{ documents is none }}""",
    "tests and macros": """
{%- macro turn(role, content, end='<|im_end|>') %}<|im_start|>{{ role }}
{{ content }}{{ end }}
{% endmacro %}
{%- for m in messages %}
    {%- if m.content is string and m.content is iterable and m is mapping and m.tool_calls is not defined %}
{{ turn(m.role, m.content) }}
    {%- endif %}
    {%- for key, value in m | items %}{{ key }}{{ value is sequence }}{% endfor %}
    {%- for key in m %}{{ key if key in m else '' }}{{ m.get('nothing', 3) }}{% endfor %}
{% endfor %}{{ bos_token if bos_token is defined else 'none' }}{{ eos_token | default('x') }}
{{- nothing | default('y') }}
{%- raw %}{% generation %}{{ x }}{% endraw %}{# {% generation %} #}""",
    "white space": """\r
  {% for m in messages %}\r
\t{%- if true -%}   <|im_start|>\r
   {%+ if true %}  {{ m.role }}   {% endif %}
   {{- ' ' }}{{ m.content }}{{ '<|im_end|>' -}}
  {% endif %}
  {# a comment #}
  x
{% endfor %}

""",
    "trims some": """
{%- for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>

{{ (m.content | trim) if m.role != 'user' else m.content }}<|eot_id|>{% endfor %}""",
}


def ours(template, messages, supervise="all"):
    return template.render([(message["role"], message["content"]) for message in messages], supervise)


def compiled(source):
    return _octomed.ChatTemplate(source, oracle.CONTROLS, oracle.VARIABLES)


def builtin(name):
    return _octomed.ChatTemplate(name, oracle.CONTROLS, builtin=True)


def prefix_spans(source, messages, supervise):
    """Mask from prefixes: from the generation prompt's end to the last token before the next header."""
    turns = [turn for turn, message in enumerate(messages) if message["role"] == "assistant"]
    spans = []
    for turn in turns if supervise == "all" else turns[-1:]:
        before = messages[:turn] or [{"role": "system", "content": "?"}]
        start = len(oracle.apply(source, before, generation_prompt=True).encode())
        if not messages[:turn]:
            return None  # the prompt before a first assistant turn cannot be asked for
        end = len(oracle.apply(source, messages[: turn + 1]).rstrip("\n").encode())
        spans.append((start, end))
    return spans


@pytest.mark.parametrize("name", BUILTINS)
@settings(deadline=None)  # the first example compiles the template
@given(data=st.data(), supervise=st.sampled_from(["all", "last"]))
def test_builtin_templates_equal_transformers(name, data, supervise):
    source = oracle.published(BUILTINS[name])
    if source is None:
        pytest.skip("the trl package, which carries the published templates, is not installed")
    roles = ("user", "assistant") if name == "llama-3" else ("user", "assistant", "tool")
    messages = data.draw(oracle.conversations(roles))
    text, controls, spans = ours(builtin(name), messages, supervise)
    assert text == oracle.apply(source, messages)
    assert controls == oracle.template_written(source, messages)
    expected = prefix_spans(source, messages, supervise)
    if expected is not None:
        assert spans == expected
    ends = {end for _, end, _ in controls}
    assert all(end in ends for _, end in spans)
    assert ours(compiled(source), messages, supervise) == (text, controls, spans)


@pytest.mark.parametrize("name", OWN)
@settings(deadline=None)
@given(messages=oracle.exchanges(), supervise=st.sampled_from(["all", "last"]))
@example(
    messages=[{"role": "user", "content": "az z\n b"}, {"role": "assistant", "content": " \x1ca\x85b "}],
    supervise="all",
)
def test_own_templates_equal_transformers(name, messages, supervise):
    source = OWN[name]
    expected = oracle.apply(source, messages)
    try:
        text, controls, spans = ours(compiled(source), messages, supervise)
    except DataError:
        # a template that counts a content's words or lines may hide where it stands
        assert name == "python methods"
        return
    assert text == expected
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    answers = answers if supervise == "all" else answers[-1:]
    end = "<|eot_id|>" if name == "trims some" else "<|im_end|>"
    if name == "trims some":
        answers = [answer.strip() for answer in answers]
    assert [text.encode()[a:b].decode() for a, b in spans] == [answer + end for answer in answers]
    assert {(a, b) for a, b, _ in controls} >= {(b - len(end), b) for _, b in spans}


@pytest.mark.parametrize("name", OWN)
def test_own_templates_render(name):
    assert ours(compiled(OWN[name]), SEVERAL)[0] == oracle.apply(OWN[name], SEVERAL)


PLAIN = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "Anaemia."}]
THOUGHT = [PLAIN[0], {"role": "assistant", "content": "<think>\nPale.\n</think>\n\nAnaemia."}]
SEVERAL = [
    *THOUGHT,
    {"role": "user", "content": "Sure?"},
    {"role": "assistant", "content": "<think>\nYes.\n</think>\n\nYes."},
]


@pytest.mark.parametrize("name", oracle.published_names())
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_published_templates_equal_transformers_or_are_refused(name, data):
    source = oracle.published(name)
    messages = data.draw(st.one_of(oracle.exchanges(), st.sampled_from([PLAIN, THOUGHT, SEVERAL])))
    try:
        expected = oracle.apply(source, messages)
    except TemplateError:
        with pytest.raises((DataError, RecipeError)):
            ours(compiled(source), messages)
        return
    try:
        text, controls, spans = ours(compiled(source), messages)
    except (DataError, RecipeError):
        return  # which templates are refused is said below
    assert text == expected
    assert controls == oracle.template_written(source, messages)
    ends = {end for _, end, _ in controls}
    assert all(start < end and end in ends for start, end in spans)


def outcome(name, messages):
    """Count the spans, or give the error: templates cut reasoning, ask for the date, or never end a turn."""
    try:
        _, _, spans = ours(compiled(oracle.published(name)), messages)
    except (DataError, RecipeError) as error:
        return error.message
    return len(spans)


@pytest.mark.skipif(not oracle.published_names(), reason="trl is not installed")
@pytest.mark.parametrize(
    ("name", "plain", "several"),
    [
        ("qwen2_5", 1, 2),
        ("qwen2_5_training", 1, 2),
        ("qwen2_5_vl_training", 1, 2),
        ("qwen3", 1, "the chat template drops or changes text of assistant turn 1"),
        ("qwen3_training", 1, 2),
        ("qwen3_vl_training", 1, 2),
        ("qwen3_instruct_2507", 1, 2),
        ("deepseek_r1_distill", 1, "the chat template drops or changes text of assistant turn 1"),
        ("deepseek_r1_distill_training", 1, 2),
        ("llama3_training", 1, 2),
        ("llama3_1", 1, 2),
        ("llama3_2", "the chat template asks for today's date", "the chat template asks for today's date"),
        ("gemma3", 1, 2),
        ("phi3_5", 1, 2),
        ("cohere2", 1, 2),
        (
            "glm4moe",
            "the chat template writes no end-of-turn token after assistant turn 1",
            "the chat template drops or changes text of assistant turn 1",
        ),
    ],
)
def test_published_templates_that_can_be_learnt_from(name, plain, several):
    assert outcome(name, PLAIN) == plain
    assert outcome(name, SEVERAL) == several


@pytest.mark.skipif(not oracle.published_names(), reason="trl is not installed")
@pytest.mark.parametrize(
    "name",
    [
        "qwen2_5_training",
        "qwen2_5_vl_training",
        "qwen3_vl_training",
        "llama3_training",
        "cohere2_training",
        "gemma3_training",
        "deepseek_r1_distill_training",
    ],
)
@settings(deadline=None)
@given(messages=oracle.exchanges())
def test_generation_blocks_are_those_of_transformers(name, messages):
    source = oracle.published(name)
    text, blocks = oracle.generation_spans(source, messages)
    try:
        got, _, spans = ours(compiled(source), messages)
    except (DataError, RecipeError):
        return
    assert got == text
    raw = text.encode()
    trimmed = [(start, start + len(raw[start:end].rstrip(b"\n"))) for start, end in blocks]
    assert spans == trimmed


def test_a_block_ends_with_its_end_of_turn_token():
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}<|im_end|>{% endfor %}"
    text, _, spans = ours(compiled(source), [{"role": "assistant", "content": "a"}])
    assert text == oracle.apply(source, [{"role": "assistant", "content": "a"}])
    assert spans == [(0, len("a<|im_end|>"))]


def test_offsets_count_bytes():
    text, controls, spans = ours(
        builtin("qwen3-vl"), [{"role": "user", "content": "医"}, {"role": "assistant", "content": "学"}]
    )
    raw = text.encode()
    assert [raw[start:end].decode() for start, end in spans] == ["学<|im_end|>"]
    assert [raw[start:end].decode() for start, end, _ in controls] == ["<|im_start|>", "<|im_end|>"] * 2


def test_a_template_that_asks_for_the_date_is_refused_before_any_row():
    with pytest.raises(RecipeError, match="date") as caught:
        compiled("{{ strftime_now('%Y') }}{{ messages }}").probe()
    assert "template:" in caught.value.hint


def test_errors_are_of_the_class_of_whom_they_blame():
    with pytest.raises(RecipeError, match="line 1"):
        compiled("{{ 1 + }}")
    with pytest.raises(DataError, match="no assistant turn"):
        ours(builtin("qwen2.5"), [{"role": "user", "content": "q"}])
    with pytest.raises(DataError, match="alternate"):
        ours(compiled("{{ raise_exception('roles must alternate') }}"), PLAIN)
    with pytest.raises(RecipeError, match="supervise"):
        builtin("qwen2.5").render([], "first")


def test_a_prompt_lays_out_a_question():
    assert _octomed.Prompt().render("q?", ["A: x", "B: y"]) == "q?\nA. x\nB. y"
    layout = _octomed.Prompt(
        "{{ system }}|{{ question }}|{{ options | join('/') }}|{{ labelled_options[1] }}"
    )
    assert layout.render("q?", ["(A) x", "(B) y"], system="s") == "s|q?|(A) x/(B) y|B. y"
    assert layout.content_hash != _octomed.Prompt().content_hash
    with pytest.raises(RecipeError, match="`answer` is not a variable") as caught:
        _octomed.Prompt("{{ answer }}")
    assert "labelled_options" in caught.value.hint
