#!/usr/bin/env bash
# The tests of the package: in two processes, file by file; then, one after the other, those that others would disturb.
# Some race processes against each other on a machine that others use too: what failed is run once more, by itself,
# and the whole fails where it fails again. pytest lists both.
#
#   scripts/python_tests.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."

python="$1"
failed=0
# Two processes with as many threads as there are cores would take each other's.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

tests() {
  local code=0
  "$python" -m pytest "$@" || code=$?
  case $code in
    0) ;;
    1) failed=1 ;;
    *) exit "$code" ;;
  esac
}

tests -m 'not long and not alone' -n 2 --dist loadfile
# Where two processes find different tests (one that a set or a clock names), pytest runs none.
if grep -qs '"gw[0-9]*"' .pytest_cache/v/cache/lastfailed; then
  echo 'The two processes found different tests; one after the other:'
  rm .pytest_cache/v/cache/lastfailed
  failed=0
  tests -m 'not long and not alone'
fi
tests -m 'not long and alone'
if ((failed)); then
  echo 'What failed, once more:'
  exec "$python" -m pytest -m 'not long' --last-failed --last-failed-no-failures none
fi
