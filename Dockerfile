# Two images, each with the course built and ready to run as an ordinary user:
#
#   docker build --target cpu  -t vit-course:cpu  .
#   docker build --target cuda -t vit-course:cuda .
#   docker run --rm vit-course:cpu                          chapter 5, on the CPU
#   docker run --rm --gpus all vit-course:cuda              chapter 6, on a GPU
#   docker run --rm vit-course:cpu make ARCH=x86-64-v3 FETCH=no test
#
# Binaries are built for x86-64-v3 (AVX2: Intel since 2013, AMD since 2015), not for the
# machine that builds the image, so that they run elsewhere; for older processors:
#   --build-arg ARCH=x86-64

# ---- cpu -------------------------------------------------------------------------
FROM debian:bookworm-slim AS cpu
ARG ARCH=x86-64-v3
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends gcc g++ binutils libc6-dev make zlib1g-dev \
        libjansson-dev pkg-config check patch gnuplot-nox dataset-fashion-mnist \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1001 student
COPY --chown=student . /home/student/vit
USER student
WORKDIR /home/student/vit
RUN make ARCH=$ARCH FETCH=no all
CMD ["./chapter5"]

# ---- cuda ------------------------------------------------------------------------
# Kernels are built for every architecture that this CUDA knows: the card is not there
# while an image is built. Ubuntu has the data set's package too.
FROM nvidia/cuda:13.0.1-devel-ubuntu24.04 AS cuda
ARG ARCH=x86-64-v3
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends gcc g++ binutils libc6-dev make zlib1g-dev \
        libjansson-dev pkg-config check patch gnuplot-nox dataset-fashion-mnist \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1001 student
COPY --chown=student . /home/student/vit
USER student
WORKDIR /home/student/vit
RUN make ARCH=$ARCH FETCH=no all
CMD ["./chapter6"]
