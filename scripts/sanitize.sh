#!/usr/bin/env bash
# The tests of memory and buffers under AddressSanitizer (with a nightly toolchain; else under valgrind), and the
# tokenizer's, which use every instruction set that the processor has.
set -euo pipefail
cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
buffers=(-p octomed-memory -p octomed-mds -p octomed-pack)
export OCTOMED_CASES=${OCTOMED_CASES:-40} PROPTEST_CASES=${PROPTEST_CASES:-40}

if cargo +nightly --version >/dev/null 2>&1; then
    echo "AddressSanitizer:"
    export RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/sanitize"
    test=(cargo +nightly test --target "$host")
    "${test[@]}" "${buffers[@]}" --lib --tests
    "${test[@]}" -p octomed-engine --lib -- ids:: block:: index::
    "${test[@]}" -p octomed-text --lib -- tokenizer::
elif command -v valgrind >/dev/null; then
    echo "valgrind (no nightly toolchain, so no AddressSanitizer):"
    name=$(echo "$host" | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${name}_RUNNER=valgrind --quiet --error-exitcode=9"
    PROPTEST_CASES=4 cargo test "${buffers[@]}" --lib
else
    echo "neither a nightly toolchain nor valgrind: \`rustup toolchain install nightly\`" >&2
    exit 1
fi
