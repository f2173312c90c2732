//! A response that is written out of the row's columns by a template.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value as Rendered};

use minijinja_contrib::pycompat;
use octomed_meter::{Fueled, is_out_of_fuel};

use crate::error::TraceError;
use crate::reason::Reason;
use crate::value::{Fault, Value};

use super::{Field, Slots};

mod indices;
mod numbers;

use indices::check_indices;
use numbers::Use;

const NAME: &str = "response";
const FUNCTIONS: [&str; 5] = ["range", "dict", "namespace", "raise_exception", "debug"];

/// A minijinja template over columns, compiled once.
///
/// A null, a missing column and an index outside of its list are no text: the row is rejected. So is a negative
/// index, which Jinja would count from the end: a data set's `-1` says that there is no answer.
#[derive(Clone)]
pub(crate) struct ColumnTemplate {
    engine: Fueled,
    /// The columns by the names of their variables.
    pub(crate) columns: Vec<Field>,
    /// How the template uses each.
    uses: Vec<Use>,
}

impl fmt::Debug for ColumnTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ColumnTemplate")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl ColumnTemplate {
    /// Whether a column's name is a template instead.
    pub(crate) fn is_one(text: &str) -> bool {
        text.contains("{{") || text.contains("{%")
    }

    /// Compiles `source`; the columns that it reads are added to `keys`.
    pub(crate) fn compile(source: &str, keys: &mut Vec<String>) -> Result<Self, TraceError> {
        let wrong =
            |error: &Error| TraceError::mapping(format!("the template of `response`: {error}"));
        let checked = check_indices(source).map_err(TraceError::mapping)?;
        let engine = environment()
            .and_then(|environment| Fueled::compile(environment, NAME, &checked))
            .map_err(|error| wrong(&error))?;
        let mut names = engine.variables().to_vec();
        names.retain(|name| !FUNCTIONS.contains(&name.as_str()));
        if names.is_empty() {
            let message = "the template of `response` reads no column";
            return Err(TraceError::mapping(message));
        }
        let columns = names
            .iter()
            .map(|name| Field::new(&[name], false, keys))
            .collect();
        let uses = names.iter().map(|name| Use::of(source, name)).collect();
        Ok(Self {
            engine,
            columns,
            uses,
        })
    }

    /// The text for a row.
    pub(crate) fn render(&self, slots: &Slots<'_>) -> Result<String, Fault> {
        self.refuse_misread(slots)?;
        let text = self.apply(slots, &absent);
        let text = text.and_then(|text| {
            let refused = |why| Err(Error::new(ErrorKind::UndefinedError, why));
            if text.contains(ABSENT) {
                return refused("a null is written");
            }
            // A null compares with nothing: what comes of it may not depend on whether it counts as less or more.
            let is_null = |field: &Field| {
                field
                    .find(slots)
                    .is_ok_and(|value| value.is_none_or(holds_null))
            };
            let compares = self.columns.iter().any(is_null)
                && self.apply(slots, &|| Rendered::from(())).ok().as_ref() != Some(&text);
            if compares {
                refused("a null is compared")
            } else {
                Ok(text)
            }
        });
        text.map_err(|error| {
            if is_out_of_fuel(&error) {
                let why = "the template of `response` exceeds the limits of one row";
                return Fault::new(Reason::TemplateLimit, why.to_owned());
            }
            Fault::new(Reason::NoAnswer, self.detail(&error, slots))
        })
    }

    /// Refuses a text where the template means a number or a boolean.
    fn refuse_misread(&self, slots: &Slots<'_>) -> Result<(), Fault> {
        for (field, used) in self.columns.iter().zip(&self.uses) {
            if let Some(Value::Text(text)) = field.find(slots)?
                && used.misreads(text)
            {
                let name = field.first_name();
                let detail = format!(
                    "`{name}` is a text in this row, and the template means a number: `{name}|int`"
                );
                return Err(Fault::new(Reason::NoAnswer, detail));
            }
        }
        Ok(())
    }

    /// The text of a row's values, with this in the place of nulls.
    fn apply(&self, slots: &Slots<'_>, null: &dyn Fn() -> Rendered) -> Result<String, Error> {
        let mut context = BTreeMap::new();
        let (mut bytes, mut items) = (0, 0);
        for field in &self.columns {
            let value = match field.find(slots) {
                Ok(Some(value)) => {
                    measure(value, &mut bytes, &mut items);
                    rendered(value, null)
                }
                _ => null(),
            };
            context.insert(field.first_name().to_owned(), value);
        }
        self.engine.render(Rendered::from(context), bytes, items)
    }

    /// Why the template says nothing for a row, without a value of it.
    fn detail(&self, error: &Error, slots: &Slots<'_>) -> String {
        let is_null = |field: &&Field| match field.find(slots) {
            Ok(value) => value.is_none_or(|value| *value == Value::Null),
            Err(_) => false,
        };
        match error.kind() {
            ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod => {
                "the template names a filter, test or function that does not exist".to_owned()
            }
            _ => match self.columns.iter().find(is_null) {
                Some(field) => format!("{} is null or missing", field.label),
                None => {
                    "an index is outside of its list, or the template cannot be applied".to_owned()
                }
            },
        }
    }
}

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_debug(false); // its reports would quote the row
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.set_unknown_method_callback(|state, value, method, arguments| {
        match octomed_meter::method(state, value, method, arguments)? {
            Some(result) => Ok(result),
            None => pycompat::unknown_method_callback(state, value, method, arguments),
        }
    });
    environment.set_formatter(|out, state, value| {
        if is_absent(value) && value.downcast_object_ref::<Absent>().is_none() {
            return Err(Error::new(ErrorKind::UndefinedError, "none is written"));
        }
        octomed_meter::print(out, state, value)
    });
    environment.add_filter("checked_index", checked_index);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("bool", written_alone);
    environment.add_filter("pprint", written_alone);
    environment.add_test("none", |value: &Rendered| is_absent(value));
    environment.add_test("defined", |value: &Rendered| !is_absent(value));
    environment.add_test("undefined", |value: &Rendered| is_absent(value));
    environment.add_function(
        "raise_exception",
        |_: Rendered| -> Result<Rendered, Error> {
            Err(Error::new(
                ErrorKind::InvalidOperation,
                "the template refuses the row",
            ))
        },
    );
    Ok(environment)
}

