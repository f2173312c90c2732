//! What templates compare is paid for by what it holds: by counts, so on every machine alike.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use minijinja::{Environment, Value};
use octomed_meter::{Fueled, is_out_of_fuel};

/// What became of a template: its text, whether fuel ran out, or another error.
fn outcome_with(source: &str, values: Value, bytes: usize, items: usize) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_formatter(octomed_meter::print);
    environment.set_unknown_method_callback(|state, value, method, arguments| {
        match octomed_meter::method(state, value, method, arguments)? {
            Some(value) => Ok(value),
            None => minijinja_contrib::pycompat::unknown_method_callback(
                state, value, method, arguments,
            ),
        }
    });
    let fueled = Fueled::compile(environment, "t", source).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let text = fueled.render(values, bytes, items);
    if std::env::var_os("SHOW_TIMES").is_some() {
        let shown: String = source.chars().rev().take(110).collect();
        let shown: String = shown.chars().rev().collect();
        println!("{:>9.1?} {} {shown}", begun.elapsed(), text.is_ok());
    }
    text.map_err(|error| match is_out_of_fuel(&error) {
        true => "limit".to_owned(),
        false => format!("{error:#}"),
    })
}

fn outcome(source: &str) -> Result<String, String> {
    outcome_with(source, Value::from(()), 0, 0)
}

/// Two lists, each of which holds another twice, and that one another, so deep.
fn doubled(levels: usize) -> String {
    format!(
        "{{% set ns = namespace(a=[1], b=[1]) %}}{{% for i in range({levels}) %}}{{% set ns.a = [ns.a, ns.a] %}}\
         {{% set ns.b = [ns.b, ns.b] %}}{{% endfor %}}{{% set a = ns.a %}}{{% set b = ns.b %}}"
    )
}

fn repeated(what: &str) -> String {
    format!("{{% for i in range(20000) %}}{what}{{% endfor %}}")
}

/// Each of these took minutes, or had no end.
#[test]
fn comparing_nested_lists_is_paid_for() {
    for what in [
        "{% if a == b %}{% endif %}",
        "{% if a != b %}{% endif %}",
        "{% if a < b %}{% endif %}",
        "{% if a >= b %}{% endif %}",
        "{% if i == 1 or not a == b %}{% endif %}",
        "{% if a == b == a %}{% endif %}",
        "{% if 0 < a <= b %}{% endif %}",
        "{{ 1 if a==b else 2 }}",
        "{{ (a) == (b) }}",
        "{{ [a == b] }}",
        "{{ {'}}': {'x': {}}, 'y': a == b} }}",
        "{{ ([a] + []) == ([b] + []) }}",
        "{% if a in [b] %}{% endif %}",
        "{% if a not in [b] %}{% endif %}",
        "{% if a in 'text' %}{% endif %}",
        "{% if 1 == 1 and a in {1: 2, 2: 3} %}{% endif %}",
        "{{ {1: 2, 2: 3}[a] }}",
        "{{ {1: 2, a: 3}|length }}",
        "{{ {1: 2, 2: 3}|attr(a) }}",
        "{{ {1: 2, 2: 3}.get(a) }}",
        "{{ [b].count(a) }}",
        "{{ loop.changed(a if i % 2 else b) }}",
        "{{ loop.changed(1, [a if i % 2 else b]) }}",
        "{{ a is eq b }}",
        "{{ a is eq(b) }}",
        "{{ a is not ne(b) }}",
        "{{ a is lessthan b }}",
        "{{ a is in [b] }}",
        "{{ [a]|select('eq', b)|list }}",
        "{{ [a]|reject('in', [b])|list }}",
        "{{ [{'x': a}]|selectattr('x', '==', b)|list }}",
        "{{ [{'x': a}]|rejectattr('x', '<=', b)|list }}",
        "{{ [{1: a, 2: 1}]|map(attribute=b)|list }}",
        "{{ [a, b]|sort|length }}",
        "{{ [a, b]|unique|list|length }}",
        "{{ [a, b]|min|length }}",
        "{{ [a, b]|max|length }}",
        "{{ [[a, b]]|map('sort')|list|length }}",
        "{{ [{'x': a}, {'x': b}]|groupby('x')|length }}",
        "{{ [{'x': a}, {'x': b}]|sort(attribute='x')|length }}",
        "{{ {1: a, 2: b}|dictsort(by='value')|length }}",
        "{% for x in [1] if a == b %}{% endfor %}",
        "{% with c = a == b %}{% endwith %}",
        "{% set c = a == b %}",
        "{% set ns.c = a == b %}",
    ] {
        let source = doubled(14) + &repeated(what);
        assert_eq!(outcome(&source), Err("limit".to_owned()), "{what}");
        // A few of them are nobody's loss.
        let few = doubled(8) + &repeated(what).replace("20000", "9");
        assert!(outcome(&few).is_ok(), "{what}: {:?}", outcome(&few));
    }
}

#[test]
fn comparing_long_texts_is_paid_for() {
    let texts = "{% set a = 'x' * 8000000 %}{% set b = 'x' * 8000000 %}{% set m = {1: 2, 2: 3} %}";
    for what in [
        "{% if a == b %}{% endif %}",
        "{% if a <= b %}{% endif %}",
        "{% if a in [b] %}{% endif %}",
        "{% if a in m %}{% endif %}",
        "{{ m[a] }}",
        "{{ m.get(a) }}",
        "{{ {a: 1, b: 2}|length }}",
        "{{ loop.changed(a if i % 2 else b) }}",
        "{{ a is eq(b) }}",
        "{{ a is sameas(b) }}",
        "{{ a is startingwith(b) }}",
        "{{ a is endingwith(b) }}",
        "{{ a is lower }}",
        "{{ [a, b]|sort|length }}",
        "{{ [a, b]|unique|list|length }}",
        "{{ [a]|select('eq', b)|list|length }}",
        "{{ [a]|select('lower')|list|length }}",
        "{{ [m]|map(attribute=a)|list|length }}",
        "{{ [b].count(a) }}",
    ] {
        let source = texts.to_owned() + &repeated(what);
        assert_eq!(outcome(&source), Err("limit".to_owned()), "{what}");
    }
}

