"""`python -m sandbox.postgres serve|prepare|stop FOLDER`.

`serve` runs the server in the foreground, `prepare` waits for it and prints an address for each role, `stop` ends it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.postgres.cluster import EmbeddedError
from sandbox.postgres.server import addresses, prepare, serve, stop


def main(words: list[str]) -> int:
    """Run one verb; 1 when the server refuses, 2 for a wrong command line."""
    verbs = {"serve": serve, "prepare": prepare, "stop": stop}
    if len(words) != 2 or words[0] not in verbs:
        sys.stderr.write("Usage: python -m sandbox.postgres serve|prepare|stop FOLDER\n")
        return 2
    data = Path(words[1])
    try:
        verbs[words[0]](data)
    except EmbeddedError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    if words[0] == "prepare":
        sys.stdout.writelines(f"{name}={address}\n" for name, address in addresses(data).items())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
