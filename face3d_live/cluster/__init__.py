"""Several machines, by Ray. docs/cluster.md says how it is used; nothing else of the package knows Ray."""

from face3d_live.cluster import ray_environment

ray_environment.prepare()  # before anything imports Ray
