# A machine of a cluster: head, worker or gateway (docs/cluster.md). Ray's own image has what its launchers look for.
#
#   docker build -f deploy/cluster.Dockerfile -t face3d-live-cluster .
#   docker build -f deploy/cluster.Dockerfile -t face3d-live-cluster:cuda \
#     --build-arg BASE=rayproject/ray:2.60.0-py312-gpu --build-arg EXTRAS=cluster,cuda .
#
# --network host, as WebRTC's ports are the machine's own. Ray's token is a secret, at RAY_AUTH_TOKEN_PATH.

ARG BASE=rayproject/ray:2.60.0-py312
FROM ${BASE}
ARG EXTRAS=cluster
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1 libgl1-mesa-dri \
    && rm -rf /var/lib/apt/lists/*
COPY --chown=ray:users pyproject.toml README.md LICENSE NOTICE /source/
COPY --chown=ray:users face3d_live /source/face3d_live
COPY --chown=ray:users models /source/models
COPY --chown=ray:users shaders /source/shaders
COPY --chown=ray:users web_client /source/web_client
USER ray
RUN pip install --no-cache-dir "/source[${EXTRAS}]"
# EGL on NVIDIA's driver needs more of it than computing does.
ENV NVIDIA_DRIVER_CAPABILITIES=all RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token \
    RAY_AUTH_TOKEN_PATH=/run/secrets/ray_token OMP_NUM_THREADS=1
