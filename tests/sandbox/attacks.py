"""What a hostile converter tries, each in a process of its own, with some layers or none.

Run as a child by `tests.sandbox.children`; not a test itself. An attack that works returns, one
that is stopped raises OSError. What it changes it puts back, so that it may work.
"""

# An attacker takes the short way.
# ruff: noqa: PTH102, PTH104, PTH106, PTH108, PTH123, PTH208, PTH211
from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.sandbox import capabilities, landlock, seccomp
from pywats_trio.sandbox.enter import enter
from pywats_trio.sandbox.kernel import Kernel, machine

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_BYTES: Final = 1 << 20
"""RLIMIT_FSIZE while the attacks run."""
PR_SET_DUMPABLE: Final = 4
FIOSETOWN: Final = 0x8901


class Field:
    """Where an attack takes place: made before it, outside of the sandbox, by the same user."""

    def __init__(self, folder: str) -> None:
        self.kernel = Kernel(machine())
        self.scratch = f"{folder}/scratch"
        self.secret = f"{folder}/secret"
        self.parent = os.getpid()
        self.word = ctypes.create_string_buffer(b"in the parent's memory")
        os.mkdir(self.scratch)
        with open(self.secret, "w") as file:
            file.write("token")
        self.input = os.open(self.secret, os.O_RDONLY)
        os.mkdir(f"{folder}/empty")
        self.empty = f"{folder}/empty"
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.path = f"{folder}/ipc.sock"
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(self.path)
        self.unix.listen()
        self.datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.datagrams.bind(f"{self.path}.datagrams")
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(b"\0pywats-trio-test-%d" % os.getpid())
        self.abstract.listen()
        self.lifeline, self.held = os.pipe()
        self.open_scratch = os.open(f"{self.scratch}/open", os.O_RDWR | os.O_CREAT)

    def call(self, name: str | int, *arguments: Any) -> int:
        """A system call by its name, if the sandbox has a rule for it, or by its number."""
        if isinstance(name, str):
            return self.kernel.call(name, *arguments)
        libc = ctypes.CDLL(None, use_errno=True)
        answer: int = libc.syscall(ctypes.c_long(name), *map(ctypes.c_ulong, arguments))
        if answer < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return answer


def read_secret(field: Field) -> None:
    open(field.secret).close()


def list_root(_field: Field) -> None:
    os.listdir("/")


def write_outside(field: Field) -> None:
    open(f"{field.secret}.new", "w").close()


def change_secret(field: Field) -> None:
    open(field.secret, "a").close()


def cut_secret(field: Field) -> None:
    os.truncate(field.secret, 1)


def delete_secret(field: Field) -> None:
    os.unlink(field.secret)


def move_secret(field: Field) -> None:
    os.rename(field.secret, f"{field.scratch}/mine")


def hard_link_to_secret(field: Field) -> None:
    os.link(field.secret, f"{field.scratch}/mine")


def read_by_symbolic_link(field: Field) -> None:
    os.symlink(field.secret, f"{field.scratch}/link")
    open(f"{field.scratch}/link").close()


def write_by_symbolic_link(field: Field) -> None:
    os.symlink(f"{field.secret}.new", f"{field.scratch}/link")
    open(f"{field.scratch}/link", "w").close()


def reopen_input_for_writing(field: Field) -> None:
    open(f"/proc/self/fd/{field.input}", "r+").close()


def remove_folder_outside(field: Field) -> None:
    os.rmdir(field.empty)


def make_pipe_in_scratch(field: Field) -> None:
    os.mkfifo(f"{field.scratch}/pipe")


def read_environment_of_parent(field: Field) -> None:
    open(f"/proc/{field.parent}/environ").close()


def open_memory_of_parent(field: Field) -> None:
    open(f"/proc/{field.parent}/mem", "rb").close()


def see_open_sockets(_field: Field) -> None:
    open("/proc/self/net/unix").close()


def lower_own_oom_score(_field: Field) -> None:
    with open("/proc/self/oom_score_adj", "r+") as file:
        file.write("800")


def run_program(_field: Field) -> None:
    os.execv("/bin/true", ["true"])


def fork(_field: Field) -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def tcp_connect(field: Field) -> None:
    with socket.socket() as client:
        client.connect(field.tcp.getsockname())


def tcp_listen(_field: Field) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def udp_send(field: Field) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", field.udp.getsockname())


