"""Reaching for what belongs to others: files, the network, other processes, the kernel."""

# An attacker takes the short way.
# ruff: noqa: PTH104, PTH108, PTH115, PTH120, PTH123, PTH208, PTH211, SIM115
from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.attacks.tricks.ground import Ground

PTRACE_SEIZE: Final = 0x4206
JUST_ASK: Final = 0
"""The signal that is none: whether one may be sent."""


# Files


def read_token(ground: Ground) -> None:
    """read the service's token"""
    open(ground.token).read()


def read_database(ground: Ground) -> None:
    """read the service's database"""
    open(ground.database, "rb").read()


def read_other_input(ground: Ground) -> None:
    """read another converter's input"""
    open(ground.other_input).read()


def read_by_symbolic_link(ground: Ground) -> None:
    """read the token by a symbolic link in the scratch folder"""
    os.symlink(ground.token, f"{ground.scratch}/link")
    open(f"{ground.scratch}/link").read()


def find_token_in_environment(_ground: Ground) -> None:
    """find the token in the environment that it inherited"""
    if not any("TOKEN" in name for name in os.environ):
        raise PermissionError("there is no token in the environment")


def read_environment_of_service(ground: Ground) -> None:
    """read the service's environment in /proc"""
    open(f"/proc/{ground.service}/environ", "rb").read()


def read_memory_of_service(ground: Ground) -> None:
    """read the service's memory in /proc"""
    open(f"/proc/{ground.service}/mem", "rb").close()


def read_descriptors_of_sibling(ground: Ground) -> None:
    """open a file that another worker has open, through /proc"""
    for number in os.listdir(f"/proc/{ground.sibling}/fd"):
        open(f"/proc/{ground.sibling}/fd/{number}", "rb").close()


def read_scratch_of_sibling(ground: Ground) -> None:
    """list the scratch folders of other workers"""
    os.listdir(os.path.dirname(ground.scratch))


def write_outside(ground: Ground) -> None:
    """write a file outside of its scratch folder"""
    open(f"{ground.outside}/new", "w").close()


def write_own_file(ground: Ground) -> None:
    """overwrite the file of its own code"""
    open(ground.code, "r+").close()


def write_cached_code(ground: Ground) -> None:
    """plant compiled code where other workers import from"""
    planted = f"{ground.modules}/planted.pyc"
    open(planted, "w").close()


def write_source_by_descriptor(ground: Ground) -> None:
    """write to its source through the descriptor that it was given"""
    os.write(ground.descriptor(), b"x")


def reopen_source_for_writing(ground: Ground) -> None:
    """open its source for writing through /proc/self/fd"""
    open(f"/proc/self/fd/{ground.descriptor()}", "r+").close()


def delete_source(ground: Ground) -> None:
    """delete its source"""
    os.unlink(ground.source)


def link_to_token(ground: Ground) -> None:
    """make a hard link to the token in the scratch folder"""
    os.link(ground.token, f"{ground.scratch}/hard")


def link_to_source(ground: Ground) -> None:
    """make a hard link to its source, by its descriptor"""
    source = f"/proc/self/fd/{ground.descriptor()}"
    here = os.open(".", os.O_RDONLY)  # with it Python follows the link: linkat(2)
    os.link(source, f"{ground.scratch}/hard", src_dir_fd=here)
    os.close(here)


def move_token(ground: Ground) -> None:
    """move the token into the scratch folder"""
    os.rename(ground.token, f"{ground.scratch}/mine")


def find_descriptors(ground: Ground) -> None:
    """find a descriptor that is not its own"""
    own = (f"/proc/{os.getpid()}/", "/dev/null", "pipe:", "socket:", ground.source)
    for number in range(256):
        try:
            seen = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        if not seen.startswith(own):
            return
    raise PermissionError("there are none but its own")


def climb_by_kept_descriptor(_ground: Ground) -> None:
    """climb out of /proc by a descriptor that the sandbox kept for itself"""
    for number in range(3, 256):
        try:
            if os.readlink(f"/proc/self/fd/{number}") == f"/proc/{os.getpid()}/fd":
                break
        except OSError:
            continue
    else:
        raise PermissionError("no such descriptor")
    os.close(os.open("../../../etc/passwd", os.O_RDONLY, dir_fd=number))


# The network


def tcp_connect(ground: Ground) -> None:
    """connect to a TCP port"""
    with socket.socket() as client:
        client.connect(("127.0.0.1", ground.tcp))


