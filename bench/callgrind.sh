#!/usr/bin/env bash
# Counts instructions of the tokenizer and the packer with callgrind, and compares them with those stored in
# callgrind.counts: a count has no noise, so a regression shows on a busy machine too. Exits with 1 when a count
# is more than 3 % above the stored one. `callgrind.sh --store` stores the counts instead.
# Counts depend on the compiler: with another rustc than the stored one they are shown and not judged.
set -euo pipefail
cd "$(dirname "$0")"
stored=callgrind.counts
limit_per_mille=30

cargo build --quiet --release -p octomed-bench --bin counted
target=$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]+)".*/\1/')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiler=$(rustc --version)

count() {
  valgrind --tool=callgrind --toggle-collect='*counted_*' --callgrind-out-file="$work/$1" \
    "$target/release/counted" "$1" 2>"$work/log" || { cat "$work/log" >&2; exit 2; }
  awk '/^(summary|totals):/ { counted = $2 } END { print counted }' "$work/$1"
}

status=0
{ echo "# $compiler"; for part in tokenizer packer; do echo "$part $(count "$part")"; done; } >"$work/counts"
if [[ "${1:-}" == --store ]]; then
  cp "$work/counts" "$stored"
  cat "$stored"
  exit 0
fi
[[ -f "$stored" ]] || { cat "$work/counts"; echo "nothing stored yet: bench/callgrind.sh --store" >&2; exit 2; }
judged=yes
[[ "$(head -n 1 "$stored")" == "# $compiler" ]] || { judged=no; echo "stored with another compiler: not judged"; }
while read -r part now; do
  before=$(awk -v part="$part" '$1 == part { print $2 }' "$stored")
  [[ "$part" == "#" || -z "$before" ]] && continue
  change=$(( (now - before) * 1000 / before ))
  printf '%-10s %15d  stored %15d  %+d per mille\n' "$part" "$now" "$before" "$change"
  if [[ $judged == yes ]] && (( (now - before) * 1000 > before * limit_per_mille )); then
    echo "$part needs more than 3 % more instructions than before" >&2
    status=1
  fi
done <"$work/counts"
exit $status
