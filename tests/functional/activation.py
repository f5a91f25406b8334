"""What a service manager does that has opened the sockets of a service: sd_listen_fds(3).

    python activation.py NAMES DESCRIPTOR,… COMMAND …

The descriptors become 3 and those that follow, and the command has this process.
"""

from __future__ import annotations

import os
import sys

FIRST = 3
ABOVE = 100
"""Above those that are to be had."""


def main(names: str, descriptors: str, *command: str) -> None:
    given = [int(each) for each in descriptors.split(",")]
    for number, fileno in enumerate(given, ABOVE):
        os.dup2(fileno, number)
        os.close(fileno)
    for number in range(len(given)):
        os.dup2(ABOVE + number, FIRST + number)
        os.close(ABOVE + number)
    environ = {**os.environ, "LISTEN_PID": str(os.getpid())}
    environ |= {"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": names}
    os.execvpe(command[0], command, environ)


if __name__ == "__main__":
    main(*sys.argv[1:])