/// Lists that hold one another twice are paid for wherever they get a name, not only at `{% set %}`.
#[test]
fn every_way_to_keep_a_list_is_paid_for() {
    let nested = |open: &str, close: &str, inner: &str| {
        format!(
            "{{% set a = [1] %}}{}{inner}{}",
            open.repeat(40),
            close.repeat(40)
        )
    };
    for source in [
        nested("{% with a = [a, a] %}", "{% endwith %}", "{{ a is eq(a ~ '') }}"),
        nested("{% for a in [[a, a]] %}", "{% endfor %}", "{{ a|string|length }}"),
        "{% macro f(a, n) %}{% if n %}{{ f([a, a], n - 1) }}{% else %}{{ a ~ '' }}{% endif %}{% endmacro %}{{ f([1], 40) }}".to_owned(),
        "{% macro f(n, a=[1]) %}{% if n %}{{ f(n - 1, a=[a, a]) }}{% else %}{{ a == [1] }}{% endif %}{% endmacro %}{{ f(40) }}".to_owned(),
        "{% for a in [[1]] recursive %}{% if loop.depth < 40 %}{{ loop([[a, a]]) }}{% else %}{{ a|string }}{% endif %}{% endfor %}".to_owned(),
        "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = ns.a|chain(ns.a) %}{% endfor %}".to_owned(),
        "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = ns.a|zip(ns.a) %}{% endfor %}".to_owned(),
    ] {
        assert_eq!(outcome(&source), Err("limit".to_owned()), "{source}");
    }
}

/// A chain of mappings is a mapping of its own: each of these asked two others, and had no end.
#[test]
fn mappings_in_a_chain_do_not_multiply() {
    let source = "{% set ns = namespace(m={'b': 1}) %}{% for i in range(60) %}\
        {% set ns.m = ns.m|chain(ns.m, {'a': i}) %}{% endfor %}{{ ns.m }}{{ ns.m.get('b') }}";
    assert_eq!(outcome(source), Ok("{'a': 59, 'b': 1}1".to_owned()));
    let deep = "{% set ns = namespace(m={}) %}{% for i in range(9999) %}\
        {% set ns.m = ns.m|chain({'a': i}) %}{% endfor %}{{ ns.m }}";
    assert_eq!(outcome(deep), Ok("{'a': 9998}".to_owned()));
}

/// A list that holds one long text many times is refused before anybody writes it in one go.
#[test]
fn a_text_that_a_list_holds_often_is_not_written_for_nothing() {
    let most = 6_000_000_000; // of the process, which has less than a gigabyte otherwise
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: the call reads a struct that lives on.
    assert_eq!(
        unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) },
        0
    );
    let list = "['x' * 8000000] * 1000";
    for source in [
        format!("{{{{ '' ~ {list} }}}}"),
        format!("{{{{ {list} ~ '' }}}}"),
        format!("{{{{ 'a' ~ ({list}) ~ 'b' }}}}"),
        format!("{{% set a = {list} %}}{{{{ a ~ '' }}}}"),
        format!("{{% with a = {list} %}}{{{{ 'a' ~ a }}}}{{% endwith %}}"),
        format!("{{% for a in [{list}] %}}{{{{ a ~ a }}}}{{% endfor %}}"),
        format!("{{% macro f(a) %}}{{{{ a ~ '' }}}}{{% endmacro %}}{{{{ f({list}) }}}}"),
        format!("{{% set ns = namespace(a=1) %}}{{% set ns.a = {list} %}}{{{{ ns.a ~ '' }}}}"),
        format!("{{{{ '' ~ {{'k': {list}}} }}}}"),
        format!("{{{{ {list} }}}}"),
    ] {
        assert_eq!(outcome(&source), Err("limit".to_owned()), "{source}");
    }
    for filter in [
        "string",
        "join",
        "upper",
        "lower",
        "title",
        "capitalize",
        "replace('a', 'b')",
        "trim",
        "tojson",
        "pprint",
        "indent",
        "list|string",
        "escape",
        "e",
        "safe",
        "urlencode",
        "lines",
        "split",
        "first|string|string",
        "map('string')|list|join",
        "map('upper')|join",
        "default('')|string",
        "batch(2)|string",
        "slice(2)|string",
        "items|string",
        "format(1)",
        "reverse|string",
        "sum",
        "chain([1])|string",
        "zip([1])|list|string",
    ] {
        let source = format!("{{{{ ({list})|{filter}|length }}}}");
        let outcome = outcome(&source);
        assert!(!matches!(&outcome, Ok(text) if text.len() > 4), "{source}");
    }
    for source in [
        format!("{{{{ '%s'|format({list})|length }}}}"),
        format!("{{{{ '{{}}'.format({list})|length }}}}"),
        format!("{{{{ 'a'|replace('a', {list})|length }}}}"),
        format!("{{{{ ['a', 'b']|join({list})|length }}}}"),
        format!("{{{{ none|default({list})|string|length }}}}"),
        format!("{{{{ raise_exception({list}) }}}}"),
    ] {
        assert!(outcome(&source).is_err(), "{source}");
    }
}
