#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod basic;
mod classes;
mod hostile;
mod oracle;
mod variants;
