//! The user's turn, laid out from a question and its options.

use std::collections::BTreeMap;

use minijinja::Value;
use octomed_meter::Fueled;
use xxhash_rust::xxh3::xxh3_128;

use crate::template::{TemplateError, compiling, environment, rendering};

/// Raised when the same question is laid out otherwise than before.
const VERSION: u32 = 1;
const NAME: &str = "prompt";
const VARIABLES: [&str; 4] = ["question", "options", "labelled_options", "system"];
const FUNCTIONS: [&str; 5] = ["range", "dict", "namespace", "raise_exception", "debug"];

/// An answer option of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptOption<'a> {
    /// The letter or number that names it.
    pub label: &'a str,
    /// Its text without the label.
    pub text: &'a str,
    /// Its text as the source writes it.
    pub written: &'a str,
}

/// How a question and its options become the user's turn; compiled once and shared by all workers.
///
/// The default writes the question, then each option on a line of its own as `A. text`.
#[derive(Debug, Default)]
pub struct Prompt {
    compiled: Option<(Fueled, String)>,
}

impl Prompt {
    /// A layout in Jinja with the variables `question`, `options` (as the source writes them),
    /// `labelled_options` (`A. text`) and `system`. The answer is not among them.
    ///
    /// # Errors
    /// A source that is no Jinja template, or that names another variable.
    pub fn compile(source: &str) -> Result<Self, TemplateError> {
        let engine = environment()
            .and_then(|environment| Fueled::compile(environment, NAME, source))
            .map_err(|error| compiling(&error))?;
        let unknown = |name: &&String| {
            ![&VARIABLES[..], &FUNCTIONS[..]]
                .concat()
                .contains(&name.as_str())
        };
        if let Some(name) = engine.variables().iter().find(unknown) {
            return Err(TemplateError::UnknownVariable { name: name.clone() });
        }
        Ok(Self {
            compiled: Some((engine, source.to_owned())),
        })
    }

    /// Appends the user's turn to `out`.
    ///
    /// # Errors
    /// An expression of a compiled layout that fails on this row.
    pub fn render(
        &self,
        question: &str,
        options: &[PromptOption<'_>],
        system: Option<&str>,
        out: &mut String,
    ) -> Result<(), TemplateError> {
        match &self.compiled {
            None => {
                out.push_str(question);
                write_options(options, out);
                Ok(())
            }
            Some((engine, _)) => out_of_engine(engine, question, options, system, out),
        }
    }

    /// A hash of all that decides what this layout writes, for content keys.
    #[must_use]
    pub fn content_hash(&self) -> u128 {
        let mut key = VERSION.to_le_bytes().to_vec();
        if let Some((_, source)) = &self.compiled {
            key.push(1);
            key.extend(source.as_bytes());
        }
        xxh3_128(&key)
    }
}

fn write_options(options: &[PromptOption<'_>], out: &mut String) {
    for option in options {
        out.extend(["\n", option.label, ". ", option.text]);
    }
}

fn out_of_engine(
    engine: &Fueled,
    question: &str,
    options: &[PromptOption<'_>],
    system: Option<&str>,
    out: &mut String,
) -> Result<(), TemplateError> {
    let written = options.iter().map(|option| Value::from(option.written));
    let labelled = options
        .iter()
        .map(|option| Value::from(format!("{}. {}", option.label, option.text)));
    let context = BTreeMap::from([
        ("question", Value::from(question)),
        ("options", written.collect()),
        ("labelled_options", labelled.collect()),
        ("system", Value::from(system)),
    ]);
    let of_options = options
        .iter()
        .map(|option| 2 * option.written.len() + option.label.len());
    let bytes = question.len() + system.map_or(0, str::len) + of_options.sum::<usize>();
    let text = engine
        .render(Value::from(context), bytes, 2 * options.len())
        .map_err(|error| rendering(&error))?;
    out.push_str(&text);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    /// An option with the label `label`, written `(label) text`.
    fn option(
        label: &'static str,
        text: &'static str,
        written: &'static str,
    ) -> PromptOption<'static> {
        PromptOption {
            label,
            text,
            written,
        }
    }

    fn rendered(prompt: &Prompt, question: &str, options: &[PromptOption<'_>]) -> String {
        let mut out = String::new();
        prompt
            .render(question, options, Some("be brief"), &mut out)
            .unwrap();
        out
    }

    #[test]
    fn the_default_writes_the_question_and_lettered_options() {
        let prompt = Prompt::default();
        assert_eq!(rendered(&prompt, "q?", &[]), "q?");
        let options = [option("A", "x", "A: x"), option("C", "y", "C: y")];
        assert_eq!(rendered(&prompt, "q?", &options), "q?\nA. x\nC. y");
    }

    #[test]
    fn a_layout_sees_options_as_they_are_and_labelled() {
        let source = "{{ system }}\n{{ question }}\n{% for o in options %}\n{{ o }};\n{% endfor %}\n\
                      {{ labelled_options | join(',') }}";
        let prompt = Prompt::compile(source).unwrap();
        let options = [option("A", "x", "(A) x"), option("B", "y", "(B) y")];
        assert_eq!(
            rendered(&prompt, "q?", &options),
            "be brief\nq?\n(A) x;\n(B) y;\nA. x,B. y"
        );
    }

    #[test]
    fn a_layout_is_told_of_a_misspelt_variable_and_never_of_the_answer() {
        for (source, name) in [
            ("{{ answer }}", "answer"),
            ("{{ question }}{{ option }}", "option"),
        ] {
            let error = Prompt::compile(source).unwrap_err();
            assert_eq!(
                error,
                TemplateError::UnknownVariable {
                    name: name.to_owned()
                }
            );
        }
        assert!(matches!(
            Prompt::compile("a\n{% if %}"),
            Err(TemplateError::Syntax { line: 2, .. })
        ));
    }

    #[test]
    fn the_hash_follows_the_source() {
        let hashes = [
            Prompt::default().content_hash(),
            Prompt::compile("").unwrap().content_hash(),
            Prompt::compile("a").unwrap().content_hash(),
        ];
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    }

    proptest! {
        /// The layout written by hand against the same layout run by the engine.
        #[test]
        fn the_default_equals_its_template(
            question in "\\PC{0,20}",
            options in prop::collection::vec(("[A-Z0-9]{1,2}", "\\PC{0,6}"), 0..30),
        ) {
            let source = "{{ question }}{% for option in labelled_options %}{{ '\n' + option }}{% endfor %}";
            let options: Vec<_> = options.iter()
                .map(|(label, text)| PromptOption { label, text, written: text }).collect();
            let compiled = Prompt::compile(source).unwrap();
            prop_assert_eq!(rendered(&Prompt::default(), &question, &options), rendered(&compiled, &question, &options));
        }
    }
}