/// The value, or what the template has in its place; of false values too, if it says so.
fn default(
    value: Rendered,
    other: Option<Rendered>,
    lax: Option<bool>,
    named: Kwargs,
) -> Result<Rendered, Error> {
    let lax = lax.or(named.get("boolean")?).unwrap_or(false);
    named.assert_all_used()?;
    if is_absent(&value) || lax && !value.is_true() {
        return Ok(other.unwrap_or_else(|| Rendered::from("")));
    }
    Ok(value)
}

/// A value that is there, for filters that make words even of nothing.
fn written_alone(value: Rendered) -> Result<Rendered, Error> {
    if is_absent(&value) {
        return Err(Error::new(ErrorKind::UndefinedError, "a null is written"));
    }
    Ok(value)
}

/// An index as it is, unless it is a number below zero or with a fraction.
fn checked_index(index: Rendered) -> Result<Rendered, Error> {
    let undefined = || Error::new(ErrorKind::UndefinedError, "no such element");
    if is_absent(&index) || index.kind() == ValueKind::Bool {
        return Err(undefined());
    }
    if !index.is_number() {
        return Ok(index);
    }
    let number = f64::try_from(index).map_err(|_| undefined())?;
    if number < 0.0 || number.fract() != 0.0 {
        return Err(undefined());
    }
    Ok(Rendered::from(number as u64))
}

/// Adds up the text and the items of a value.
fn measure(value: &Value<'_>, bytes: &mut usize, items: &mut usize) {
    *items += 1;
    match value {
        Value::Text(text) => *bytes += text.len(),
        Value::List(values) => values.iter().for_each(|value| measure(value, bytes, items)),
        Value::Struct(fields) => {
            for (key, value) in fields {
                *bytes += key.len();
                measure(value, bytes, items);
            }
        }
        _ => {}
    }
}

/// Whether a value is null, or holds one.
fn holds_null(value: &Value<'_>) -> bool {
    match value {
        Value::Null | Value::Bytes(_) | Value::Other => true,
        Value::List(values) => values.iter().any(holds_null),
        Value::Struct(fields) => fields.iter().any(|(_, value)| holds_null(value)),
        _ => false,
    }
}

