"""`python -m face3d_live`: the same as `face3d-live`."""

from face3d_live.cli.app import app

if __name__ == "__main__":
    app()
