"""Any command, from its start to its end: `python whole.py COMMAND ...`; prints what it cost, and not what it prints.

Next to nothing is imported: the kernel begins to count what a process needs at the most with what its parent had.
"""

from __future__ import annotations

import os
import sys
import time


def main(command: list[str]) -> int:
    """Run it; gives the exit code."""
    silence = os.open(os.devnull, os.O_RDWR)
    begin = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, silence, 1)])
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - begin
    sys.stdout.write(f'{{"seconds": {seconds}, "count": 1, "rss_kib": {usage.ru_maxrss}}}\n')
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
