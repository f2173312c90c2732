#![allow(
    clippy::single_range_in_vec_init,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod basic;
mod classes;
mod hostile;
mod oracle;
mod variants;
