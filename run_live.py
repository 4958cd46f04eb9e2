#!/usr/bin/env python3
"""Start the live server: `python run_live.py --help`. The same as `face3d-live live`."""

# Child processes import this file's top again: everything else waits for the last lines.
if __name__ == "__main__":
    import sys

    from face3d_live.cli.app import app

    app(["live", *sys.argv[1:]])
