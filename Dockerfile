# Images with the course built and ready to run as an ordinary user: one for CPUs and one
# for GPUs, and for each what chapter 8 needs on a cluster:
#
#   docker build --target cpu  -t vit-course:cpu  .
#   docker build --target cuda -t vit-course:cuda .
#   docker build --target mpi  -t vit-course:mpi  .         chapter 8: Open MPI, sshd
#   docker build --target nccl -t vit-course:nccl .         chapter 8: NCCL
#   docker run --rm vit-course:cpu                          chapter 5, on the CPU
#   docker run --rm --gpus all vit-course:cuda              chapter 6, on a GPU
#   docker run --rm vit-course:cpu make ARCH=x86-64-v3 FETCH=no test
#
# Binaries are built for x86-64-v3 (AVX2: Intel since 2013, AMD since 2015), not for the
# machine that builds the image, so that they run elsewhere; for older processors:
#   --build-arg ARCH=x86-64
#
# A tag may be another image tomorrow. To build twice from the same one, ask the registry
# for the digest behind it, and name that (CUDA_BASE in the same way):
#   docker pull debian:bookworm-slim
#   docker image inspect --format '{{index .RepoDigests 0}}' debian:bookworm-slim
#   docker build --build-arg CPU_BASE=debian@sha256:... --target cpu -t vit-course:cpu .
#
# What is installed is `make setup`'s list, and the package with the data set.
ARG CPU_BASE=debian:bookworm-slim
ARG CUDA_BASE=nvidia/cuda:13.0.1-devel-ubuntu24.04

# ---- cpu -------------------------------------------------------------------------
FROM ${CPU_BASE} AS cpu
ARG ARCH=x86-64-v3
COPY common/scripts/setup.sh common/scripts/portable.sh /tmp/setup/
RUN sh /tmp/setup/setup.sh \
    && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends dataset-fashion-mnist \
    && rm -rf /var/lib/apt/lists/* /tmp/setup
RUN useradd --create-home --uid 1001 --user-group student \
    && install -d -o student -g student /home/student/vit /runs
COPY --chown=1001:1001 . /home/student/vit
USER 1001:1001
WORKDIR /home/student/vit
RUN make ARCH=$ARCH FETCH=no all
CMD ["./chapter5"]

# ---- cuda ------------------------------------------------------------------------
# Kernels are built for every architecture that this CUDA knows: the card is not there
# while an image is built. Ubuntu has the data set's package too.
FROM ${CUDA_BASE} AS cuda
ARG ARCH=x86-64-v3
COPY common/scripts/setup.sh common/scripts/portable.sh /tmp/setup/
RUN sh /tmp/setup/setup.sh \
    && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends dataset-fashion-mnist \
    && rm -rf /var/lib/apt/lists/* /tmp/setup
RUN useradd --create-home --uid 1001 --user-group student \
    && install -d -o student -g student /home/student/vit /runs
COPY --chown=1001:1001 . /home/student/vit
USER 1001:1001
WORKDIR /home/student/vit
RUN make ARCH=$ARCH CUDA_ARCH=all-major FETCH=no all
CMD ["./chapter6"]

# ---- mpi -------------------------------------------------------------------------
# What a rank on another node is started through: mpirun's ssh, and an sshd that the image's
# user can run (chapters/08_many_machines/cluster/sshd_config). The package's own host keys
# would be the same in every container: they go.
FROM cpu AS mpi
ARG ARCH=x86-64-v3
USER 0:0
RUN sh common/scripts/setup.sh chapter8 \
    && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends openssh-server openssh-client \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* \
    && install -m 644 chapters/08_many_machines/cluster/ssh_config \
        /etc/ssh/ssh_config.d/course.conf \
    && install -d -o student -g student -m 700 /home/student/.ssh
USER 1001:1001
RUN make ARCH=$ARCH FETCH=no chapter8
CMD ["./chapter8"]

# ---- nccl ------------------------------------------------------------------------
# NVIDIA's development image has NCCL and its header.
FROM cuda AS nccl
ARG ARCH=x86-64-v3
RUN make ARCH=$ARCH CUDA_ARCH=all-major FETCH=no chapter8_gpu
CMD ["./chapter8_gpu"]
