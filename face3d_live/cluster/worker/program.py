"""`python -m face3d_live.cluster.worker.program`: a worker's server. Its child processes import this file's top."""

if __name__ == "__main__":
    from face3d_live.cluster.worker.server import run

    run()
