//! Chat templates: those written by hand against an engine, and the masks of both against a slow reading.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use octomed_text::{Message, Rendered, Supervise, Template, TemplateError, join_reasoning};
use proptest::prelude::*;

const CONTROLS: [(&str, u32); 7] = [
    ("<|im_start|>", 1),
    ("<|im_end|>", 2),
    ("<|begin_of_text|>", 3),
    ("<|start_header_id|>", 4),
    ("<|end_header_id|>", 5),
    ("<|eot_id|>", 6),
    ("</s>", 7),
];

const TOOLS: &str = "{%- elif message.role == 'tool' -%}
    {{- '' if not loop.first and messages[loop.index0 - 1].role == 'tool' else '<|im_start|>user' -}}
    {{- '\\n<tool_response>\\n' ~ message.content ~ '\\n</tool_response>' -}}
    {{- '' if not loop.last and messages[loop.index0 + 1].role == 'tool' else '<|im_end|>\\n' -}}";

fn controls() -> Vec<(String, u32)> {
    CONTROLS
        .iter()
        .map(|(token, id)| ((*token).to_owned(), *id))
        .collect()
}

/// A template of our own that writes what the built-in one of this name writes.
fn equivalent(name: &str) -> String {
    let turn = "{{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' -}}";
    let default = |text: &str| {
        format!(
            "{{%- if messages[0].role != 'system' -%}}{{{{- '<|im_start|>system\\n{text}<|im_end|>\\n' -}}}}{{%- endif -%}}"
        )
    };
    let each = |body: &str| format!("{{%- for message in messages -%}}{body}{{%- endfor -%}}");
    let with_tools = each(&format!(
        "{{%- if message.role != 'tool' -%}}{turn}{TOOLS}{{%- endif -%}}"
    ));
    match name {
        "qwen2.5" => {
            default("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
                + &with_tools
        }
        "qwen2.5-vl" => default("You are a helpful assistant.") + &each(turn),
        "qwen3-vl" => with_tools,
        _ => {
            "{{- bos_token -}}".to_owned()
                + &each(
                    "{{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\\n\\n' -}}
                     {{- message.content | trim ~ '<|eot_id|>' -}}",
                )
        }
    }
}

fn compiled(source: &str) -> Template {
    let variables = [("bos_token", "<|begin_of_text|>"), ("eos_token", "</s>")];
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Template::compile(source, &variables, &controls()).unwrap()
}

fn render(
    template: &Template,
    turns: &[(&str, &str)],
    supervise: Supervise,
) -> Result<Rendered, TemplateError> {
    render_learned(template, turns, supervise, |_| true)
}

fn render_learned(
    template: &Template,
    turns: &[(&str, &str)],
    supervise: Supervise,
    learned: impl Fn(usize) -> bool,
) -> Result<Rendered, TemplateError> {
    let messages: Vec<_> = turns
        .iter()
        .enumerate()
        .map(|(turn, (role, content))| Message {
            role,
            content,
            images: &[],
            learned: learned(turn),
        })
        .collect();
    let mut out = Rendered::default();
    template.render(&messages, supervise, &mut out)?;
    Ok(out)
}

fn supervised(rendered: &Rendered) -> Vec<&str> {
    rendered
        .supervised
        .iter()
        .map(|span| &rendered.text[span.clone()])
        .collect()
}

/// Contents that hold what templates and marks trip over.
fn content() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,8}",
        2 => prop::sample::select(CONTROLS.map(|(token, _)| token.to_owned()).to_vec()),
        2 => prop::sample::select(
            ["\n", " ", "\r\n", "\u{1c}", "\0", "{{ x }}", "{% if %}", "assistant\n", "<tool_response>",
             "<think>", "</think>", "\u{F0000}", "\u{F0003}", "\u{10FFFD}", "\u{E000}", "医学", "\u{a0}"]
                .map(ToOwned::to_owned).to_vec()
        ),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn conversation(with_tools: bool) -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let roles = if with_tools {
        vec!["user", "assistant", "tool"]
    } else {
        vec!["user", "assistant"]
    };
    let turn = (prop::sample::select(roles), content());
    let system = prop::option::of(content().prop_map(|content| ("system", content)));
    (system, prop::collection::vec(turn, 0..5), content()).prop_map(|(system, turns, last)| {
        system
            .into_iter()
            .chain(turns)
            .chain([("assistant", last)])
            .collect()
    })
}

