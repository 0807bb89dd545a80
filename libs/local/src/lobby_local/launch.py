"""Becomes another program that dies with its parent; root steps down to `nobody` first when asked.

Run as a script: `python -I -S launch.py PARENT SIGNAL KEEP|STEP_DOWN PROGRAM ARGS…`. It is a program of its
own, because all this must happen after the fork and before the program, where our own code may not run.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def step_down() -> None:
    """The process is `nobody`, but still reaches files below folders that only root may enter.

    PostgreSQL refuses to run as root. Its data lie in the user's folders, which are often closed to others
    (mode 0700); opening those would be worse than letting this one process pass.
    """
    nobody = pwd.getpwnam("nobody")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    mask = 1 << CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    # Where the container lacks the capability these calls fail, and an open folder is all that is needed.
    libc.capset(header, data)
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def die_with(parent: int, signal_number: int) -> None:
    """The kernel sends the signal when the parent is gone, also when that has just happened."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def main() -> None:
    """Becomes the program; returns never."""
    parent, signal_number, user, *command = sys.argv[1:]
    if user == "STEP_DOWN":
        step_down()
    # After the change of user: the kernel forgets the signal when credentials change.
    die_with(int(parent), int(signal_number))
    os.execv(command[0], command)  # noqa: S606 - becoming that program is the purpose


if __name__ == "__main__":
    main()
