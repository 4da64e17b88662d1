#!/usr/bin/env python3
"""
The floors of docs/architecture.md, checked twice.

    tools/floors.py include              each #include goes to a room this room may use
    tools/floors.py symbols BUILD        what the compiled rooms want from libc

Prints one line per violation; exit status 1 if there is any. The tables below
are the rule: a new room is one row.
"""
import glob
import os
import re
import subprocess
import sys

CORE = ("stun", "nat", "ice", "turn", "portmap", "meet", "punch", "reach", "trust", "fwd")
BELOW_2 = ("base", *(f"core/{r}" for r in CORE))
FLOOR_2 = ("crypto", "quic", "link", "lab", "udphp", "zip")
BELOW_4 = (*BELOW_2, *FLOOR_2, "io", "endpoint", "api")

# room: the rooms it may include, besides itself.
MAY_USE = {
    "base": (),
    "core/stun": ("base",),
    "core/nat": ("base", "core/stun"),
    "core/ice": ("base", "core/stun", "core/nat"),
    "core/turn": ("base", "core/stun"),
    "core/portmap": ("base",),
    "core/meet": ("base", "core/stun"),
    "core/punch": ("base", "core/stun", "core/nat"),
    "core/reach": ("base", "core/stun", "core/nat", "core/ice", "core/meet", "core/punch"),
    "core/trust": ("base",),
    "core/fwd": ("base",),
    "crypto": BELOW_2,
    "quic": BELOW_2,
    "link": (*BELOW_2, "quic", "crypto"),
    "lab": ("base",),
    "udphp": BELOW_2,
    "zip": BELOW_2,
    "io": (*BELOW_2, *FLOOR_2),
    "endpoint": (*BELOW_2, *FLOOR_2, "io"),
    "api": (*BELOW_2, *FLOOR_2, "io", "endpoint"),
    "cli": BELOW_4,
    "mediator": BELOW_4,
}

# Libraries, by the beginning of the header's name: who may include them. "lab/box" is the box that stands in front
# of real processes; the rest of lab knows no socket.
LIBRARIES = {
    "ngtcp2/": ("quic",),
    "gnutls/": ("quic", "crypto"),
    "sodium": ("crypto",),
    "zlib": ("udphp",),
    "zstd": ("zip",),
    "uv": ("io", "endpoint", "cli", "lab/box"),
    "miniupnpc/": ("io",),
    "qrencode": ("cli",),
}

# Sockets, files of the network, and what waits on them. quic only fills in sockaddr structures; cli asks the terminal
# for its width, waits until it takes more text, and lets the loop read stdin through a pair of sockets.
SOCKETS = re.compile(r"(sys/(socket|un|epoll|select|poll|ioctl|timerfd|eventfd|signalfd|uio)|netinet/.*|netpacket/.*|net/.*|"
                     r"arpa/.*|netdb|poll|linux/.*|ifaddrs|resolv)\.h")
SOCKET_ROOMS = ("io", "endpoint", "lab/box")
SOME_SOCKETS = {"quic": ("sys/socket.h", "netinet/in.h"), "api": ("sys/socket.h", "netinet/in.h"), "cli": ("poll.h", "sys/ioctl.h", "sys/socket.h")}

# The library's own headers: api has them all, and the result codes are everybody's.
PUBLIC = {"base": ("adit/err.h",)}

# What the processor can do, asked at run time to choose a cipher.
PROCESSOR = {"quic": ("sys/auxv.h", "asm/hwcap.h")}

# A library that is looked for at run time, once.
LOADER = {"crypto": ("dlfcn.h", "threads.h")}

