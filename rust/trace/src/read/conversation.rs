//! Conversations: lists of turns under whatever names and roles a format has for them.

use std::borrow::Cow;

use crate::reason::Reason;
use crate::row::{Body, Turn};
use crate::value::{Fault, Value};

use super::shown::{Shown, Treatment};
use super::turn::{Role, no_turn, read_turn};
use super::{Field, Slots, text, wrong_type};

/// How a conversation is written.
#[derive(Clone, Debug)]
pub(crate) struct ConversationMapping {
    /// The column of turns, or of the assistant's text after `context`.
    pub(crate) column: Field,
    /// A column of what was said before and is not learned.
    pub(crate) context: Option<Field>,
    /// Acceptable keys of a turn's role.
    pub(crate) role: Vec<String>,
    /// Acceptable keys of a turn's text.
    pub(crate) content: Vec<String>,
    /// The format's roles and ours.
    pub(crate) roles: Vec<(String, Role)>,
    /// Whether only what is asked is wanted, of which an answer may be missing.
    pub(crate) asked_alone: bool,
}

/// What a conversation says.
pub(crate) struct Read<'r> {
    /// The leading system message, unless it shows images.
    pub(crate) system: Option<Cow<'r, str>>,
    /// The turns after it.
    pub(crate) turns: Vec<Turn<'r>>,
}

impl Read<'_> {
    /// The text of a leading system message that shows images, and so is a turn.
    pub(crate) fn shown_system(&self) -> Option<Cow<'_, str>> {
        let first = self.turns.first()?;
        (self.system.is_none() && first.role == "system").then(|| first.text())
    }
}

/// The roles of calls that are no turn of their own.
const CALL_ROLES: [&str; 2] = ["function_call", "tool_call"];
/// The longest name of a role that a message repeats: a longer one may be text of the data.
const LONGEST_ROLE: usize = 32;

impl ConversationMapping {
    /// Roles that every mapping knows.
    pub(crate) fn default_roles() -> Vec<(String, Role)> {
        [
            ("system", Role::System),
            ("developer", Role::System),
            ("user", Role::User),
            ("assistant", Role::Assistant),
            ("tool", Role::Tool),
        ]
        .map(|(name, role)| (name.to_owned(), role))
        .to_vec()
    }

