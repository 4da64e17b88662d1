"""adit status: what runs here, for people and for programs."""

import json

import proc
from check import check


@check("status tells of a serve that waits, of one in use, and of the connect, as lines and as JSON")
def status(t):
    lab = t.lab()
    proc.start_target(lab, lab.hb, "pump", "8000")
    here, there = proc.Side(lab, "hb"), proc.Side(lab, "ha")
    ticket = here.ticket()
    assert here.run("status")[1] == "", "nothing runs yet"
    here.serve("pump=8000", peer="203.0.113.10", env={"ADIT_AEAD": "gnutls"}).expect("waiting for", 20)
    code, out, err = here.run("status")
    assert code == 0 and out.startswith("serve default (") and " seeking for " in out, (code, out, err)

    connect = there.connect(ticket, "7100:pump", peer="203.0.113.20")
    proc.first_echo(lab.ha, 7100, 30, (connect,)).close()
    for side, first in ((here, "serve default ("), (there, "connect (")):
        code, out, err = side.run("status")
        assert code == 0 and out.startswith(first) and " up for " in out, (code, out, err)
        assert "opened: " in out and "sent " in out, out
        whole = json.loads(side.run("status", "--json")[1])
        one = whole["lanes"][0] if side is here else whole
        assert one["state"] == "up" and one["tx_bytes"] > 0 and one["remote"].startswith("203.0.113."), whole
        assert one["aead"] in (("gnutls",) if side is here else ("gnutls", "ipsec-mb")), whole
