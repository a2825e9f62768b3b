"""Numbers of system calls, as far as the sandbox names them.

From the headers of Linux: x86_64 from arch/x86/entry/syscalls/syscall_64.tbl (asm/unistd_64.h),
aarch64 from scripts/syscall.tbl (asm-generic/unistd.h, which arm64 uses as it is). From 424 on all
machines share the numbers.
"""

from __future__ import annotations

from typing import Final

NEWEST: Final = 462
"""`mseal` of Linux 6.10: the last call that was looked at when the rules were written."""

_TABLE: Final = """
open 2 -
close 3 57
ioctl 16 29
shmget 29 194
shmat 30 196
shmctl 31 195
dup 32 23
dup2 33 -
socket 41 198
connect 42 203
accept 43 202
sendto 44 206
sendmsg 46 211
bind 49 200
listen 50 201
socketpair 53 199
clone 56 220
fork 57 -
vfork 58 -
execve 59 221
kill 62 129
semget 64 190
semop 65 193
semctl 66 191
msgget 68 186
msgsnd 69 189
msgrcv 70 188
msgctl 71 187
fcntl 72 25
truncate 76 45
chmod 90 -
fchmod 91 52
chown 92 -
fchown 93 55
lchown 94 -
ptrace 101 117
syslog 103 116
setuid 105 146
setgid 106 144
setpgid 109 154
setsid 112 157
setreuid 113 145
setregid 114 143
setgroups 116 159
setresuid 117 147
setresgid 119 149
setfsuid 122 151
setfsgid 123 152
capget 125 90
capset 126 91
rt_sigqueueinfo 129 138
utime 132 -
mknod 133 -
uselib 134 -
personality 135 92
setpriority 141 140
sched_setparam 142 118
sched_setscheduler 144 119
vhangup 153 58
modify_ldt 154 -
pivot_root 155 41
prctl 157 167
adjtimex 159 171
setrlimit 160 164
chroot 161 51
sync 162 81
acct 163 89
settimeofday 164 170
mount 165 40
umount2 166 39
swapon 167 224
swapoff 168 225
reboot 169 142
sethostname 170 161
setdomainname 171 162
iopl 172 -
ioperm 173 -
init_module 175 105
delete_module 176 106
quotactl 179 60
setxattr 188 5
lsetxattr 189 6
fsetxattr 190 7
removexattr 197 14
lremovexattr 198 15
fremovexattr 199 16
tkill 200 130
sched_setaffinity 203 122
io_setup 206 0
io_submit 209 2
lookup_dcookie 212 18
semtimedop 220 192
clock_settime 227 112
tgkill 234 131
utimes 235 -
mq_open 240 180
mq_unlink 241 181
mq_timedsend 242 182
mq_timedreceive 243 183
mq_notify 244 184
mq_getsetattr 245 185
kexec_load 246 104
add_key 248 217
request_key 249 218
keyctl 250 219
ioprio_set 251 30
inotify_init 253 -
inotify_add_watch 254 27
inotify_rm_watch 255 28
migrate_pages 256 238
openat 257 56
mknodat 259 33
fchownat 260 54
futimesat 261 -
fchmodat 268 53
unshare 272 97
move_pages 279 239
utimensat 280 88
fallocate 285 47
accept4 288 242
dup3 292 24
inotify_init1 294 26
rt_tgsigqueueinfo 297 240
perf_event_open 298 241
fanotify_init 300 262
fanotify_mark 301 263
prlimit64 302 261
name_to_handle_at 303 264
open_by_handle_at 304 265
clock_adjtime 305 266
syncfs 306 267
sendmmsg 307 269
setns 308 268
process_vm_readv 310 270
process_vm_writev 311 271
kcmp 312 272
finit_module 313 273
sched_setattr 314 274
seccomp 317 277
memfd_create 319 279
kexec_file_load 320 294
bpf 321 280
execveat 322 281
userfaultfd 323 282
pidfd_send_signal 424 424
io_uring_setup 425 425
io_uring_enter 426 426
io_uring_register 427 427
open_tree 428 428
move_mount 429 429
fsopen 430 430
fsconfig 431 431
fsmount 432 432
fspick 433 433
pidfd_open 434 434
clone3 435 435
close_range 436 436
openat2 437 437
pidfd_getfd 438 438
process_madvise 440 440
mount_setattr 442 442
quotactl_fd 443 443
landlock_create_ruleset 444 444
landlock_add_rule 445 445
landlock_restrict_self 446 446
memfd_secret 447 447
process_mrelease 448 448
fchmodat2 452 452
statmount 457 457
listmount 458 458
lsm_set_self_attr 460 460
"""
"""A name, its number on x86_64 and on aarch64; a dash where the machine has no such call."""


def _numbers(column: int) -> dict[str, int]:
    rows = map(str.split, _TABLE.strip().splitlines())
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


NUMBERS: Final = {"x86_64": _numbers(1), "aarch64": _numbers(2)}