fn rendered(value: &Value<'_>, null: &dyn Fn() -> Rendered) -> Rendered {
    match value {
        Value::Null | Value::Bytes(_) | Value::Other => null(),
        Value::Bool(value) => Rendered::from(*value),
        Value::Integer(digits) => digits
            .parse::<i64>()
            .map_or_else(|_| Rendered::from(digits.as_ref()), Rendered::from),
        Value::Float(digits) => digits
            .parse::<f64>()
            .map_or_else(|_| Rendered::from(digits.as_ref()), Rendered::from),
        Value::Text(text) => Rendered::from(text.as_ref()),
        Value::List(values) => values.iter().map(|value| rendered(value, null)).collect(),
        Value::Struct(fields) => {
            let members = fields.iter();
            let members = members.map(|(key, value)| (key.as_ref(), rendered(value, null)));
            Rendered::from_pairs(members) // in the row's own order, which a sorted map would lose
        }
    }
}

/// What stands for a null in a rendered text, so that no filter makes words of it: a character that no text has.
const ABSENT: &str = "\u{10FFFE}\u{FFFE}\u{10FFFE}";

/// A null, or a column that is not there. It is false, and whatever writes it rejects the row.
#[derive(Debug)]
struct Absent;

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(ABSENT)
    }
}

fn absent() -> Rendered {
    Rendered::from_object(Absent)
}

fn is_absent(value: &Rendered) -> bool {
    value.is_none() || value.is_undefined() || value.downcast_object_ref::<Absent>().is_some()
}

/// The text of a response: a column's, or a template's.
#[derive(Clone, Debug)]
pub(crate) enum ResponseSource {
    Column(Field),
    Template(Box<ColumnTemplate>),
}

