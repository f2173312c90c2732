"""Fuzzing of what Python reads: `python -m tests.fuzz --help`. What Rust reads is fuzzed in `rust/fuzz`."""
