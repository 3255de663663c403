"""`python -m sandbox.postgres serve|prepare|stop FOLDER`.

`serve` runs the server in the foreground, `prepare` waits for it and prints a URL per role, `stop` stops it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.postgres.cluster import EmbeddedError
from sandbox.postgres.server import addresses, prepare, serve, stop


def main(arguments: list[str]) -> int:
    """Run a command; return 1 if the server fails, 2 for a wrong command line."""
    commands = {"serve": serve, "prepare": prepare, "stop": stop}
    if len(arguments) != 2 or arguments[0] not in commands:
        sys.stderr.write("Usage: python -m sandbox.postgres serve|prepare|stop FOLDER\n")
        return 2
    data = Path(arguments[1])
    try:
        commands[arguments[0]](data)
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments[0] == "prepare":
        sys.stdout.writelines(f"{name}={address}\n" for name, address in addresses(data).items())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
