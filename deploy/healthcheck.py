"""Asks the server of this machine how it is: exit status 0 for 200, else 1. For containers and timers."""

import ssl
import sys
import urllib.request

if __name__ == "__main__":
    own = ssl._create_unverified_context()  # its own certificate, on the loopback
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=4, context=own) as answer:
            sys.exit(answer.status != 200)
    except OSError as error:
        print(error)
        sys.exit(1)
