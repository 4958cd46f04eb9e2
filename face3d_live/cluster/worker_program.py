"""`python -m face3d_live.cluster.worker_program`: a worker's server. Its child processes import this file's top."""

if __name__ == "__main__":
    from face3d_live.cluster.worker_server import run

    run()
