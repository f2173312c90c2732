# syntax=docker/dockerfile:1
# An image that packs: Debian's Python and the package, no compiler.
#   docker build --file docker/pack.Dockerfile --tag octomed-pack .
#   docker run --rm --volume "$PWD:/work" octomed-pack pack my-run.yaml
FROM rust:1.91-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends nasm python3 python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /source
RUN python3 -m venv /maturin && /maturin/bin/pip install --no-cache-dir 'maturin==1.16.0'
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    /maturin/bin/maturin build --profile dist --locked --out /wheels

FROM python:3.12-slim-bookworm
# The wheel has the versions that it takes.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    wheel="$(echo /wheels/octomed-*.whl)" && pip install --no-cache-dir "${wheel}[hub,s3]" && octomed --version
RUN useradd --uid 1000 --create-home octomed
USER 1000
WORKDIR /work
ENTRYPOINT ["octomed"]
CMD ["--help"]