# Floors 0 and 1 see nothing but these; floor 2 may have a heap besides.
CORE_LIBC = {"assert.h", "ctype.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "string.h"}
MACHINE_LIBC = CORE_LIBC | {"errno.h", "math.h", "stdlib.h"}

# Undefined symbols that floors 0 and 1 may have: memcpy-level libc and what compilers add.
CORE_SYMBOLS = re.compile(r"(mem(cpy|move|set|cmp|chr|rchr|mem)|str(n?len|n?cmp|n?casecmp|r?chr|str|spn|cspn|pbrk)|v?snprintf|"
                          r"__(mem(cpy|move|set)|v?snprintf)_chk|__assert_fail|__stack_chk_fail|"
                          r"_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer)_.*|__ctype_(b|tolower|toupper)_loc|to(lower|upper))")

# Floor 2's machines have a heap, but no clock, socket, file, thread or sleep.
MACHINE_FORBIDDEN = re.compile(r"(socket|bind|listen|accept4?|connect|send(to|msg|mmsg)?|recv(from|msg|mmsg)?|read|write|open(at)?|fopen|fputs|"
                               r"printf|puts|fprintf|perror|clock_gettime|gettimeofday|time|u?sleep|nanosleep|poll|select|epoll_.*|"
                               r"pthread_create|fork|getenv|rand|random|srand|getrandom|uv_.*)")


def room_of(path):
    """ "src/core/ice/x.c" -> "core/ice"; the box is a room of its own for the libraries. """
    parts = path.split("/")[1:]
    return "/".join(parts[:2]) if parts[0] == "core" else parts[0]


def library_room(path):
    return "lab/box" if path.startswith("src/lab/box") else room_of(path)


def check_own(path, name):
    """An include in quotes: where it is, and whether that room may be used."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    target = next((p for p in (f"src/{name}", beside) if os.path.exists(p)), None)
    if target is None or not target.startswith("src/"):
        return f'"{name}" is not in src/'
    mine, theirs = room_of(path), room_of(target)
    if theirs != mine and theirs not in MAY_USE.get(mine, ()):
        return f'{mine} may not use {theirs}: "{name}"'
    return None


def check_system(path, name):
    """An include in angle brackets."""
    room = library_room(path)
    for prefix, rooms in LIBRARIES.items():
        if name == prefix + ".h" or (prefix.endswith("/") and name.startswith(prefix)):
            return None if room in rooms else f"<{name}> belongs to {' and '.join(rooms)} alone"
    if name.startswith("adit/"):
        return None if room == "api" or name in PUBLIC.get(room, ()) else f"<{name}>: the library's headers are api's alone"
    if SOCKETS.fullmatch(name):
        if room in SOCKET_ROOMS or name in SOME_SOCKETS.get(room, ()):
            return None
        return f"<{name}>: sockets belong to {' and '.join(SOCKET_ROOMS)} alone"
    if (room == "base" or room.startswith("core/")) and name not in CORE_LIBC:
        return f"<{name}>: floors 0 and 1 have memcpy-level libc only"
    if room in FLOOR_2 and name not in (*MACHINE_LIBC, *PROCESSOR.get(room, ()), *LOADER.get(room, ())):
        return f"<{name}>: floor 2 has no clock, file or thread"
    return None


def includes():
    bad = []
    for path in sorted(glob.glob("src/**/*.[ch]", recursive=True)):
        if room_of(path) not in MAY_USE:
            bad.append(f"{path}: the room {room_of(path)} is not in the table of tools/floors.py")
            continue
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                own = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
                wrong = check_own(path, own.group(1)) if own else check_system(path, system.group(1)) if system else None
                if wrong:
                    bad.append(f"{path}:{number}: {wrong}")
    return bad


def nm(file, *flags):
    """(object, symbol) pairs."""
    out = subprocess.run(["nm", "-A", "-P", *flags, file], check=True, capture_output=True, text=True).stdout
    return [(m.group(1), m.group(2)) for m in re.finditer(r"^(.*): (\S+) \S", out, re.M)]


def symbols(build):
    archive = f"{build}/src/core/libadit-core.a"
    if not os.path.exists(archive):
        return [f"{archive} is not there"]
    defined = {name for _, name in nm(archive, "--defined-only", "--extern-only")}
    bad = [f"{where}: floors 0 and 1 may not use {name}()" for where, name in nm(archive, "--undefined-only")
           if name not in defined and not CORE_SYMBOLS.fullmatch(name)]
    for path in sorted(glob.glob(f"{build}/src/**/*.o", recursive=True)):
        source = os.path.basename(path).replace("_", "/")
        room = os.path.relpath(path, f"{build}/src").split("/")[0]
        if room not in FLOOR_2 or room == "crypto" or "box" in source:
            continue
        bad += [f"{where}: the machines of {room} may not use {name}()" for where, name in nm(path, "--undefined-only")
                if MACHINE_FORBIDDEN.fullmatch(name)]
    return bad


def main():
    bad = includes() if sys.argv[1:] == ["include"] else symbols(sys.argv[2])
    print("\n".join(bad), end="\n" if bad else "")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
