"""Becomes a program with sockets as sd_listen_fds(3) wants them: exec_with_fds.py NAMES FDS PROGRAM ARGUMENTS…

FDS are inherited descriptors, separated by commas. What a service manager does between fork and exec.
"""

import fcntl
import os
import sys

names, fds, *command = sys.argv[1:]
fds = [int(fd) for fd in fds.split(",") if fd]
# Away from where they are to be, then there.
fds = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds]
for number, fd in enumerate(fds, 3):
    os.dup2(fd, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