def tcp_listen(_ground: Ground) -> None:
    """listen on a TCP port"""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def udp_send(ground: Ground) -> None:
    """send a UDP packet"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", ground.udp))


def connect_to_ipc(ground: Ground) -> None:
    """connect to the service's IPC socket"""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(ground.ipc)


def connect_to_abstract(ground: Ground) -> None:
    """connect to an abstract Unix socket"""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + ground.abstract)


# Other processes


def signal_service(ground: Ground) -> None:
    """send a signal to the service"""
    os.kill(ground.service, JUST_ASK)


def signal_fork_server(ground: Ground) -> None:
    """send a signal to the fork server"""
    os.kill(ground.server, JUST_ASK)


def signal_sibling(ground: Ground) -> None:
    """send a signal to another worker"""
    os.kill(ground.sibling, JUST_ASK)


def signal_everybody(_ground: Ground) -> None:
    """send a signal to every process of this user"""
    os.kill(-1, JUST_ASK)


def trace_service(ground: Ground) -> None:
    """trace the service (ptrace)"""
    ground.call("ptrace", PTRACE_SEIZE, ground.service, 0, 0)


def trace_sibling(ground: Ground) -> None:
    """trace another worker (ptrace)"""
    ground.call("ptrace", PTRACE_SEIZE, ground.sibling, 0, 0)


def peek_into_sibling(ground: Ground) -> None:
    """read another worker's memory, which is laid out like its own (process_vm_readv)"""
    here = ctypes.create_string_buffer(8)
    local = struct.pack("PN", ctypes.addressof(here), 8)
    remote = struct.pack("PN", id(None), 8)  # forks of one process: the same address there
    ground.call("process_vm_readv", ground.sibling, local, 1, remote, 1, 0)


def steal_descriptor(ground: Ground) -> None:
    """take a descriptor out of the service (pidfd_getfd)"""
    os.close(ground.call("pidfd_getfd", os.pidfd_open(ground.service), 0, 0))


def limit_service(ground: Ground) -> None:
    """set a limit of the service (prlimit)"""
    now = resource.prlimit(ground.service, resource.RLIMIT_NOFILE)
    try:
        resource.prlimit(ground.service, resource.RLIMIT_NOFILE, now)
    except ValueError as error:  # how `resource` says EPERM
        raise PermissionError(str(error)) from error


def slow_sibling_down(ground: Ground) -> None:
    """make another worker slower (setpriority)"""
    os.setpriority(os.PRIO_PROCESS, ground.sibling, os.getpriority(os.PRIO_PROCESS, ground.sibling))


def have_service_signalled(ground: Ground) -> None:
    """have the kernel signal the service when something comes on the job socket (F_SETOWN)"""
    fcntl.fcntl(ground.job(), fcntl.F_SETOWN, ground.service)


def send_descriptor(ground: Ground) -> None:
    """send a descriptor to the service with a frame"""
    answer = b"\0\0\0\2\0\0\0\0{}"
    socket.send_fds(ground.job(), [answer], [ground.descriptor()])


# The kernel


def run_program(_ground: Ground) -> None:
    """run a program (exec)"""
    os.execv("/bin/true", ["true"])


def io_uring(ground: Ground) -> None:
    """set up an io_uring"""
    os.close(ground.call("io_uring_setup", 1, ctypes.create_string_buffer(120)))


def user_namespace(ground: Ground) -> None:
    """make a user namespace of its own"""
    ground.call("unshare", 0x1000_0000)


def keyring(ground: Ground) -> None:
    """use the kernel's keyrings (keyctl)"""
    ground.call("keyctl", 0, -3 & (1 << 64) - 1, 1)


def memory_file(_ground: Ground) -> None:
    """make a file of memory (memfd), which no limit counts"""
    os.close(os.memfd_create("x"))


def shared_memory(ground: Ground) -> None:
    """leave shared memory behind (System V)"""
    create, remove = 0o1600, 0
    ground.call("shmctl", ground.call("shmget", 0, 4096, create), remove, 0)


def another_filter(ground: Ground) -> None:
    """put another seccomp filter over the first"""
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF_0000))
    program = struct.pack("@HP", 1, ctypes.addressof(allow))
    ground.call("prctl", 38, 1, 0, 0, 0)
    ground.call("seccomp", 1, 0, program)
