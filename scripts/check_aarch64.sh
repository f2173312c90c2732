#!/usr/bin/env bash
# Lints the crates that hold code of a processor for aarch64: what stands there for x86-64's instructions compiles,
# and nothing is left over. Nothing is linked, so what C compiles may be empty: no cross compiler is needed.
#
#   scripts/check_aarch64.sh                               the crates with code of a processor
#   scripts/check_aarch64.sh -p octomed-text --all-targets   one of them, with its tests
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-gnu
if ! [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
  echo "aarch64 is not checked: \`rustup target add $target\` installs its standard library"
  exit 0
fi

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
cat > "$tools/cc" <<'CC'
#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2"; shift; done
CC
cat > "$tools/ar" <<'AR'
#!/bin/sh
for word; do case $word in *.a) : > "$word" ;; esac; done
AR
chmod +x "$tools/cc" "$tools/ar"

crates=("$@")
[ ${#crates[@]} -gt 0 ] || crates=(-p octomed-memory -p octomed-text)
CC_aarch64_unknown_linux_gnu="$tools/cc" AR_aarch64_unknown_linux_gnu="$tools/ar" \
  cargo clippy --target "$target" "${crates[@]}" -- -D warnings
