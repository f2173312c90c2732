#!/usr/bin/env bash
# Installs a wheel into an environment of its own, with no Rust to be found, and packs the embedded sample with it.
#
#   scripts/try_wheel.sh dist/octomed-*-manylinux*_x86_64.whl
set -euo pipefail

wheel=$(realpath "$1")
python=$(command -v "${PYTHON:-python3}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/venv"
cd "$folder"
unset PYTHONPATH
export PATH="$folder/venv/bin:/usr/bin:/bin" OCTOMED_CACHE="$folder/cache"
for tool in cargo rustc; do
  if command -v "$tool"; then echo "$tool is on the path: this would prove nothing"; exit 1; fi
done

python -m pip install --quiet --only-binary :all: "$wheel"
octomed --version
octomed recipes quickstart --out quickstart.yaml
octomed check quickstart.yaml
octomed pack quickstart.yaml
octomed verify "$(dirname "$(find . -name octomed.json)")"
package=$(python -c 'import pathlib, octomed; print(pathlib.Path(octomed.__file__).parent)')
find "$package" -name __pycache__ -prune -exec rm -rf {} +
echo "wheel: $(stat -c %s "$wheel") bytes; installed, without the bytecode that Python adds: $(du -s --bytes "$package" | cut -f1) bytes"
