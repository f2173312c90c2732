#!/usr/bin/env bash
# Writes bills of materials (CycloneDX, JSON) into dist/: of the crates that the extension is linked from, and of the Python packages
# that the package needs, which are installed into an environment of their own for that.
#
#   scripts/make_sbom.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1
version=$("$python" scripts/version.py)
mkdir -p dist
if command -v cargo-cyclonedx > /dev/null; then
  cargo cyclonedx --manifest-path rust/python/Cargo.toml --format json --spec-version 1.5 --target x86_64-unknown-linux-gnu --override-filename "octomed-$version-crates"
  find rust bench -name "octomed-$version-crates.json" ! -path 'rust/python/*' -delete
  # Our own crates are named by their folder here; whoever reads the bill has the repository.
  sed "s#file://$PWD/#file:///#g" "rust/python/octomed-$version-crates.json" > "dist/octomed-$version-crates.cdx.json"
  rm "rust/python/octomed-$version-crates.json"
else
  echo "no bill of the crates: \`cargo install cargo-cyclonedx\` installs what writes it"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/needed"
"$python" scripts/needed_packages.py > "$folder/needed.txt"
"$folder/needed/bin/python" -m pip install --quiet --requirement "$folder/needed.txt"
"$folder/needed/bin/python" -m pip uninstall --quiet --yes pip setuptools
"$python" -m venv "$folder/tools"
"$folder/tools/bin/python" -m pip install --quiet 'cyclonedx-bom>=5,<8'
"$folder/tools/bin/cyclonedx-py" environment --output-reproducible --pyproject pyproject.toml \
  --output-file "dist/octomed-$version-python.cdx.json" "$folder/needed/bin/python"
ls -l dist/*.cdx.json
