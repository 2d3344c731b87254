"""Becomes the given command after asking the kernel to end it with its parent: `launch.py PARENT COMMAND…`.

However the supervisor ends, SIGKILL included, nothing it started outlives it (prctl(2), PR_SET_PDEATHSIG; the
setting survives exec). Where there is no such call, the command runs without it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it ended before the kernel was asked
            return
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