fn borrowed<'c>(turns: &'c [(&'static str, String)]) -> Vec<(&'static str, &'c str)> {
    turns
        .iter()
        .map(|(role, content)| (*role, content.as_str()))
        .collect()
}

/// The mask read off slowly: the text of each turn is written down again, turn by turn.
fn slow_spans(name: &str, turns: &[(&str, &str)], supervise: Supervise, text: &str) -> Vec<String> {
    let last = turns
        .iter()
        .rposition(|(role, _)| *role == "assistant")
        .unwrap();
    let learnt = turns.iter().enumerate().filter(|(turn, (role, _))| {
        *role == "assistant" && (supervise == Supervise::All || *turn == last)
    });
    let spans: Vec<_> = learnt
        .map(|(_, (_, content))| match name {
            "llama-3" => {
                let space = |character: char| {
                    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
                };
                format!("{}<|eot_id|>", content.trim_matches(space))
            }
            _ => format!("{content}<|im_end|>"),
        })
        .collect();
    assert!(spans.iter().all(|span| text.contains(span.as_str())));
    spans
}

fn check(name: &str, turns: &[(&str, &str)], supervise: Supervise) {
    let builtin = render(
        &Template::builtin(name, &controls()).unwrap(),
        turns,
        supervise,
    )
    .unwrap();
    let engine = compiled(&equivalent(name));
    match render(&engine, turns, supervise) {
        Ok(rendered) => assert_eq!(builtin, rendered),
        Err(error) => panic!("{name}: {error} for {turns:?}"),
    }
    assert_eq!(
        supervised(&builtin),
        slow_spans(name, turns, supervise, &builtin.text)
    );
    for control in &builtin.controls {
        let token = &builtin.text[control.bytes.clone()];
        assert!(CONTROLS.contains(&(token, control.id)));
    }
    for span in &builtin.supervised {
        assert!(
            builtin
                .controls
                .iter()
                .any(|control| control.bytes.end == span.end && control.bytes.start >= span.start)
        );
    }
    let written: usize = turns.iter().filter(|(role, _)| *role != "tool").count();
    let opened = builtin
        .controls
        .iter()
        .filter(|control| matches!(control.id, 1 | 4))
        .count();
    let defaulted = usize::from(name.starts_with("qwen2.5") && turns[0].0 != "system");
    let tool_groups = turns.iter().enumerate().filter(|(turn, (role, _))| {
        *role == "tool" && (name == "qwen2.5-vl" || *turn == 0 || turns[turn - 1].0 != "tool")
    });
    assert_eq!(
        opened,
        written + defaulted + tool_groups.count(),
        "look-alikes are not controls"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn templates_written_by_hand_equal_the_engine(
        turns in conversation(true),
        name in prop::sample::select(vec!["qwen2.5", "qwen2.5-vl", "qwen3-vl"]),
        last in any::<bool>(),
    ) {
        check(name, &borrowed(&turns), if last { Supervise::Last } else { Supervise::All });
    }

    #[test]
    fn llama_3_equals_the_engine(turns in conversation(false), last in any::<bool>()) {
        check("llama-3", &borrowed(&turns), if last { Supervise::Last } else { Supervise::All });
    }

    #[test]
    fn a_generation_block_gives_the_spans_of_the_contents(turns in conversation(false), last in any::<bool>()) {
        let open = "{{- '<|im_start|>' ~ message.role ~ '\\n' -}}";
        let inside = "{% if message.role == 'assistant' %}{% generation %}{{- message.content -}}{{- '<|im_end|>\\n' -}}{% endgeneration %}";
        let outside = "{% if message.role == 'assistant' %}{% generation %}{{- message.content -}}{% endgeneration %}{{- '<|im_end|>\\n' -}}";
        let rest = "{% else %}{{- message.content ~ '<|im_end|>\\n' -}}{% endif %}";
        let supervise = if last { Supervise::Last } else { Supervise::All };
        let expected = render(&compiled(&equivalent("qwen3-vl")), &borrowed(&turns), supervise).unwrap();
        for block in [inside, outside] {
            let source = format!("{{% for message in messages %}}{open}{block}{rest}{{% endfor %}}");
            prop_assert_eq!(&render(&compiled(&source), &borrowed(&turns), supervise).unwrap(), &expected);
        }
    }

    /// Text and controls stay; of the spans those of the turns that are not learned go, the last one's too.
    #[test]
    fn turns_that_are_not_learned_lose_their_spans_only(
        turns in conversation(false),
        name in prop::sample::select(vec!["qwen2.5", "qwen2.5-vl", "qwen3-vl", "llama-3"]),
        written_by_hand in any::<bool>(),
        learned in any::<u64>(),
        last in any::<bool>(),
    ) {
        let template = if written_by_hand { Template::builtin(name, &controls()).unwrap() } else { compiled(&equivalent(name)) };
        let is_learned = |turn: usize| learned >> turn & 1 == 1;
        let all = render(&template, &borrowed(&turns), Supervise::All).unwrap();
        let answers: Vec<usize> = (0..turns.len()).filter(|turn| turns[*turn].0 == "assistant").collect();
        let wanted = |turn: usize| is_learned(turn) && (!last || Some(&turn) == answers.last());
        let expected = answers.iter().zip(&all.supervised).filter(|(turn, _)| wanted(**turn)).map(|(_, span)| span.clone());
        let supervise = if last { Supervise::Last } else { Supervise::All };
        let some = render_learned(&template, &borrowed(&turns), supervise, is_learned).unwrap();
        prop_assert_eq!(&some.supervised, &expected.collect::<Vec<_>>());
        prop_assert_eq!((some.text, some.controls), (all.text, all.controls));
    }

    #[test]
    fn joined_reasoning_passes_through_a_template_that_rewrites_it(reasoning in content(), response in content()) {
        prop_assume!(!reasoning.contains("think") && !response.contains("think"));
        prop_assume!(!reasoning.trim().is_empty());
        let mut turn = String::new();
        join_reasoning(Some(&reasoning), &response, &mut turn).unwrap();
        let turns = [("user", "q"), ("assistant", turn.as_str())];
        let rendered = render(&compiled(REWRITES), &turns, Supervise::All).unwrap();
        prop_assert_eq!(supervised(&rendered), [format!("{turn}<|im_end|>")]);
    }
}

/// Takes `<think>` apart and writes it anew in the last turn, as Qwen3's template does.
const REWRITES: &str = "{% for message in messages %}
    {%- set answer = message.content.split('</think>')[-1].lstrip('\n') %}
    {%- set thought = message.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
    {{- '<|im_start|>' + message.role + '\n' }}
    {%- if '</think>' in message.content and loop.last %}
    {{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + answer }}
    {%- else %}
    {{- answer }}
    {%- endif %}
    {{- '<|im_end|>\n' }}
{%- endfor %}";

#[test]
fn a_template_that_drops_reasoning_is_refused() {
    let cuts = compiled(
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' }}{% endfor %}",
    );
    let turns = [("user", "q"), ("assistant", "<think>\nr\n</think>\n\na")];
    let error = render(&cuts, &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::DropsText { turn: 1 });
    assert!(!error.blames_row() && error.hint().unwrap().contains("<think>"));

    let turns = [
        ("user", "q"),
        ("assistant", "<think>\nr\n</think>\n\na"),
        ("user", "q"),
        ("assistant", "b"),
    ];
    let error = render(&compiled(REWRITES), &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::DropsText { turn: 1 });
    let last = render(&compiled(REWRITES), &turns, Supervise::Last).unwrap();
    assert_eq!(supervised(&last), ["b<|im_end|>"]);
}

#[test]
fn a_template_that_changes_words_is_refused() {
    for change in [
        "m.content | upper",
        "m.content[1:]",
        "m.content | replace('a', 'b')",
        "'same for all'",
    ] {
        let source = format!("{{% for m in messages %}}{{{{ {change} }}}}<|im_end|>{{% endfor %}}");
        let error = render(
            &compiled(&source),
            &[("user", "q"), ("assistant", "cat")],
            Supervise::All,
        )
        .unwrap_err();
        assert_eq!(error, TemplateError::DropsText { turn: 1 }, "{change}");
    }
    let twice = "{% for m in messages %}{{ m.content }}{{ m.content }}<|im_end|>{% endfor %}";
    let error = render(&compiled(twice), &[("assistant", "cat")], Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::NotLocated { turn: 0 });
}

#[test]
fn trimmed_contents_are_found() {
    let source = |content: &str| {
        format!(
            "{{% for m in messages %}}{{{{ '<|im_start|>' + m.role + '\n' + ({content}) + '<|im_end|>\n' }}}}{{% endfor %}}"
        )
    };
    let turns = [("user", " q "), ("assistant", "\n\n a \n")];
    for (content, expected) in [
        ("m.content | trim", "a<|im_end|>"),
        ("m.content.lstrip()", "a \n<|im_end|>"),
        ("m.content.strip('\n')", " a <|im_end|>"),
        ("m.content.rstrip()", "\n\n a<|im_end|>"),
        (
            "m.content if m.role == 'assistant' else m.content | trim",
            "\n\n a \n<|im_end|>",
        ),
    ] {
        let rendered = render(&compiled(&source(content)), &turns, Supervise::All).unwrap();
        assert_eq!(supervised(&rendered), [expected], "{content}");
    }
}

#[test]
fn a_turn_ends_at_its_end_of_turn_token() {
    let source = "{% for m in messages %}{{ m.content }}{{ end[m.role] }}{% endfor %}";
    let with_end = |end: &str| source.replace("end[m.role]", end);
    let turns = [
        ("user", "q"),
        ("assistant", "a"),
        ("user", "q"),
        ("assistant", "b"),
    ];
    for (end, expected) in [
        ("'<|im_end|>\n</s>'", &["a<|im_end|>", "b<|im_end|>"][..]),
        (
            "'<|eot_id|></s><|im_start|>'",
            &["a<|eot_id|></s>", "b<|eot_id|></s>"],
        ),
        ("'<|eot_id|><|im_start|>'", &["a<|eot_id|>", "b<|eot_id|>"]),
        ("' </s>'", &["a </s>", "b </s>"]),
    ] {
        let rendered = render(&compiled(&with_end(end)), &turns, Supervise::All).unwrap();
        assert_eq!(supervised(&rendered), expected, "{end}");
    }
    let error = render(&compiled(&with_end("'\n'")), &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::NoEndOfTurn { turn: 1 });
}

#[test]
fn a_generation_block_round_more_than_the_content_is_the_span() {
    let source = "{% for m in messages %}{% if m.role == 'assistant' %}<|im_start|>\n\
                  {% generation %}<think></think>{{ m.content }} ok<|im_end|>\n{% endgeneration %}\
                  {% else %}{{ m.content }}{% endif %}{% endfor %}";
    let turns = [
        ("user", "q"),
        ("assistant", "<|im_end|> "),
        ("assistant", "b"),
    ];
    let rendered = render(&compiled(source), &turns, Supervise::All).unwrap();
    assert_eq!(
        supervised(&rendered),
        [
            "<think></think><|im_end|>  ok<|im_end|>",
            "<think></think>b ok<|im_end|>"
        ]
    );
    let rendered = render(&compiled(source), &turns, Supervise::Last).unwrap();
    assert_eq!(supervised(&rendered), ["<think></think>b ok<|im_end|>"]);

    let gap = source.replace(
        "<|im_end|>\n{% endgeneration %}",
        "{% endgeneration %} x <|im_end|>",
    );
    let error = render(&compiled(&gap), &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::NoEndOfTurn { turn: 1 });

    let only_last = source.replace("m.role == 'assistant'", "loop.last");
    let error = render(&compiled(&only_last), &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::OutsideGeneration { turn: 1 });
}

#[test]
fn a_template_may_drop_what_is_not_learned() {
    let turns = [
        ("user", "q"),
        ("assistant", "<think>\nt\n</think>\n\na"),
        ("user", "r"),
        ("assistant", "b"),
    ];
    let template = compiled(REWRITES);
    let error = render(&template, &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::DropsText { turn: 1 });
    let rendered = render_learned(&template, &turns, Supervise::All, |turn| turn != 1).unwrap();
    assert_eq!(supervised(&rendered).len(), 1);
    let none = render_learned(&template, &turns, Supervise::All, |_| false).unwrap();
    assert_eq!((none.text, none.supervised), (rendered.text, vec![]));
    let upper = compiled("{% for m in messages %}{{ m.content | upper }}</s>{% endfor %}");
    let none = render_learned(&upper, &turns, Supervise::Last, |turn| turn == 1).unwrap();
    assert!(none.text.starts_with("Q</s>") && none.supervised.is_empty());
}

#[test]
fn a_generation_block_of_learned_and_other_turns_is_refused() {
    let turns = [
        ("user", "q"),
        ("assistant", "a"),
        ("assistant", "b"),
        ("user", "r"),
        ("assistant", "c"),
    ];
    let shared = "{% for m in messages %}{% if m.role == 'user' %}{% if not loop.first %}{% endif %}{{ m.content }}</s>{% elif messages[loop.index0 - 1].role == 'user' %}\
                  {% generation %}{{ m.content }}</s>{% if loop.nextitem is defined and loop.nextitem.role == 'assistant' %}{{ loop.nextitem.content }}</s>{% endif %}{% endgeneration %}{% endif %}{% endfor %}";
    let template = compiled(shared);
    let spans = |learned: [bool; 5]| {
        let rendered = render_learned(&template, &turns, Supervise::All, |turn| learned[turn]);
        rendered.map(|rendered| supervised(&rendered).concat())
    };
    assert_eq!(spans([true; 5]).unwrap(), "a</s>b</s>c</s>");
    assert_eq!(
        spans([false, true, true, false, false]).unwrap(),
        "a</s>b</s>"
    );
    assert_eq!(spans([true, false, false, true, true]).unwrap(), "c</s>");
    assert_eq!(
        spans([true, true, false, true, true]).unwrap_err(),
        TemplateError::SharedBlock { turn: 2 }
    );
    assert_eq!(
        spans([true, false, true, true, true]).unwrap_err(),
        TemplateError::SharedBlock { turn: 1 }
    );
    let last_of_shared = render(&template, &turns[..3], Supervise::Last).unwrap_err();
    assert_eq!(last_of_shared, TemplateError::SharedBlock { turn: 1 });
    // Blocks that touch are told apart, also where a blank turn cannot be marked.
    let touching = compiled(
        "{% for m in messages %}{% generation %}{% if m.content %}{{ m.content }}{% endif %}</s>{% endgeneration %}{% endfor %}",
    );
    let answers = [("assistant", "a"), ("assistant", ""), ("assistant", "c")];
    let rendered = render_learned(&touching, &answers, Supervise::All, |turn| turn != 1).unwrap();
    assert_eq!(supervised(&rendered), ["a</s>", "c</s>"]);
    let rendered = render_learned(&touching, &answers, Supervise::All, |turn| turn == 2).unwrap();
    assert_eq!(supervised(&rendered), ["c</s>"]);
}

/// A conversation is rendered a few times, however many turns it has: each of these answers has a header of its own,
/// white space that no prompt writes, or white space that the template trims.
#[test]
fn long_conversations_are_rendered_a_few_times() {
    let chat = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant' }}{% endif %}";
    let block = chat.replace(
        "+ m.content + '<|im_end|>\n' }}",
        "}}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}",
    );
    let turns: Vec<(&str, &str)> = (0..20_000)
        .map(|turn| match turn % 2 {
            0 => ("user", "question"),
            _ => ("assistant", "answer"),
        })
        .collect();
    for source in [chat, &block] {
        let rendered = render(&compiled(source), &turns, Supervise::All).unwrap();
        let written: String = turns
            .iter()
            .map(|(role, content)| format!("<|im_start|>{role}\n{content}<|im_end|>\n"))
            .collect();
        assert_eq!(rendered.text, written);
        assert_eq!(rendered.supervised.len(), 10_000);
        assert_eq!(rendered.leads.len(), 10_000);
        for (span, lead) in rendered.supervised.iter().zip(&rendered.leads) {
            assert_eq!(&rendered.text[span.clone()], "answer<|im_end|>");
            assert_eq!(*lead, span.start - 1);
        }
    }
    let numbered = chat.replace("m.role + '\n'", "m.role ~ loop.index ~ '\n'");
    let rendered = render(&compiled(&numbered), &turns, Supervise::All).unwrap();
    assert_eq!(rendered.supervised.len(), 10_000);
    let trims = chat.replace("m.content +", "(m.content | trim) +");
    let spaced: Vec<_> = turns.iter().map(|(role, _)| (*role, " a")).collect();
    assert_eq!(
        render(&compiled(&trims), &spaced, Supervise::All).unwrap_err(),
        TemplateError::Limit
    );
    let few = &spaced[..200];
    let rendered = render(&compiled(&trims), few, Supervise::All).unwrap();
    assert_eq!(rendered.supervised.len(), 100);
    let many = turns.repeat(4);
    assert_eq!(
        render(&compiled(chat), &many, Supervise::All).unwrap_err(),
        TemplateError::Limit
    );
}

/// White space before an answer is a lead where no prompt writes it, in every turn and for every header.
#[test]
fn white_space_that_no_prompt_writes_is_the_lead_of_an_answer() {
    let turns = [
        ("user", "q"),
        ("assistant", "a"),
        ("user", "r "),
        ("assistant", "b"),
    ];
    let leads = |source: &str| {
        let template = compiled(source);
        let all = render(&template, &turns, Supervise::All).unwrap();
        assert_eq!(render(&template, &turns, Supervise::All).unwrap(), all);
        let last = render(&template, &turns, Supervise::Last).unwrap();
        assert_eq!(all.leads.last(), last.leads.last(), "{source}");
        let pairs = all.supervised.iter().zip(&all.leads);
        pairs
            .map(|(span, lead)| all.text[*lead..span.start].to_owned())
            .collect::<Vec<_>>()
    };
    let llama_2 = "{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' \n' + m.content + '</s>' }}{% endif %}{% endfor %}";
    assert_eq!(leads(llama_2), [" \n", " \n"]);
    let half = llama_2.to_owned() + "{% if add_generation_prompt %} {% endif %}";
    assert_eq!(leads(&half), ["\n", "\n"]);
    let drops = llama_2.replace("{{ '[INST]", "{{ ('<last>' if loop.last else '') + '[INST]");
    assert_eq!(leads(&drops), [" \n", " \n"]);
    let bare = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{{ ' ' + m.content + '</s>' }}{% endif %}{% endfor %}";
    assert_eq!(leads(bare), [" ", " "]);
    let block = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}:{% else %}{{ ' ' }}{% generation %}{{ m.content + '</s>' }}{% endgeneration %}{% endif %}{% endfor %}";
    assert_eq!(leads(block), [" ", " "]);
    let chat = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}";
    assert!(leads(chat).is_empty());
    let prompted = chat.to_owned()
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    assert!(leads(&prompted).is_empty());
    let short =
        chat.to_owned() + "{% if add_generation_prompt %}{{ '<|im_start|>assistant' }}{% endif %}";
    assert_eq!(leads(&short), ["\n", "\n"]);
    let refuses = "{% if add_generation_prompt and messages | length == 1 %}{{ raise_exception('no') }}{% endif %}".to_owned() + llama_2;
    assert_eq!(leads(&refuses), ["", " \n"]);
}

#[test]
fn look_alikes_in_a_turn_that_is_rewritten_are_refused() {
    let source = "{% for m in messages %}{{ m.content if m.role == 'assistant' else m.content[1:-1] }}<|im_end|>{% endfor %}";
    let error = render(
        &compiled(source),
        &[("user", "x</s>y"), ("assistant", "a")],
        Supervise::All,
    )
    .unwrap_err();
    assert_eq!(error, TemplateError::LookAlike { turn: 0 });
    let rendered = render(
        &compiled(source),
        &[("user", "x/sy"), ("assistant", "a</s>")],
        Supervise::All,
    )
    .unwrap();
    assert_eq!(
        (rendered.text.as_str(), rendered.controls.len()),
        ("/s<|im_end|>a</s><|im_end|>", 2)
    );
}

#[test]
fn look_alikes_in_an_earlier_answer_that_is_cut_are_refused() {
    let turns = [
        ("user", "q"),
        ("assistant", "<think>\nr\n</think>\n\na</s>"),
        ("user", "q"),
        ("assistant", "b"),
    ];
    let error = render(&compiled(REWRITES), &turns, Supervise::Last).unwrap_err();
    assert_eq!(error, TemplateError::LookAlike { turn: 1 });
}

#[test]
fn marks_that_the_template_itself_writes_are_not_chosen() {
    let source = "{% for m in messages %}\u{F0002}{{ m.content }}\u{F0000}<|im_end|>{% endfor %}";
    let rendered = render(&compiled(source), &[("assistant", "a")], Supervise::All).unwrap();
    assert_eq!(supervised(&rendered), ["a\u{F0000}<|im_end|>"]);
}

#[test]
fn an_end_of_turn_token_is_looked_for_before_the_next_turn() {
    let source = "{% for m in messages %}{{ m.content }}{{ '\n' if m.role == 'assistant' else '</s>' }}{% endfor %}";
    let turns = [("assistant", "a"), ("user", "q"), ("user", "q")];
    let error = render(&compiled(source), &turns, Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::NoEndOfTurn { turn: 0 });
}

#[test]
fn a_block_that_goes_on_after_a_control_token_ends_at_the_next_one() {
    let source = "{% for m in messages %}{% generation %}{{ m.content }}<|eot_id|>tail{% endgeneration %}<|im_end|>\n{% endfor %}";
    let rendered = render(&compiled(source), &[("assistant", "a")], Supervise::All).unwrap();
    assert_eq!(supervised(&rendered), ["a<|eot_id|>tail<|im_end|>"]);
}

#[test]
fn blank_contents_do_not_hide_the_others() {
    let source =
        "{% for m in messages %}{% if m.content %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}";
    let turns = [
        ("user", ""),
        ("assistant", "a"),
        ("user", ""),
        ("assistant", "b</s>"),
    ];
    assert_eq!(
        supervised(&render(&compiled(source), &turns, Supervise::All).unwrap()),
        ["a<|im_end|>", "b</s><|im_end|>"]
    );
    let error = render(&compiled(source), &[("assistant", "")], Supervise::All).unwrap_err();
    assert_eq!(error, TemplateError::NotLocated { turn: 0 });
}

#[test]
fn what_a_template_may_not_do_is_said() {
    let variables = BTreeMap::new();
    let refused = |source: &str, turns: &[(&str, &str)]| {
        let template = Template::compile(source, &variables, &controls());
        template
            .and_then(|template| render(&template, turns, Supervise::All))
            .unwrap_err()
    };
    let turns = [("user", "q"), ("assistant", "a")];
    assert_eq!(
        refused("{{ strftime_now('%d %b %Y') }}", &turns),
        TemplateError::DependsOnDate
    );
    let message = "roles must alternate".to_owned();
    assert_eq!(
        refused("{{ raise_exception('roles must alternate') }}", &turns),
        TemplateError::Refused { message }
    );
    assert!(matches!(
        refused("a\n{{ 1 + }}", &turns),
        TemplateError::Syntax { line: 2, .. }
    ));
    assert!(matches!(
        refused("a\n{{ messages.x.y }}", &turns),
        TemplateError::Failed { line: 2, .. }
    ));
    assert_eq!(refused("", &[("user", "q")]), TemplateError::NoAssistant);
    assert_eq!(refused("", &[]), TemplateError::NoAssistant);
    let role = |turn, role: &str| TemplateError::Role {
        turn,
        role: role.to_owned(),
    };
    assert_eq!(
        refused("", &[("<|im_end|>", "q"), ("assistant", "a")]),
        role(0, "<|im_end|>")
    );
    let builtin = |name| Template::builtin(name, &controls()).unwrap();
    for (name, turn) in [
        ("qwen2.5", "function"),
        ("qwen3-vl", "system"),
        ("llama-3", ""),
        ("qwen2.5-vl", "a b"),
    ] {
        let turns = [("user", "q"), (turn, "x"), ("assistant", "a")];
        assert_eq!(
            render(&builtin(name), &turns, Supervise::All).unwrap_err(),
            role(1, turn)
        );
    }
    assert!(matches!(
        Template::builtin("qwen9", &controls()),
        Err(TemplateError::UnknownBuiltin { .. })
    ));
    assert_eq!(
        Template::builtin("llama-3", &controls()[..5]).unwrap_err(),
        TemplateError::MissingControl {
            template: "llama-3",
            token: "<|eot_id|>"
        }
    );
}

#[test]
fn a_probe_finds_what_can_never_work() {
    assert_eq!(
        compiled("{{ strftime_now('') }}").probe(),
        Err(TemplateError::DependsOnDate)
    );
    assert_eq!(
        compiled("{% for m in messages %}{{ m.content }}\n{% endfor %}").probe(),
        Err(TemplateError::NoEndOfTurn { turn: 1 })
    );
    assert_eq!(
        compiled("{{ raise_exception('a system turn is wanted') }}").probe(),
        Ok(())
    );
    assert_eq!(compiled(REWRITES).probe(), Ok(()));
}

#[test]
fn hashes_tell_templates_variables_and_controls_apart() {
    let variables = BTreeMap::from([("bos_token".to_owned(), "x".to_owned())]);
    let few = &controls()[..2];
    let hashes = [
        Template::builtin("qwen2.5", &controls())
            .unwrap()
            .content_hash(),
        Template::builtin("qwen2.5", few).unwrap().content_hash(),
        Template::builtin("qwen3-vl", few).unwrap().content_hash(),
        Template::compile("qwen3-vl", &BTreeMap::new(), few)
            .unwrap()
            .content_hash(),
        Template::compile("qwen3-vl", &variables, few)
            .unwrap()
            .content_hash(),
    ];
    let different: std::collections::HashSet<_> = hashes.iter().collect();
    assert_eq!(different.len(), hashes.len());
    let again = Template::builtin("qwen2.5", &controls())
        .unwrap()
        .content_hash();
    assert_eq!(again, hashes[0]);
}
