"""The model of Linux' NAT that the simulator uses, against the kernel itself: truth/truth.h says how."""

import subprocess

import lab
from check import check

NATS = ("masquerade", "random", "fully-random", "dnat")
INPUTS = ("accept", "drop", "reject")
SKIPPED = 77
LIMIT = 600  # seconds: a mode waits for 14, but a busy machine makes it play scripts again


def _run(t, *args):
    """What the program said, by lines."""
    program = lab.find_program("ADIT_TRUTH", "truth")
    if not program:
        t.skip("truth is not built")
    r = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    lines = r.stdout.strip().splitlines() or ["it said nothing"]
    if r.returncode == SKIPPED:
        t.skip(lines[-1])
    assert r.returncode == 0, r.stdout
    return lines


def _mode(nat, wan):
    def run(t):
        t.note(_run(t, "--scripts", str(5120 if t.full else 1024), f"{nat}-{wan}")[-1])

    run.__module__ = __name__
    check(f"the model and the kernel agree: {nat}, WAN input {wan}", name=f"{nat}_{wan}", limit=LIMIT)(run)


for _nat in NATS:
    for _wan in INPUTS:
        _mode(_nat, _wan)


@check("every wrong model is caught", name="wrong", limit=LIMIT)
def wrong(t):
    t.note(f"{len(_run(t, '--wrong', 'all'))} of them")
