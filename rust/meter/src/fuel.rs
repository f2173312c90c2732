//! Fuel for templates: instructions, bytes made and items visited, counted by minijinja.

use std::sync::OnceLock;
use std::{fmt, thread};

use minijinja::{Environment, Error, ErrorKind, Value};

use crate::comparing;
use crate::held::{held, held_within, weighed};
use crate::operands::{HELD, WEIGHED};
use crate::source::{HELD_WITHIN, prepared};
use crate::{Panicked, guard};

/// What every rendering may use: a million instructions, or 64 MB made.
const BASE: u64 = 1_000_000;
/// What each byte and each item of the values adds to it.
const OF_BYTE: u64 = 1;
const OF_ITEM: u64 = 4_000;
/// An engine has one amount of fuel, so there is one for each doubling of the base.
const TIERS: usize = 24;

/// The stack on which templates are compiled: the compiler goes as deep as expressions and `elif`s do.
const COMPILER_STACK: usize = 256 << 20;

/// One template, whose renderings have an amount of fuel that follows from the size of what they are given.
pub struct Fueled {
    environment: Environment<'static>,
    name: &'static str,
    variables: Vec<String>,
    tiers: [OnceLock<Environment<'static>>; TIERS],
}

impl fmt::Debug for Fueled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fueled").finish_non_exhaustive()
    }
}

impl Clone for Fueled {
    fn clone(&self) -> Self {
        Self {
            environment: self.environment.clone(),
            name: self.name,
            variables: self.variables.clone(),
            tiers: [const { OnceLock::new() }; TIERS],
        }
    }
}

impl Fueled {
    /// Compiles a template of an engine.
    ///
    /// # Errors
    /// When the source is no template, or too long for one.
    pub fn compile(
        mut environment: Environment<'static>,
        name: &'static str,
        source: &str,
    ) -> Result<Self, Error> {
        let refused = |why: String| Error::new(ErrorKind::SyntaxError, why);
        let source = prepared(source).map_err(refused)?;
        environment.add_filter(HELD, held);
        environment.add_filter(HELD_WITHIN, held_within);
        environment.add_filter(WEIGHED, weighed);
        comparing::add_to(&mut environment);
        let work = move || -> Result<_, Error> {
            environment.add_template_owned(name, source)?;
            let variables = environment.get_template(name)?.undeclared_variables(false);
            Ok((environment, variables))
        };
        let compiler = thread::Builder::new().stack_size(COMPILER_STACK);
        let compiled = compiler.spawn(|| guard(work));
        let compiled =
            compiled.map_err(|error| refused(format!("no thread to compile it: {error}")))?;
        let compiled = compiled
            .join()
            .unwrap_or_else(|_| Err(Panicked(String::new())));
        let (environment, variables) = compiled.map_err(|Panicked(why)| {
            refused(format!("the template engine failed on it: {why}"))
        })??;
        let mut variables: Vec<String> = variables.into_iter().collect();
        variables.sort_unstable();
        Ok(Self {
            environment,
            name,
            variables,
            tiers: [const { OnceLock::new() }; TIERS],
        })
    }

    /// The names that the template reads and does not set, in their order.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Renders the template with values of `bytes` bytes of text in `items` items.
    ///
    /// # Errors
    /// What minijinja says, [`is_out_of_fuel`] among it, and its panics as [`Panicked`] below an error.
    pub fn render(&self, values: Value, bytes: usize, items: usize) -> Result<String, Error> {
        let wanted = (bytes as u64).saturating_mul(OF_BYTE);
        let wanted = wanted.saturating_add((items as u64).saturating_mul(OF_ITEM));
        let tier = tier(BASE.saturating_add(wanted));
        let environment = self.tiers[tier].get_or_init(|| {
            let mut environment = self.environment.clone();
            environment.set_fuel(Some(BASE << tier));
            environment
        });
        let template = environment.get_template(self.name)?;
        guard(|| template.render(values)).unwrap_or_else(|panicked| {
            let why = "the template engine failed";
            Err(Error::new(ErrorKind::InvalidOperation, why).with_source(panicked))
        })
    }
}

/// The first tier with that much fuel.
fn tier(wanted: u64) -> usize {
    (0..TIERS - 1)
        .find(|tier| BASE << tier >= wanted)
        .unwrap_or(TIERS - 1)
}

