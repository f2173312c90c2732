#!/usr/bin/env bash
# Checks the licences of the crates (deny.toml) and of the Python packages (check_licenses.py), and that the texts which the
# wheel carries are those of the crates it is linked from.
#
#   scripts/check_licenses.sh PYTHON     a Python into whose environment the package and its extras are installed
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v cargo-deny > /dev/null; then
  cargo deny check licenses bans sources
else
  echo "the crates are not checked: \`cargo install --locked cargo-deny\` installs what does"
fi
"$1" scripts/third_party.py --check
"$1" -m pip install --quiet 'pip-licenses>=5,<6'
"$1" scripts/check_licenses.py
