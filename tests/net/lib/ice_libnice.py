"""libnice's agent behind the interface of examples/ice.c: RFC 8839 lines on stdin and stdout, "selected", "data TEXT".

    ice_libnice.py [--controlled] [--aggressive] [--stun ADDR:PORT] IP

"restart" on stdin restarts it as ICE does: new credentials, the same candidates.
"""

import ctypes
import sys
import threading

import gi

gi.require_version("Nice", "0.1")
from gi.repository import GLib, Nice  # noqa: E402

args = sys.argv[1:]
loop = GLib.MainLoop()
library = ctypes.CDLL("libnice.so.10")
RECEIVER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p,
                            ctypes.c_void_p)
seen = {"data": False, "selected": False}


def say(text):
    print(text, flush=True)


def on_data(agent_pointer, stream, component, length, data, context):
    text = ctypes.string_at(data, length).decode(errors="replace")
    if not seen["data"] and text.startswith("data: "):
        seen["data"] = True
        say("data " + text)


def describe():
    _, ufrag, pwd = agent.get_local_credentials(stream)
    say(f"a=ice-ufrag:{ufrag}")
    say(f"a=ice-pwd:{pwd}")
    for c in agent.get_local_candidates(stream, 1):
        say(agent.generate_local_candidate_sdp(c))
    say("a=end-of-candidates")


def on_state(agent, stream, component, state):
    if state == Nice.ComponentState.READY:
        say("selected")
        seen["selected"] = True
    elif state == Nice.ComponentState.FAILED:
        say("failed")


def send():
    if seen["selected"]:
        text = "data: from libnice"
        agent.send(stream, 1, len(text), text)
    return True


def on_line(line, remote={}):
    line = line.strip().removeprefix("a=")
    if line == "restart":
        agent.restart()
        seen["data"] = False
        describe()
    elif line.startswith("ice-ufrag:"):
        remote["ufrag"] = line.split(":", 1)[1]
    elif line.startswith("ice-pwd:"):
        agent.set_remote_credentials(stream, remote["ufrag"], line.split(":", 1)[1])
    elif line.startswith("candidate:"):
        c = agent.parse_remote_candidate_sdp(stream, "a=" + line)
        if c:
            agent.set_remote_candidates(stream, 1, [c])
    elif line == "end-of-candidates":
        agent.peer_candidate_gathering_done(stream)


def read_lines():
    for line in sys.stdin:
        GLib.idle_add(on_line, line)
    GLib.idle_add(loop.quit)


options = Nice.AgentOption.CONSENT_FRESHNESS
if "--aggressive" not in args:
    options |= Nice.AgentOption.REGULAR_NOMINATION
agent = Nice.Agent.new_full(GLib.MainContext.default(), Nice.Compatibility.RFC5245, options)
agent.set_property("upnp", False)
agent.set_property("ice-tcp", False)
agent.set_property("controlling-mode", "--controlled" not in args)
if "--stun" in args:
    host, port = args[args.index("--stun") + 1].rsplit(":", 1)
    agent.set_property("stun-server", host)
    agent.set_property("stun-server-port", int(port))
own = Nice.Address.new()
own.set_from_string(args[-1])
agent.add_local_address(own)
stream = agent.add_stream(1)
receiver = RECEIVER(on_data)
# Not in the introspection data; without it libnice does not read from its sockets.
library.nice_agent_attach_recv.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, RECEIVER,
                                           ctypes.c_void_p]
library.nice_agent_attach_recv(hash(agent), stream, 1, hash(GLib.MainContext.default()), receiver, None)
agent.connect("candidate-gathering-done", lambda a, s: describe())
agent.connect("component-state-changed", on_state)
if not agent.gather_candidates(stream):
    sys.exit("libnice does not gather")
GLib.timeout_add(100, send)
threading.Thread(target=read_lines, daemon=True).start()
loop.run()
say("ice-role as the other's is not")  # the property tells what was asked for, not what came of it