/// Whether a rendering ended because it had no fuel left, or reached another limit of the engine.
#[must_use]
pub fn is_out_of_fuel(error: &Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(error) = current.downcast_ref::<Error>() {
            let deep = error.kind() == ErrorKind::InvalidOperation
                && error
                    .detail()
                    .is_some_and(|why| why.contains("recursion limit"));
            if error.kind() == ErrorKind::OutOfFuel || deep {
                return true;
            }
        }
        next = current.source();
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn fuel_grows_with_what_is_given() {
        assert_eq!(tier(0), 0);
        assert_eq!(tier(BASE), 0);
        assert_eq!(tier(BASE + 1), 1);
        assert_eq!(tier(u64::MAX), TIERS - 1);
    }

    /// What became of a template: its length, whether fuel ran out, or another error.
    fn outcome(source: &str) -> Result<usize, String> {
        let mut environment = Environment::new();
        environment.set_formatter(crate::print);
        environment.set_unknown_method_callback(|state, value, method, arguments| {
            let ours = crate::method(state, value, method, arguments)?;
            match ours {
                Some(value) => Ok(value),
                None => minijinja_contrib::pycompat::unknown_method_callback(
                    state, value, method, arguments,
                ),
            }
        });
        let fueled =
            Fueled::compile(environment, "t", source).map_err(|error| error.to_string())?;
        let text = fueled.render(Value::from(()), 0, 0);
        text.map(|text| text.len())
            .map_err(|error| match is_out_of_fuel(&error) {
                true => "limit".to_owned(),
                false => error.to_string(),
            })
    }

    #[test]
    fn a_rendering_ends_when_its_fuel_does() {
        let grown = |begin: &str, step: &str, end: &str| {
            format!(
                "{{% set ns = namespace(a={begin}) %}}{{% for i in range(70) %}}{{% set ns.a = {step} %}}{{% endfor %}}{end}"
            )
        };
        for source in [
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
                .to_owned(),
            grown("'x'", "ns.a ~ ns.a", ""),
            grown("'x'", "ns.a * 2", ""),
            grown("'x'", "ns.a|replace('x', 'xx')", ""),
            grown("'x'", "ns.a.replace('x', 'xx')", ""),
            grown("'x'", "[ns.a, ns.a]|join", ""),
            grown("'x'", "''.join([ns.a, ns.a])", ""),
            grown("'x'", "'{}{}'.format(ns.a, ns.a)", ""),
            grown("[1]", "ns.a + ns.a", ""),
            "{{ '{:>1000000000000}'.format(1) }}".to_owned(),
            "{{ '%1000000000000d'|format(1) }}".to_owned(),
            "{{ 'x'|indent(1000000000000) }}".to_owned(),
            "{{ ''.join(['a' * 10000000] * 10000) }}".to_owned(),
            "{{ ('x,' * 25000000).split(',')|length }}".to_owned(),
            "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(),
            "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}".to_owned(),
        ] {
            assert_eq!(outcome(&source), Err("limit".to_owned()), "{source}");
        }
    }

    /// Lists that hold one another twice, so deep, are printed as often as their fuel lasts, and not oftener.
    #[test]
    fn printing_is_paid_for_by_the_item() {
        let printed = |levels: usize, end: &str| {
            outcome(&format!(
                "{{% set ns = namespace(a=[1]) %}}{{% for i in range({levels}) %}}{{% set ns.a = [ns.a, ns.a] %}}{{% endfor %}}{end}"
            ))
        };
        for end in ["{{ ns.a }}", "{{ ''.join([ns.a]) }}"] {
            assert!(printed(10, end).is_ok(), "{end}");
            assert_eq!(printed(17, end), Err("limit".to_owned()), "{end}");
        }
        assert_eq!(printed(19, ""), Err("limit".to_owned()));
    }

    #[test]
    fn what_would_exhaust_the_stack_is_an_error() {
        for source in [
            "{% set ns = namespace(a=[]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% endfor %}",
            "{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns }}",
            "{% set ns = namespace(a=1) %}{% set ns.a = [{'a': ns}] %}{{ ns == ns }}",
            "{% set ns = namespace(a=[1]) %}{% for i in range(70) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ {ns.a: 1, 2: 3} }}",
        ] {
            assert!(outcome(source).is_err(), "{source}");
        }
        let chain = format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(40_000));
        assert_eq!(outcome(&chain), Ok(0));
        assert!(outcome(&format!("{{{{ {}1 }}}}", "-".repeat(8000))).is_ok());
    }
}
