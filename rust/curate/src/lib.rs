//! Which traces stay: duplicates and the order of decisions.
