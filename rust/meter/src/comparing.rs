//! The engine's filters and tests that compare, each paid for by what it compares.

use std::collections::BTreeMap;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value, filters, tests};

use crate::charge_bytes;
use crate::held::{is_container, weigh};

/// Bytes of text that cost nothing to compare beside the instruction.
const SHORT: usize = 64;

/// Puts them in the place of the engine's own.
pub(crate) fn add_to(environment: &mut Environment<'static>) {
    for (name, filter) in [
        ("sort", Value::from_function(filters::sort)),
        ("unique", Value::from_function(filters::unique)),
        ("min", Value::from_function(filters::min)),
        ("max", Value::from_function(filters::max)),
        ("groupby", Value::from_function(filters::groupby)),
        ("dictsort", Value::from_function(filters::dictsort)),
    ] {
        add_filter(environment, name, filter, pay_for_sorting);
    }
    for (name, filter) in [
        ("map", Value::from_function(filters::map)),
        ("select", Value::from_function(filters::select)),
        ("reject", Value::from_function(filters::reject)),
        ("selectattr", Value::from_function(filters::selectattr)),
        ("rejectattr", Value::from_function(filters::rejectattr)),
        ("attr", Value::from_function(filters::attr)),
    ] {
        add_filter(environment, name, filter, pay_for_each);
    }
    environment.add_filter("chain", chain);
    add_tests(environment);
}

fn add_filter(
    environment: &mut Environment<'static>,
    name: &'static str,
    filter: Value,
    pay: fn(&State, &[Value]) -> Result<(), Error>,
) {
    let paid = move |state: &mut State, arguments: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let arguments = arguments.into_values();
        pay(state, &arguments)?;
        filter.call(state, &arguments)
    };
    environment.add_filter(name, paid);
}

fn add_tests(environment: &mut Environment<'static>) {
    type Compares = fn(&Value, &Value) -> bool;
    let comparisons: [(&[&str], Compares); 7] = [
        (&["eq", "equalto", "=="], tests::is_eq),
        (&["ne", "!="], tests::is_ne),
        (&["lt", "lessthan", "<"], tests::is_lt),
        (&["le", "<="], tests::is_le),
        (&["gt", "greaterthan", ">"], tests::is_gt),
        (&["ge", ">="], tests::is_ge),
        (&["sameas"], tests::is_sameas),
    ];
    for (names, test) in comparisons {
        for name in names {
            let paid = move |state: &State, one: &Value, other: &Value| -> Result<bool, Error> {
                pay_for_comparing(state, one, other)?;
                Ok(test(one, other))
            };
            environment.add_test(*name, paid);
        }
    }
    environment.add_test("in", |state: &State, sought: &Value, within: &Value| {
        pay_for_seeking(state, sought, within)?;
        tests::is_in(state, sought, within)
    });
    type Affix = fn(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>) -> bool;
    let affixes: [(&str, Affix); 2] = [
        ("startingwith", tests::is_startingwith),
        ("endingwith", tests::is_endingwith),
    ];
    for (name, test) in affixes {
        let original = Value::from_function(test);
        add_test(environment, name, original);
    }
    add_test(environment, "lower", Value::from_function(tests::is_lower));
    add_test(environment, "upper", Value::from_function(tests::is_upper));
}

/// A test that walks the texts it is given.
fn add_test(environment: &mut Environment<'static>, name: &'static str, test: Value) {
    let paid = move |state: &mut State, arguments: Rest<ValueOrKwargs>| -> Result<bool, Error> {
        let arguments = arguments.into_values();
        for argument in &arguments {
            weigh(state, argument)?;
        }
        Ok(test.call(state, &arguments)?.is_true())
    };
    environment.add_test(name, paid);
}

/// A comparison ends when the smaller value does.
fn pay_for_comparing(state: &State, one: &Value, other: &Value) -> Result<(), Error> {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => charge_bytes(state, one.len().min(other.len())),
        _ if is_container(one) && is_container(other) => weigh(state, one).map(drop),
        _ => Ok(()),
    }
}

/// Pays for a value that is compared with each of another, or looked up in it.
pub(crate) fn pay_for_seeking(state: &State, sought: &Value, within: &Value) -> Result<(), Error> {
    weigh(state, sought)?;
    let is_long = is_container(sought) || sought.as_str().is_some_and(|text| text.len() > SHORT);
    if is_long && is_container(within) {
        weigh(state, within)?;
    }
    Ok(())
}

/// Sorting compares each item with about as many as the number of them has binary digits; so do what sorts and what
/// keeps a sorted set. Other arguments may stand for every item (`default=`), or name several attributes.
fn pay_for_sorting(state: &State, arguments: &[Value]) -> Result<(), Error> {
    let Some((value, others)) = arguments.split_first() else {
        return Ok(());
    };
    let weight = weigh(state, value)?;
    let items = length(value).max(weight);
    let digits = u64::from(u64::BITS - items.leading_zeros());
    let mut attributes = 1;
    let mut of_each = 0;
    for other in others {
        of_each += weigh(state, other)?;
        attributes += commas(state, other)?;
    }
    let at_once = length(value).saturating_mul(1 + of_each);
    let compared = weight.saturating_add(at_once);
    state.consume_fuel(compared.saturating_mul(digits).saturating_mul(attributes))
}

/// What is looked up or called for each item is given the other arguments each time.
fn pay_for_each(state: &State, arguments: &[Value]) -> Result<(), Error> {
    let Some((value, others)) = arguments.split_first() else {
        return Ok(());
    };
    let mut of_each = 0;
    for other in others {
        of_each += weigh(state, other)?;
    }
    if of_each == 0 {
        return Ok(());
    }
    state.consume_fuel(of_each.saturating_mul(length(value)))
}

fn length(value: &Value) -> u64 {
    value.len().unwrap_or(0) as u64
}

/// The commas in the texts of an argument, or of those with names.
fn commas(state: &State, argument: &Value) -> Result<u64, Error> {
    let count = |value: &Value| {
        value
            .as_str()
            .map_or(0, |text| text.matches(',').count() as u64)
    };
    if argument.kind() != ValueKind::Map {
        return Ok(count(argument));
    }
    let mut sum = 0;
    for key in argument.try_iter()? {
        state.consume_fuel(0)?;
        sum += count(&argument.get_item(&key)?);
    }
    Ok(sum)
}

/// The engine's mappings in a chain ask one another for each key: a copy does not.
fn chain(state: &State, value: Value, others: Rest<Value>) -> Result<Value, Error> {
    let maps =
        value.kind() == ValueKind::Map && others.iter().all(|other| other.kind() == ValueKind::Map);
    if !maps {
        return filters::chain(state, value, others);
    }
    let mut merged = BTreeMap::new();
    for map in std::iter::once(&value).chain(others.iter()) {
        weigh(state, map)?;
        for key in map.try_iter()? {
            let item = map.get_item(&key)?;
            merged.insert(key, item);
        }
    }
    Ok(Value::from_pairs(merged))
}
