"""aioice's agent behind the interface of examples/ice.c: RFC 8839 lines on stdin and stdout, "selected", "data TEXT".

    ice_aioice.py [--controlled] [--stun ADDR:PORT] [--only IP]
"""

import asyncio
import sys

import aioice


def say(text):
    print(text, flush=True)


async def read_lines(connection):
    """The peer's description; the end of it ends this, not the process."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = (await reader.readline()).decode().strip().removeprefix("a=")
        if line.startswith("ice-ufrag:"):
            connection.remote_username = line.split(":", 1)[1]
        elif line.startswith("ice-pwd:"):
            connection.remote_password = line.split(":", 1)[1]
        elif line == "ice-lite":
            connection.remote_is_lite = True
        elif line.startswith("candidate:"):
            await connection.add_remote_candidate(aioice.Candidate.from_sdp(line.split(":", 1)[1]))
        elif line == "end-of-candidates" or not line:
            await connection.add_remote_candidate(None)
            return reader


async def send(connection):
    while True:
        await connection.send(b"data: from aioice")
        await asyncio.sleep(0.1)


async def main(args):
    server = None
    if "--stun" in args:
        host, port = args[args.index("--stun") + 1].rsplit(":", 1)
        server = (host, int(port))
    connection = aioice.Connection(ice_controlling="--controlled" not in args, components=1, stun_server=server,
                                   use_ipv6="--ipv6" in args)
    await connection.gather_candidates()
    say(f"a=ice-ufrag:{connection.local_username}")
    say(f"a=ice-pwd:{connection.local_password}")
    for c in connection.local_candidates:
        say("a=candidate:" + c.to_sdp())
    say("a=end-of-candidates")
    reader = await read_lines(connection)
    try:
        await connection.connect()
    except ConnectionError as e:
        say(f"failed {e}")
        return
    say("selected")
    sending = asyncio.create_task(send(connection))
    data = await connection.recv()
    say("data " + data.decode(errors="replace"))
    await reader.read()
    sending.cancel()
    say("ice-role " + ("controlling" if connection.ice_controlling else "controlled"))
    await connection.close()


asyncio.run(main(sys.argv[1:]))