    /// All fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.context.iter().chain(std::iter::once(&self.column))
    }

    /// The turns; the images that they show are added to `shown`.
    pub(crate) fn read<'r>(
        &self,
        slots: &'r Slots<'_>,
        shown: &mut Shown<'r>,
    ) -> Result<Read<'r>, Fault> {
        let mut read = Read {
            system: None,
            turns: Vec::new(),
        };
        if let Some(context) = &self.context {
            self.collect(context, Role::User, slots, &mut read, shown)?;
            read.turns.iter_mut().for_each(|turn| turn.learned = false);
        }
        if self.asked_alone && self.context.is_some() {
            shown.finish(&mut read.turns)?;
            return Ok(read);
        }
        let spoken = if self.context.is_some() {
            Role::Assistant
        } else {
            Role::User
        };
        self.collect(&self.column, spoken, slots, &mut read, shown)?;
        shown.finish(&mut read.turns)?;
        if self.asked_alone {
            return Ok(read);
        }
        check_turns(&read.turns, &self.column.label, shown)?;
        shown.refusal()?;
        Ok(read)
    }

    /// The turns, or the question that they ask.
    pub(crate) fn body<'r>(&self, turns: Vec<Turn<'r>>) -> Result<Body<'r>, Fault> {
        let body = Body::Conversation(turns);
        if !self.asked_alone {
            return Ok(body);
        }
        let question = body.stem().into_owned();
        if question.trim().is_empty() {
            let detail = format!("nothing is asked in {}", self.column.label);
            return Err(Fault::new(Reason::EmptyQuestion, detail));
        }
        Ok(Body::Question {
            question: Cow::Owned(question),
            options: Vec::new(),
            answer: None,
            history: Vec::new(),
            responses: Vec::new(),
        })
    }

    /// Adds the turns of a column; a text is a turn of `role`, where the mapping has a context.
    fn collect<'r>(
        &self,
        field: &Field,
        role: Role,
        slots: &'r Slots<'_>,
        read: &mut Read<'r>,
        shown: &mut Shown<'r>,
    ) -> Result<(), Fault> {
        let value = match field.lenient(slots)? {
            Some(value) => value,
            None if field.optional || self.context.is_some() => {
                let detail = format!("{} is null or absent", field.label);
                let of_context = self.context.is_some() && role == Role::User;
                let reason = if of_context {
                    Reason::EmptyQuestion
                } else {
                    Reason::NoResponse
                };
                return Err(Fault::new(reason, detail));
            }
            None => {
                return Err(Fault::new(
                    Reason::NullField,
                    format!("{} is null", field.label),
                ));
            }
        };
        let values = match value {
            Value::List(values) => values,
            Value::Text(_) | Value::Integer(_) | Value::Float(_) if self.context.is_some() => {
                let turn = read_turn(value, role, value, &field.label, (true, shown))?;
                self.add(turn, role, read, shown);
                return Ok(());
            }
            other => return Err(wrong_type(&field.label, other, "a list of turns")),
        };
        for (index, value) in values.iter().enumerate() {
            let label = format!("turn {index} of {}", field.label);
            let Value::Struct(fields) = value else {
                return Err(no_turn(value, &label));
            };
            match self.pair(fields) {
                Some(pair) => {
                    for (role, content) in pair {
                        // What stands beside both is what the user shows; ids of rows without images count it twice.
                        let beside = role == Role::User || shown.treatment == Treatment::LeftOut;
                        let turn = read_turn(value, role, content, &label, (beside, shown))?;
                        self.add(turn, role, read, shown);
                    }
                }
                None => {
                    let role = self.role_of(value, &label)?;
                    let content = self.content_of(value, role, &label)?;
                    let turn = read_turn(value, role, content, &label, (true, shown))?;
                    self.add(turn, role, read, shown);
                }
            }
        }
        Ok(())
    }

    fn add<'r>(&self, turn: Turn<'r>, role: Role, read: &mut Read<'r>, shown: &Shown<'r>) {
        if role == Role::System
            && read.turns.is_empty()
            && read.system.is_none()
            && !shown.shows(&turn)
        {
            read.system = Some(turn.into_text());
        } else {
            read.turns.push(turn);
        }
    }

    /// Two turns in one object, under the names of their roles: `{human: …, assistant: …}`.
    fn pair<'r, 'a>(
        &self,
        fields: &'r [(Cow<'a, str>, Value<'a>)],
    ) -> Option<Vec<(Role, &'r Value<'a>)>> {
        if fields
            .iter()
            .any(|(key, value)| *value != Value::Null && self.role.iter().any(|name| name == key))
        {
            return None;
        }
        let known = |(key, value): &'r (Cow<'a, str>, Value<'a>)| {
            let names = [("human", Role::User), ("gpt", Role::Assistant)];
            let named = names
                .into_iter()
                .find(|(name, _)| name == key)
                .map(|(_, role)| role);
            Some((named.or_else(|| self.known(key))?, value))
        };
        let mut turns: Vec<_> = fields.iter().filter_map(known).collect();
        leave_out_null(&mut turns);
        // The question comes before its answer, whatever the order of the columns.
        turns.sort_by_key(|(role, _)| {
            [Role::System, Role::User]
                .iter()
                .position(|first| first == role)
                .unwrap_or(2)
        });
        let has = |wanted| turns.iter().filter(|(role, _)| *role == wanted).count() == 1;
        (has(Role::User) && has(Role::Assistant)).then_some(turns)
    }

    fn known(&self, name: &str) -> Option<Role> {
        let mut known = self.roles.iter();
        known
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, role)| *role)
    }

    fn role_of(&self, value: &Value<'_>, label: &str) -> Result<Role, Fault> {
        let name = text(member(value, &self.role, label)?, label)?;
        if let Some(role) = self.known(&name) {
            return Ok(role);
        }
        if CALL_ROLES.contains(&&*name) {
            let detail = format!("{label} has role `{name}`");
            return Err(Fault::new(Reason::ToolCalls, detail));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let shown = if name.len() <= LONGEST_ROLE && name.bytes().all(is_name) {
            format!("`{name}`")
        } else {
            "that is not a name".to_owned()
        };
        let detail = format!(
            "{label} has role {shown}, which the mapping does not know: name it in `roles`"
        );
        Err(Fault::new(Reason::WrongType, detail))
    }

    /// The value of a turn's text; a turn that calls a tool may have none.
    fn content_of<'r, 'a>(
        &self,
        value: &'r Value<'a>,
        role: Role,
        label: &str,
    ) -> Result<&'r Value<'a>, Fault> {
        if role != Role::Assistant {
            return member(value, &self.content, label);
        }
        super::turn::refuse_calls(value, label)?;
        match member(value, &self.content, label)? {
            Value::Null => Err(Fault::new(
                Reason::NoResponse,
                format!("{label} says nothing"),
            )),
            content => Ok(content),
        }
    }
}

/// Leaves out null turns of an object of two, unless the question or the answer is nothing but null: in Parquet
/// and Arrow an object has the keys of all others.
fn leave_out_null(turns: &mut Vec<(Role, &Value<'_>)>) {
    let said = turns.iter().filter(|(_, value)| **value != Value::Null);
    let said: Vec<Role> = said.map(|(role, _)| *role).collect();
    turns.retain(|(role, value)| {
        let wanted = matches!(role, Role::User | Role::Assistant) && !said.contains(role);
        **value != Value::Null || wanted
    });
}

/// Refuses a conversation without an answer, or with an answer to nothing.
fn check_turns(turns: &[Turn<'_>], label: &str, shown: &Shown<'_>) -> Result<(), Fault> {
    if !turns.iter().any(|turn| turn.role == "assistant") {
        let detail = format!(
            "none of the {} turns of {label} is the assistant's",
            turns.len()
        );
        return Err(Fault::new(Reason::NoAssistantTurn, detail));
    }
    let answered = |pair: &[Turn<'_>]| {
        pair[0].role == "user"
            && pair[1].role == "assistant"
            && pair[0].text().trim().is_empty()
            && !shown.shows(&pair[0])
    };
    match turns.windows(2).position(answered) {
        Some(turn) => {
            let detail = format!(
                "the question before turn {} of {label} has no text",
                turn + 1
            );
            Err(Fault::new(Reason::EmptyQuestion, detail))
        }
        None => Ok(()),
    }
}

/// The value of a turn under one of the `keys`; a null one gives way to a later key.
fn member<'r, 'a>(
    turn: &'r Value<'a>,
    keys: &[String],
    label: &str,
) -> Result<&'r Value<'a>, Fault> {
    let mut found = None;
    for key in keys {
        match turn.field(key)? {
            Some(Value::Null) => found = Some(&Value::Null),
            Some(value) => return Ok(value),
            None => {}
        }
    }
    let names = || {
        keys.iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    };
    found.ok_or_else(|| Fault::new(Reason::MissingField, format!("{label} has no {}", names())))
}
