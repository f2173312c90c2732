#!/usr/bin/env bash
# Builds what is released into dist/: a wheel for each processor whose standard library Rust has here, and the sdist.
# Zig links against the C library of manylinux2014, so that the wheels run on any Linux since 2014, and for the other processor too.
#
#   scripts/make_dist.sh PYTHON     a Python with pip, into whose environment maturin and zig go
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1
# maturin finds zig, and cargo finds maturin's Python, by the path.
tools=$(cd "$(dirname "$python")" && pwd)
export PATH="$tools:$PATH"
"$python" -m pip install --quiet 'maturin[zig]>=1.9,<2'

command -v nasm > /dev/null || echo 'nasm is not installed: JPEG files will be decoded without SIMD on x86-64, at half the speed'
for processor in x86_64 aarch64; do
  target=$processor-unknown-linux-gnu
  if [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
    maturin build --profile dist --locked --zig --target "$target" --compatibility manylinux2014 --out dist
  else
    echo "no wheel for $processor: \`rustup target add $target\` installs its standard library"
  fi
done
maturin sdist --out dist
"$python" scripts/check_dist.py dist