def accept_on_inherited_socket(field: Field) -> None:
    field.unix.setblocking(False)
    try:
        field.unix.accept()
    except BlockingIOError:
        return


def unix_connect(field: Field) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(field.path)


def unix_listen(field: Field) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{field.scratch}/mine.sock")


def abstract_connect(field: Field) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(field.abstract.getsockname())


def datagram_by_socket_pair(field: Field) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        other.sendto(b"x", field.datagrams.getsockname())


def pass_descriptor(field: Field) -> None:
    one, other = socket.socketpair()
    with one, other:
        socket.send_fds(one, [b"x"], [field.lifeline])


def signal_parent(field: Field) -> None:
    os.kill(field.parent, 0)


def signal_own_group(_field: Field) -> None:
    os.kill(0, 0)


def signal_thread_of_parent(field: Field) -> None:
    field.call("tgkill", field.parent, field.parent, 0)


def signal_parent_by_descriptor(field: Field) -> None:
    signal.pidfd_send_signal(os.pidfd_open(field.parent), 0)


def have_parent_signalled(field: Field) -> None:
    fcntl.fcntl(field.held, fcntl.F_SETOWN, field.parent)


def have_signal_chosen(field: Field) -> None:
    fcntl.fcntl(field.held, fcntl.F_SETSIG, signal.SIGKILL)


def have_parent_signalled_by_ioctl(field: Field) -> None:
    fcntl.ioctl(field.unix, FIOSETOWN, struct.pack("i", field.parent))


def hold_lease(field: Field) -> None:
    fcntl.fcntl(field.open_scratch, fcntl.F_SETLEASE, fcntl.F_WRLCK)


def trace_parent(field: Field) -> None:
    seize = 0x4206
    field.call("ptrace", seize, field.parent, 0, 0)


def read_memory_of_parent(field: Field) -> None:
    here = ctypes.create_string_buffer(8)
    local = struct.pack("PN", ctypes.addressof(here), 8)
    remote = struct.pack("PN", ctypes.addressof(field.word), 8)  # a fork: the same address there
    field.call("process_vm_readv", field.parent, local, 1, remote, 1, 0)


def take_descriptor_of_parent(field: Field) -> None:
    field.call("pidfd_getfd", os.pidfd_open(field.parent), field.lifeline, 0)


def bind_parent_to_processor(field: Field) -> None:
    os.sched_setaffinity(field.parent, os.sched_getaffinity(field.parent))


def slow_parent_down(field: Field) -> None:
    os.setpriority(os.PRIO_PROCESS, field.parent, os.getpriority(os.PRIO_PROCESS, field.parent))


def slow_user_down(_field: Field) -> None:
    os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_USER, 0))


def limit_parent(field: Field) -> None:
    now = resource.prlimit(field.parent, resource.RLIMIT_NOFILE)
    resource.prlimit(field.parent, resource.RLIMIT_NOFILE, now)


def change_own_limits(_field: Field) -> None:
    _system(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES // 2, FILE_BYTES)))


def leave_session(_field: Field) -> None:
    os.setsid()


def leave_group(_field: Field) -> None:
    os.setpgid(0, 0)


def close_lifeline(field: Field) -> None:
    os.close(field.lifeline)


def replace_lifeline(field: Field) -> None:
    os.dup2(0, field.lifeline)


def silence_lifeline(field: Field) -> None:
    fcntl.fcntl(field.lifeline, fcntl.F_SETFL, os.O_NONBLOCK)


def copy_lifeline(field: Field) -> None:
    fcntl.fcntl(os.dup(field.lifeline), fcntl.F_SETFL, os.O_NONBLOCK)


def forbid_looks_into_its_proc(field: Field) -> None:
    field.call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def shared_memory(field: Field) -> None:
    create, remove = 0o1600, 0
    field.call("shmctl", field.call("shmget", 0, 4096, create), remove, 0)


def message_queue(field: Field) -> None:
    create, remove = 0o1600, 0
    field.call("msgctl", field.call("msgget", 0, create), remove, 0)


def semaphore(field: Field) -> None:
    create, remove = 0o1600, 0
    field.call("semctl", field.call("semget", 0, 1, create), 0, remove, 0)


def posix_message_queue(field: Field) -> None:
    name = b"pywats-trio-test-%d\0" % os.getpid()
    try:
        field.call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None)
    finally:  # Landlock refuses to open it when it has been made
        field.call("mq_unlink", name)


