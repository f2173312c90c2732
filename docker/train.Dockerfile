# syntax=docker/dockerfile:1
# An image that trains: CUDA's libraries come with PyTorch's wheels; the driver is the host's.
#   docker build --file docker/train.Dockerfile --tag octomed-train .
#   docker run --rm --gpus all --ipc host --volume "$PWD:/work" octomed-train train my-training.yaml
FROM rust:1.91-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends nasm python3 python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /source
RUN python3 -m venv /maturin && /maturin/bin/pip install --no-cache-dir 'maturin==1.16.0'
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    /maturin/bin/maturin build --profile dist --locked --out /wheels

FROM python:3.11-slim-bookworm
# A C compiler is for Triton, which compiles kernels when they are first used (`compile_layers`).
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
# The wheel has the versions that it takes.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    wheel="$(echo /wheels/octomed-*.whl)" && pip install --no-cache-dir "${wheel}[train,lora,hub,s3]" && octomed --version
RUN useradd --uid 1000 --create-home octomed
USER 1000
WORKDIR /work
ENTRYPOINT ["octomed"]
CMD ["--help"]
