# Set up, check, measure. `make quickstart` and `make test` begin from a fresh clone: Python >= 3.10 with
# venv, a Rust toolchain, make, and the package registries. `WHEEL=PATH make quickstart` compiles nothing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
CARGO_TARGET_DIR ?= target
BIN := $(abspath $(VENV))/bin
RELEASE := $(VENV)/.octomed-release
DEV := $(VENV)/.octomed-dev
# One interpreter for every build, so that cargo does not build PyO3 anew for each.
export CARGO_TARGET_DIR
export PYO3_PYTHON = $(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# The fuzz targets are a workspace of their own: the package does not change with them.
RUST_FILES := Cargo.toml Cargo.lock $(shell find rust -path rust/fuzz -prune -o \( -name '*.rs' -o -name Cargo.toml -o -path '*/data/*' -type f \) -print)
PYTHON_FILES := pyproject.toml $(shell find -L python -type f ! -name '*.pyc' ! -name '*.so')

.PHONY: help quickstart test test-long test-next lint check-aarch64 rust-test python-test fuzz fuzz-campaign sanitize miri reliability \
  fmt stubs science science-all bench docs dist sbom licenses clean

help:  ## Say what there is
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

quickstart: $(RELEASE)  ## Install, pack the embedded sample, and look at it
	$(BIN)/octomed pack recipes/quickstart.yaml --replace
	$(BIN)/octomed verify runs/quickstart
	$(BIN)/octomed rejects runs/quickstart
	$(BIN)/octomed inspect runs/quickstart --stream len-00256 --pack 0 | head -n 40
	@if $(BIN)/python -c 'import streaming' 2>/dev/null; then $(BIN)/python examples/first_batch.py runs/quickstart; \
	else echo "next, for batches: $(BIN)/pip install '.[train]' && $(BIN)/python examples/first_batch.py runs/quickstart"; fi

test: $(DEV) lint check-aarch64 rust-test python-test  ## Every check

lint: $(DEV)  ## Formats, lints and types, warnings being errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/make_stubs.py --check python/octomed/_octomed.pyi

check-aarch64:  ## Lints of processors' code for aarch64, where its standard library is installed
	scripts/check_aarch64.sh

rust-test: $(DEV)  ## Tests of the crates
	if cargo nextest --version >/dev/null 2>&1; \
	then cargo nextest run --workspace --no-tests=pass --no-fail-fast && cargo test --workspace --doc; \
	else cargo test --workspace; fi

python-test: $(DEV)  ## Tests of the package
	scripts/python_tests.sh $(BIN)/python

# Newer torch and transformers, which mosaicml's pins refuse, over everything else as it is installed for tests.
test-next: $(DEV)  ## The tests of streaming and training with newer torch and transformers
	$(BIN)/python -m venv $(VENV)-next
	$(VENV)-next/bin/python -m pip install --quiet 'torch>=2.11,<2.12' torchvision 'transformers>=5,<6'
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$($(VENV)-next/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/everything-else.pth"
	$(VENV)-next/bin/python -m pytest -m 'not long' tests/stream tests/train

test-long: $(DEV)  ## The tests that take many minutes
	cargo test --workspace --release -- --include-ignored
	$(BIN)/python -m pytest -m long
	$(BIN)/python scripts/fuzz.py --targets rust --seconds 60 --if-possible

# Seconds a target, and which: `make fuzz FUZZ_SECONDS=600 FUZZ_TARGETS="csv parquet"`; all, rust and python are groups.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= all
fuzz: $(DEV)  ## Fuzz what reads foreign files (cargo-fuzz, and a harness for what Python reads)
	$(BIN)/python scripts/fuzz.py --targets "$(FUZZ_TARGETS)" --seconds $(FUZZ_SECONDS)

fuzz-campaign: $(DEV)  ## Two targets at a time, with a table in bench/results/fuzz.json
	$(BIN)/python scripts/fuzz.py --targets "$(FUZZ_TARGETS)" --seconds $(FUZZ_SECONDS) --jobs 2 --out bench/results/fuzz.json

sanitize:  ## Tests of memory and buffers under AddressSanitizer or valgrind, with each set of instructions
	scripts/sanitize.sh

miri:  ## Tests of memory and buffers under Miri, where the component is installed
	if cargo +nightly miri --version >/dev/null 2>&1; \
	then MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 cargo +nightly miri test -p octomed-memory -p octomed-pack --lib; \
	else echo 'Miri is not installed: `rustup +nightly component add miri`'; fi

# Kills, failing disks, power cuts, flipped bits: `make reliability SEED=7`.
SEED ?= 1
reliability: $(DEV)  ## The reliability campaign, with its outcomes in bench/results/reliability.json
	$(BIN)/python -m bench.reliability --seed $(SEED) --out bench/results/reliability.json

fmt: $(DEV)  ## Bring the code into form
	cargo fmt --all
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

stubs: $(DEV)  ## Write the type stubs of the extension anew
	$(BIN)/python scripts/make_stubs.py python/octomed/_octomed.pyi

# Three seeds, two at a time with a thread each; SEEDS="1 2 3 4" takes others. The page is made of the results.
SEEDS ?= 1 2 3
science: $(DEV)  ## The paper's findings in miniature: traces a question, and length that follows difficulty; some 25 minutes
	PYTHONPATH=. $(BIN)/python -m bench.science --seeds $(SEEDS) && PYTHONPATH=. $(BIN)/python -m bench.science.page

science-all: $(DEV)  ## The same with every claim
	PYTHONPATH=. $(BIN)/python -m bench.science --seeds $(SEEDS) --claims ladder length acceptance direct && PYTHONPATH=. $(BIN)/python -m bench.science.page

bench: $(RELEASE)  ## Criterion benches of the parts
	cargo bench -p octomed-bench

docs: $(DEV)  ## The documentation as a site, in build/site; warnings are errors
	$(BIN)/python -m mkdocs build --strict

dist: $(BIN)/python  ## What is released, in dist/: wheels of manylinux2014 for x86-64 and aarch64, and the sdist
	scripts/make_dist.sh $(BIN)/python

sbom: $(BIN)/python  ## Bills of materials in dist/: of the crates, and of the Python packages that the package needs
	scripts/make_sbom.sh $(BIN)/python

licenses: $(DEV)  ## Whether the licences of all that is depended on are allowed, and their texts in the wheel
	scripts/check_licenses.sh $(BIN)/python

clean:  ## Remove what was built, and the quickstart's run
	rm -rf runs build dist $(VENV)/.octomed-*
	cargo clean

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "octomed needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)

# The package as users have it: release build, no torch.
$(RELEASE): $(BIN)/python $(RUST_FILES) $(PYTHON_FILES)
	$(BIN)/python scripts/install_release.py
	rm -f $(DEV)
	touch $@

# The package as it is tested: with overflow checks and assertions, in the profile that `cargo test` builds too.
$(DEV): $(BIN)/python $(RUST_FILES) $(PYTHON_FILES)
	MATURIN_PEP517_ARGS="--profile dev" $(BIN)/python -m pip install --quiet '.[dev]'
	# Oracles: the published chat templates, and real vocabularies; without what these depend on, which nothing here uses.
	$(BIN)/python -m pip install --quiet --no-deps 'trl==1.16.0' 'litellm==1.109.1' 'mistral-common==1.13.1'
	rm -f $(RELEASE)
	touch $@
