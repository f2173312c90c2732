//! Scan, select, write: the three passes over a recipe's rows.