impl ResponseSource {
    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Self::Column(field) => std::slice::from_ref(field),
            Self::Template(template) => &template.columns,
        }
    }

    /// The response of a row; a null one, or one absent where the mapping allows it, is none.
    pub(super) fn read<'r>(&self, slots: &'r Slots<'_>) -> Result<Cow<'r, str>, Fault> {
        match self {
            Self::Template(template) => template.render(slots).map(Cow::Owned),
            Self::Column(field) => match field.lenient(slots)? {
                Some(value) => super::said_text(value, &field.label),
                None => Err(Fault::new(
                    Reason::NoResponse,
                    format!("{} is null or absent", field.label),
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn render(source: &str, values: &[(&str, Value<'static>)]) -> Result<String, Fault> {
        let mut keys = Vec::new();
        let template = ColumnTemplate::compile(source, &mut keys).unwrap();
        let find = |key: &String| values.iter().find(|(name, _)| name == key);
        let slots: Vec<_> = keys
            .iter()
            .map(|key| find(key).map(|(_, value)| value.clone()))
            .collect();
        template.render(&slots)
    }

    fn number(digits: &'static str) -> Value<'static> {
        Value::Integer(Cow::Borrowed(digits))
    }

    fn exp_text() -> (&'static str, Value<'static>) {
        ("exp", Value::Text(Cow::Borrowed("Because.")))
    }

    const ANSWER: &str = "{{ exp }}\n\nAnswer: {{ 'ABCD'[cop] }}";

    #[test]
    fn a_response_is_written_out_of_columns() {
        let exp = ("exp", Value::Text(Cow::Borrowed("Because.")));
        for (cop, letter) in [("0", "A"), ("3", "D")] {
            let text = render(ANSWER, &[exp.clone(), ("cop", number(cop))]).unwrap();
            assert_eq!(text, format!("Because.\n\nAnswer: {letter}"));
        }
        let float = Value::Float(Cow::Borrowed("2.0"));
        assert!(
            render(ANSWER, &[exp, ("cop", float)])
                .unwrap()
                .ends_with("Answer: C")
        );
    }

    #[test]
    fn what_says_no_answer_is_a_reject_and_never_text() {
        let exp = ("exp", Value::Text(Cow::Borrowed("Because.")));
        let cops = [
            number("-1"),
            number("4"),
            Value::Null,
            Value::Float(Cow::Borrowed("0.5")),
            Value::Bool(true),
        ];
        for cop in cops {
            let fault = render(ANSWER, &[exp.clone(), ("cop", cop.clone())]).unwrap_err();
            assert_eq!(fault.reason, Reason::NoAnswer, "{cop:?}");
        }
        assert!(render(ANSWER, &[exp]).is_err(), "a missing column");
        assert!(render(ANSWER, &[("exp", Value::Null), ("cop", number("1"))]).is_err());
        assert!(render("{{ 'ABCD'[cop - 1] }}", &[("cop", number("0"))]).is_err());
        assert!(render("{{ 'x' ~ exp }}", &[("exp", Value::Null)]).is_err());
        assert!(render("{{ exp|upper }}", &[("exp", Value::Null)]).is_err());
        assert!(render("{{ exp.strip() }}", &[("exp", Value::Null)]).is_err());
        let list = (
            "exp",
            Value::List(vec![Value::Text(Cow::Borrowed("x")), Value::Null]),
        );
        for source in [
            "{{ exp[1] }}",
            "{{ exp }}",
            "{{ exp|join(',') }}",
            "{{ ','.join(exp) }}",
            "{{ exp ~ '' }}",
            "{{ exp|last }}",
            "{{ exp|string }}",
        ] {
            assert!(
                render(source, std::slice::from_ref(&list)).is_err(),
                "{source}"
            );
        }
        for source in [
            "{{ [e, cop]|join(', ') }}",
            "{{ [cop] }}",
            "{{ e ~ [cop] }}",
            "{{ cop|pprint }}",
            "{{ cop|bool }}",
            "{{ 'x'.join([cop, e]) }}",
            "{{ {'a': cop} }}",
            "{{ cop|string }}",
            "{{ cop|upper }}",
        ] {
            let row = [("e", Value::Text(Cow::Borrowed("E"))), ("cop", Value::Null)];
            assert!(render(source, &row).is_err(), "{source}");
            assert!(render(source, &row[..1]).is_err(), "{source}");
        }
        assert!(render("{{ exp|nofilter }}", &[exp_text()]).is_err());
        for source in [
            "{{ 'pos' if s > 0 else 'neg' }}",
            "{{ 'lo' if s < 3 else 'hi' }}",
            "{{ s > 3 }}",
            "Answer: {{ {0: 'no', 1: 'yes'}.get(s) }}",
        ] {
            assert!(render(source, &[("s", Value::Null)]).is_err(), "{source}");
            assert!(render(source, &[]).is_err(), "{source}");
            assert!(render(source, &[("s", number("1"))]).is_ok(), "{source}");
        }
        let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
        for (source, said) in [
            ("{{ 'yes' if s == 1 else 'no' }}", "1"),
            ("{{ 'yes' if s else 'no' }}", "False"),
        ] {
            assert!(render(source, &[("s", text(said))]).is_err(), "{source}");
        }
        assert_eq!(
            render("{{ 'yes' if s|int == 1 else 'no' }}", &[("s", text("1"))]).unwrap(),
            "yes"
        );
        assert_eq!(
            render("{{ 'yes' if s == '1' else 'no' }}", &[("s", text("1"))]).unwrap(),
            "yes"
        );
        let missing = "Answer: {{ {0: 'no', 1: 'yes'}.get(s) }}";
        assert!(render(missing, &[("s", number("-1"))]).is_err());
    }

    #[test]
    fn a_null_that_the_template_asks_about_is_its_own_affair() {
        let source = "{% if exp %}{{ exp }} {% endif %}{{ a }}";
        let answer = ("a", Value::Text(Cow::Borrowed("B")));
        let null = ("exp", Value::Null);
        let row = [null, answer];
        assert_eq!(render(source, &row).unwrap(), "B");
        assert_eq!(render(source, &row[1..]).unwrap(), "B");
        let asks = "{% if exp is none %}unknown{% else %}{{ exp }}{% endif %}";
        assert_eq!(render(asks, &row).unwrap(), "unknown");
        assert_eq!(render("{{ exp|default('-') }}", &row).unwrap(), "-");
        assert_eq!(render("{{ exp|default('-', true) }}", &row).unwrap(), "-");
        assert_eq!(
            render("{{ a|default('-', boolean=true) }}", &row).unwrap(),
            "B"
        );
    }

    #[test]
    fn objects_keep_the_rows_order() {
        let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
        let fields = [("C", "x"), ("A", "y"), ("b", "z")];
        let object = fields.map(|(key, value)| (Cow::Borrowed(key), text(value)));
        let row = [("opts", Value::Struct(object.to_vec()))];
        let source = "{% for k, v in opts.items() %}{{ k }}={{ v }};{% endfor %}";
        assert_eq!(render(source, &row).unwrap(), "C=x;A=y;b=z;");
    }

    #[test]
    fn what_is_no_template_over_columns_is_refused() {
        for wrong in ["{{ a", "{{ a[ }}", "no column", "{{ 'x' }}", "{% if %}"] {
            assert!(
                ColumnTemplate::compile(wrong, &mut Vec::new()).is_err(),
                "{wrong}"
            );
        }
    }
}
