//! minijinja's errors as ours, without any text of the row.

use minijinja::ErrorKind;
use octomed_meter::{Panicked, is_out_of_fuel};

use super::TemplateError;
use super::dialect::Stop;

/// An error met while a template was compiled.
pub(crate) fn compiling(error: &minijinja::Error) -> TemplateError {
    TemplateError::Syntax {
        line: error.line().unwrap_or(0),
        detail: described(error),
    }
}

/// An error met while a template was rendered.
pub(crate) fn rendering(error: &minijinja::Error) -> TemplateError {
    if is_out_of_fuel(error) {
        return TemplateError::Limit;
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(Panicked(detail)) = cause.downcast_ref() {
            return TemplateError::Engine {
                detail: detail.clone(),
            };
        }
        match cause.downcast_ref::<Stop>() {
            Some(Stop::AsksForDate) => return TemplateError::DependsOnDate,
            Some(Stop::Raised(message)) => {
                return TemplateError::Refused {
                    message: message.clone(),
                };
            }
            None => source = cause.source(),
        }
    }
    TemplateError::Failed {
        line: error.line().unwrap_or(0),
        detail: described(error),
    }
}

fn described(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::SyntaxError, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}
