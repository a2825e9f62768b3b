"""What a worker may not ask of the kernel, by group, and why.

Landlock guards files by their path. This list guards the rest: other processes, the network, what
outlives the process, what Landlock does not see (`chmod`, `stat` and their like) and what is a
known source of faults in the kernel and of no use to a converter.

Comparisons look at what the kernel looks at: the low word of an `int`, both words of a pointer.
"""

from __future__ import annotations

from errno import ENOSYS, ENOTTY, EOPNOTSUPP, EPERM
from typing import TYPE_CHECKING, Final, TypeAlias

from pywats_trio.sandbox.bpf import (
    ALLOW,
    AND,
    IF_ANY_BIT,
    IF_EQUAL,
    LIFELINE,
    OWN_PID,
    answer,
    branch,
    fail,
    high,
    low,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.sandbox.bpf import Code

Rules: TypeAlias = "dict[str, Code]"
"""What becomes of a call, by its name."""


class Group:
    """Calls that are refused for one reason."""

    __slots__ = ("name", "rules", "why")

    def __init__(self, name: str, why: str, *rules: Rules) -> None:
        self.name = name
        self.why = why
        self.rules: Rules = {call: code for part in rules for call, code in part.items()}


def _all(calls: str, code: Code) -> Rules:
    return dict.fromkeys(calls.split(), code)


def _one_of(argument: int, values: Iterable[int], then: Code, otherwise: Code) -> Code:
    """`then` if the argument, an int, is one of `values`."""
    code = otherwise
    for value in values:
        code = branch(IF_EQUAL, value, then, code)
    return [low(argument), *code]


def _if_null(argument: int, then: Code, otherwise: Code) -> Code:
    """`then` if the argument, a pointer, is null."""
    upper = [high(argument), *branch(IF_EQUAL, 0, then, otherwise)]
    return [low(argument), *branch(IF_EQUAL, 0, upper, otherwise)]


_YES: Final = answer(ALLOW)
_NO: Final = fail(EPERM)
_MISSING: Final = fail(ENOSYS)
"""The caller believes that the kernel is older and falls back on what we can look into."""

_SELF: Final = (0, OWN_PID)
"""How a process names itself where 0 means the caller."""

# linux/sched.h
_CLONE_FILES: Final = 0x0000_0400
_CLONE_THREAD: Final = 0x0001_0000
_CLONE_NEW: Final = 0x7E02_0000
"""NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
# A thread with descriptors of its own could hide files in them from who counts what it writes.
_THREAD: Final = branch(IF_ANY_BIT, _CLONE_THREAD, branch(IF_ANY_BIT, _CLONE_FILES, _YES, _NO), _NO)
_CLONE: Final = [low(0), *branch(IF_ANY_BIT, _CLONE_NEW, _NO, _THREAD)]

# linux/socket.h, linux/net.h
_AF_UNIX: Final = 1
_SOCK_STREAM: Final = 1
_SOCK_TYPE_MASK: Final = 0xF
_SOCKETPAIR: Final = _one_of(
    0,
    [_AF_UNIX],
    [low(1), (AND, 0, 0, _SOCK_TYPE_MASK), *branch(IF_EQUAL, _SOCK_STREAM, _YES, _NO)],
    _NO,
)

# asm-generic/fcntl.h, linux/fcntl.h
_F_DUPFD: Final = 0
_F_SETFL: Final = 4
_F_DUPFD_CLOEXEC: Final = 1030
_FCNTL_REFUSED: Final = {
    "F_SETOWN": 8,
    "F_SETSIG": 10,
    "F_SETOWN_EX": 15,
    "F_SETLEASE": 1024,
    "F_NOTIFY": 1026,
}
_NOT_ON_LIFELINE: Final = _one_of(0, [LIFELINE], _NO, _YES)
# What is set of a descriptor's copy is set of the descriptor.
_FCNTL: Final = _one_of(
    1,
    _FCNTL_REFUSED.values(),
    _NO,
    _one_of(1, [_F_DUPFD, _F_SETFL, _F_DUPFD_CLOEXEC], _NOT_ON_LIFELINE, _YES),
)

# asm-generic/ioctls.h
_IOCTL_ALLOWED: Final = {
    "TCGETS": 0x5401,
    "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
    "TCGETS2": 0x802C_542A,
}

# linux/prctl.h
_PRCTL_REFUSED: Final = {
    "PR_SET_DUMPABLE": 4,  # it would hide its /proc from who counts what it writes
    "PR_SET_SECCOMP": 22,
    "PR_SET_SECUREBITS": 28,
    "PR_SET_MM": 35,
    "PR_CAP_AMBIENT": 47,
    "PR_SCHED_CORE": 62,
    "PR_SET_MEMORY_MERGE": 67,
    "PR_SET_PTRACER": 0x5961_6D61,
}

# linux/resource.h
_PRIO_PROCESS: Final = 0
_RLIMIT_CPU: Final = 0
_ONLY_CPU: Final = branch(IF_EQUAL, _RLIMIT_CPU, _YES, _NO)
# linux/ioprio.h
_IOPRIO_WHO_PROCESS: Final = 1
_PERSONALITY_QUERY: Final = 0xFFFF_FFFF

# asm-generic/fcntl.h
_O_ACCMODE: Final = 0o3
_O_WRONLY: Final = 0o1
_O_RDWR: Final = 0o2
_O_TRUNC: Final = 0o1000


def _no_cutting(flags: int) -> Code:
    """Refuse to cut a file that is not opened for writing, which Landlock would see."""
    writing = branch(IF_EQUAL, _O_WRONLY, _YES, branch(IF_EQUAL, _O_RDWR, _YES, _NO))
    cutting = [low(flags), (AND, 0, 0, _O_ACCMODE), *writing]
    return [low(flags), *branch(IF_ANY_BIT, _O_TRUNC, cutting, _YES)]


GROUPS: Final = (
    Group(
        "programs",
        "a converter runs in this process and starts no other",
        _all("fork vfork execve execveat", _NO),
        {"clone": _CLONE},
        # Its flags are behind a pointer; libc makes threads with `clone` then.
        _all("clone3", _MISSING),
    ),
    Group(
        "network",
        "a converter talks to the service alone, over the socket that it was given",
        _all("socket connect bind listen accept accept4", _NO),
        {"socketpair": _SOCKETPAIR},
        # Descriptors go in, none comes out; and a datagram could name whom it is for.
        _all("sendmsg sendmmsg", _NO),
        {"sendto": _if_null(4, _YES, _NO)},
    ),
    Group(
        "signals",
        "only to itself: not to the service, nor to another worker",
        _all(
            "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo", _one_of(0, [OWN_PID], _YES, _NO)
        ),
        _all("pidfd_open pidfd_send_signal pidfd_getfd", _NO),
        {"fcntl": _FCNTL},
        # FIOSETOWN, SIOCSPGRP, FIOASYNC, TIOCSTI, verity, inode flags … are not among them.
        {"ioctl": _one_of(1, _IOCTL_ALLOWED.values(), _YES, fail(ENOTTY))},
    ),
    Group(
        "other processes",
        "neither looked into nor slowed down",
        _all("ptrace process_vm_readv process_vm_writev process_madvise process_mrelease", _NO),
        _all("kcmp move_pages migrate_pages perf_event_open", _NO),
        _all(
            "sched_setparam sched_setscheduler sched_setattr sched_setaffinity",
            _one_of(0, _SELF, _YES, _NO),
        ),
        {"setpriority": _one_of(0, [_PRIO_PROCESS], _one_of(1, _SELF, _YES, _NO), _NO)},
        {"ioprio_set": _one_of(0, [_IOPRIO_WHO_PROCESS], _one_of(1, _SELF, _YES, _NO), _NO)},
    ),
    Group(
        "leash",
        "the service can always bound and kill this process and see that it ends with it",
        _all("setpgid setsid", _NO),
        {"prlimit64": _one_of(0, _SELF, _if_null(2, _YES, [low(1), *_ONLY_CPU]), _NO)},
        {"setrlimit": [low(0), *_ONLY_CPU]},
        # The lifeline: neither closed nor replaced nor silenced, nor copied for that.
        _all("close dup", _NOT_ON_LIFELINE),
        _all("dup2 dup3", _one_of(0, [LIFELINE], _NO, _one_of(1, [LIFELINE], _NO, _YES))),
        _all("close_range", _MISSING),
    ),
    Group(
        "what outlives the process",
        "the next job finds the machine as this one did",
        _all("shmget shmat shmctl semget semop semtimedop semctl", _NO),
        _all("msgget msgsnd msgrcv msgctl", _NO),
        _all("mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr", _NO),
        _all("add_key request_key keyctl", _NO),
        _all("seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self", _NO),
        {"prctl": _one_of(0, _PRCTL_REFUSED.values(), _NO, _YES)},
        {"personality": _one_of(0, [_PERSONALITY_QUERY], _YES, _NO)},
        _all("lsm_set_self_attr", _NO),
    ),
    Group(
        "files beside their content",
        "Landlock does not see these; some claim success so that `shutil.copy2` and its like work",
        _all("chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat", fail(0)),
        _all("chown fchown lchown fchownat mknod mknodat", _NO),
        _all("setxattr lsetxattr fsetxattr", fail(EOPNOTSUPP)),
        _all("removexattr lremovexattr fremovexattr", fail(EOPNOTSUPP)),
        _all("inotify_init inotify_init1 inotify_add_watch inotify_rm_watch", _NO),
        _all("fanotify_init fanotify_mark name_to_handle_at open_by_handle_at", _NO),
        _all("statmount listmount lookup_dcookie", _NO),
    ),
    Group(
        "more than the limits give",
        "memory and disk that RLIMIT_AS and RLIMIT_FSIZE do not count",
        _all("memfd_create memfd_secret", _NO),
        _all("fallocate", fail(EOPNOTSUPP)),  # libc writes zeros instead, and those are counted
        _all("sync syncfs", fail(0)),  # the whole machine would wait for its disks
    ),
    Group(
        "kernel faults",
        "large and young parts of the kernel that a converter has no use for",
        _all("io_uring_setup io_uring_enter io_uring_register io_setup io_submit", _NO),
        _all("bpf userfaultfd unshare setns", _NO),
        _all("modify_ldt uselib", _NO),
    ),
    Group(
        "the machine",
        "an administrator's calls, refused to root, too",
        _all("mount umount2 pivot_root chroot open_tree move_mount mount_setattr", _NO),
        _all("fsopen fsconfig fsmount fspick quotactl quotactl_fd", _NO),
        _all("swapon swapoff reboot kexec_load kexec_file_load", _NO),
        _all("init_module finit_module delete_module", _NO),
        _all("acct syslog iopl ioperm vhangup sethostname setdomainname", _NO),
        _all("settimeofday clock_settime adjtimex clock_adjtime", _NO),
        _all("setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid", _NO),
        _all("setgroups capset", _NO),
    ),
)

CUTTING: Final = Group(
    "cutting files",
    "below ABI 3 Landlock does not see that a file is cut",
    {"open": _no_cutting(1), "openat": _no_cutting(2)},
    _all("truncate", _NO),
    _all("openat2", _MISSING),
)
"""In place of `LANDLOCK_ACCESS_FS_TRUNCATE`, and only where that is missing."""


def rules(landlock_abi: int) -> Rules:
    """Every rule that this Landlock leaves to seccomp."""
    groups = GROUPS if landlock_abi >= 3 else (*GROUPS, CUTTING)  # noqa: PLR2004 - an ABI
    return {call: code for group in groups for call, code in group.rules.items()}