def keyring(field: Field) -> None:
    get_keyring, session = 0, -3
    field.call("keyctl", get_keyring, session & (1 << 64) - 1, 1)


def add_key(field: Field) -> None:
    process = -2
    field.call("add_key", b"user\0", b"pywats\0", b"x", 1, process & (1 << 64) - 1)


def another_filter(field: Field) -> None:
    field.call("prctl", 38, 1, 0, 0, 0)
    seccomp.install(field.kernel, struct.pack("=HBBI", 6, 0, 0, 0x7FFF_0000))


def another_landlock(field: Field) -> None:
    landlock.abi(field.kernel)


def other_personality(field: Field) -> None:
    field.call("personality", 0x0004_0000)


def change_owner(field: Field) -> None:
    os.chown(f"{field.scratch}/open", os.getuid(), os.getgid())


def watch_folder(field: Field) -> None:
    field.call("inotify_init1", 0)


def memory_file(_field: Field) -> None:
    os.memfd_create("x")


def disk_beyond_limit(field: Field) -> None:
    keep_size = 1
    field.call("fallocate", field.open_scratch, keep_size, 0, 8 * FILE_BYTES)
    if os.fstat(field.open_scratch).st_blocks * 512 <= FILE_BYTES:
        raise OSError(errno.EFBIG, "the limit held")


def io_uring(field: Field) -> None:
    field.call("io_uring_setup", 1, ctypes.create_string_buffer(120))


def user_namespace(field: Field) -> None:
    field.call("unshare", 0x1000_0000)


def change_root(field: Field) -> None:
    os.chroot(field.scratch)


def mount(field: Field) -> None:
    field.call("unshare", 0x0002_0000)
    field.call("mount", b"x\0", os.fsencode(field.scratch) + b"\0", b"tmpfs\0", 0, None)


def become_other_user(_field: Field) -> None:
    os.setgroups([])
    os.setuid(1)


def name_host(_field: Field) -> None:
    socket.sethostname(socket.gethostname())


def x32_call(field: Field) -> None:
    getpid = 39
    field.call(0x4000_0000 | getpid)


def i386_call(_field: Field) -> None:
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid); int 0x80; ret
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(code)
        first = ctypes.c_char.from_buffer(page)
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(first))()
        del first


def _system(change: Callable[[], object]) -> None:
    try:
        change()
    except ValueError as error:  # how `resource` says EPERM
        raise OSError(errno.EPERM, str(error)) from error


ATTACKS: Final[dict[str, Callable[[Field], None]]] = {
    name: made
    for name, made in list(globals().items())
    if callable(made) and getattr(made, "__module__", "") == __name__ and name[0].islower()
}


def attempt(field: Field, attack: Callable[[Field], None], layers: str) -> str:
    """`worked`, the name of an error or of a signal."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            shut_in(field, layers)
            attack(field)
            said = "worked"
        except OSError as error:
            said = errno.errorcode.get(error.errno or 0, repr(error))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        return signal.Signals(-status).name
    return said or "worked"  # it became another program, which ended well


def shut_in(field: Field, layers: str) -> None:
    """`layers` is one of them, `all` or empty."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    if layers == "all":
        enter(["/usr", "/lib"], [field.scratch], lifeline=field.lifeline)
        return
    version = landlock.abi(field.kernel)
    if layers:
        field.kernel.call("prctl", 38, 1, 0, 0, 0)
    if layers == "capabilities":
        capabilities.drop(field.kernel)
    if layers == "landlock":
        granted = [("/usr", landlock.READ), ("/lib", landlock.READ)]
        landlock.restrict(field.kernel, version, [*granted, (field.scratch, landlock.WRITE)])
    if layers == "seccomp":
        program = seccomp.program(machine(), version)
        seccomp.install(field.kernel, program.bound(os.getpid(), field.lifeline))


def main(folder: str, user: int, layers: str) -> None:
    """Print what became of each attack by `user`, as JSON."""
    become(user)
    found = {}
    for name, attack in ATTACKS.items():
        os.mkdir(f"{folder}/{name}")
        found[name] = attempt(Field(f"{folder}/{name}"), attack, layers)
    sys.stdout.write(json.dumps(found))


def become(user: int) -> None:
    """Go on as another user, for good."""
    if os.getuid() != user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        # After a change of user nobody may look at a process; the service allows it to its user.
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
