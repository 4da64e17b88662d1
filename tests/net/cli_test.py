#!/usr/bin/env python3
"""The real binary from outside, without a network: exit codes, texts, files, a terminal.

Usage: cli_test.py ADIT_BINARY
"""
import base64
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import time
import unittest

ADIT = ""
OK, INTERNAL, USAGE, BAD, LOCAL = 0, 1, 2, 3, 4
COMMANDS = ["serve", "connect", "pipe", "status", "ticket", "id", "peer", "help"]


def some_keys(n):
    """Ed25519 public keys (RFC 8032 5.1): the first |n| multiples of the base point, in base32."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    by = 4 * pow(5, -1, p) % p
    bx = pow((by * by - 1) * pow(d * by * by + 1, -1, p), (p + 3) // 8, p)
    if (bx * bx * (d * by * by + 1) - by * by + 1) % p:
        bx = bx * pow(2, (p - 1) // 4, p) % p
    x, y = 0, 1
    for _ in range(n):
        t = d * x * bx * y * by
        x, y = (x * by + y * bx) * pow(1 + t, -1, p) % p, (y * by + x * bx) * pow(1 - t, -1, p) % p
        raw = (y | (x & 1) << 255).to_bytes(32, "little")
        yield base64.b32encode(raw).decode().lower().rstrip("=")


class Cli(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="adit-cli-")
        self.state = os.path.join(self.dir, "state")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.dir, "ADIT_STATE": self.state, "TERM": "xterm"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def tearDown(self):
        shutil.rmtree(self.dir)

    def adit(self, *args, rc=OK, stdin="", **kw):
        env = dict(self.env, **kw.pop("env", {}))
        p = subprocess.run([ADIT, *args], input=stdin, capture_output=True, text=True, env=env, timeout=30, **kw)
        self.assertEqual(p.returncode, rc, f"adit {args}: {p.stdout}{p.stderr}")
        return p

    def fails(self, rc, *args, says="", advises="", **kw):
        """A failure says something on stderr, advises, and leaves stdout empty."""
        p = self.adit(*args, rc=rc, **kw)
        self.assertEqual(p.stdout, "")
        self.assertTrue(p.stderr.startswith("adit: error: "), p.stderr)
        self.assertIn(says, p.stderr)
        self.assertIn(advises, p.stderr)
        return p

    def ticket(self, *args, **kw):
        return self.adit("ticket", *args, **kw).stdout.strip()

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    # -- help --------------------------------------------------------------------------------------------------

    def test_version_and_overview(self):
        self.assertRegex(self.adit("--version").stdout, r"^adit \d+\.\d+\.\d+\n$")
        text = self.adit("-h").stdout
        self.assertEqual(text, self.adit("--help").stdout)
        self.assertEqual(text, self.adit("help").stdout)
        self.assertTrue(text.startswith("Example"))
        self.assert_fits(text)

    def assert_fits(self, text):
        lines = text.splitlines()
        self.assertLessEqual(len(lines), 23, text)
        self.assertLessEqual(max(map(len, lines)), 80, text)

    def test_every_command_explains_itself(self):
        for command in COMMANDS:
            p = self.adit(command, "-h")
            self.assertTrue(p.stdout.startswith("Example: "), command)
            self.assertEqual(p.stderr, "")
            self.assert_fits(p.stdout)
            self.assertEqual(self.adit(command, "--help").stdout, p.stdout)
            # Nothing is made for somebody who only asks.
            self.assertFalse(os.path.exists(self.state))

    def test_manual_pages_explain_the_same_options(self):
        man = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "man")

        def explained(page):
            with open(os.path.join(man, page), encoding="utf-8") as f:
                return set(re.findall(r"^\.It (?:Fl \w , )?Fl -([a-z-]+)", f.read(), re.M))

        common = explained("adit.1")
        self.assertEqual(common, {"help", "config", "state", "quiet", "verbose", "json", "log", "color"})
        for command in COMMANDS[:-1]:
            rows = re.findall(r"^  -.*", self.adit(command, "-h").stdout, re.M)
            short = set(re.findall(r"(?<![\w-])--([a-z-]+)", "\n".join(rows))) - common
            self.assertEqual(explained(f"adit-{command}.1"), short, command)

    def test_help_falls_back_where_there_is_no_manual(self):
        empty = os.path.join(self.dir, "empty")
        os.mkdir(empty)
        p = self.adit("help", "ticket", env={"PATH": empty})
        self.assertEqual(p.stdout, self.adit("ticket", "-h").stdout)
        # A man that knows no page of ours must not get the word.
        man = self.write("empty/man", "#!/bin/sh\nexit 16\n", 0o755)
        self.assertEqual(self.adit("help", "ticket", env={"PATH": empty}).stdout, p.stdout)
        with open(man, "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\n[ "$1" = -w ] && exit 0\necho "page $1"\nexit 5\n')
        self.assertEqual(self.adit("help", "ticket", env={"PATH": empty}, rc=5).stdout, "page adit-ticket\n")

    def test_unknown_words_are_guessed_at(self):
        self.fails(USAGE, says="no command is given")
        self.fails(USAGE, "tickt", says='no command "tickt"', advises='did you mean "ticket"?')
        self.fails(USAGE, "xyzzy", says='no command "xyzzy"', advises="adit -h")
        self.fails(USAGE, "help", "tickt", advises='did you mean "ticket"?')
        self.fails(USAGE, "help", "a", "b", says="one command")
        self.fails(USAGE, "--state", "x", "id", advises="adit COMMAND [OPTION]")
        self.fails(USAGE, "id", "--jsn", says='unknown option "--jsn"', advises='did you mean "--json"?')
        self.fails(USAGE, "ticket", "sho", advises='did you mean "adit ticket show"?')
        self.fails(USAGE, "peer", "ad", advises='did you mean "adit peer add"?')
        self.fails(USAGE, "peer", says="one of add, list and remove")
        self.fails(USAGE, "id", "x", says="id takes no words")
        self.fails(USAGE, "ticket", "list", "x", says="one word too many")
        self.fails(USAGE, "peer", "list", "x", says="one word too many")

    # -- messages ----------------------------------------------------------------------------------------------

    def test_no_byte_of_an_argument_commands_the_terminal(self):
        p = self.fails(USAGE, "a\033[2J\r\nb")
        self.assertIn("a\\x1b[2J\\x0d\\x0ab", p.stderr)
        self.assertNotIn("\033", p.stderr)

    def test_messages_as_json(self):
        p = self.adit("id", "--log", "json", "--bogus", rc=USAGE)
        lines = [json.loads(line) for line in p.stderr.splitlines()]
        self.assertEqual(lines[0]["level"], "error")
        self.assertEqual(lines[0]["text"], 'unknown option "--bogus"')
        self.assertRegex(lines[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_colours(self):
        self.assertNotIn("\033", self.adit("ticket", "show", "x", rc=USAGE).stderr)
        self.assertIn("\033[1;31m", self.adit("ticket", "show", "x", "--color", "always", rc=USAGE).stderr)

    def test_quiet_and_verbose(self):
        self.assertEqual(self.adit("peer", "list", "-q").stderr, "")
        self.assertIn("no peer is saved", self.adit("peer", "list").stderr)
        self.assertIn("state directory: " + self.state, self.adit("id", "-v").stderr)

    def test_results_that_cannot_be_written_are_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            p = subprocess.run([ADIT, "id"], stdout=full, stderr=subprocess.PIPE, text=True, env=self.env, check=False)
        self.assertEqual(p.returncode, LOCAL)
        self.assertIn("No space left on device", p.stderr)

    def test_a_reader_that_stops_early_is_nothing_to_talk_about(self):
        r, w = os.pipe()
        os.close(r)
        p = subprocess.run([ADIT, "id"], stdout=w, stderr=subprocess.PIPE, text=True, env=self.env, check=False)
        os.close(w)
        self.assertEqual((p.returncode, p.stderr), (LOCAL, ""))

    def test_closed_descriptors_are_not_mistaken_for_stdout(self):
        p = subprocess.run(["sh", "-c", 'exec "$0" id >&- 2>&- <&-', ADIT], env=self.env, check=False)
        self.assertIn(p.returncode, (OK, LOCAL))
        with open(os.path.join(self.state, "identity"), encoding="utf-8") as f:
            self.assertTrue(f.read().startswith("adit identity 1\n"))

    # -- id ----------------------------------------------------------------------------------------------------

    def test_id_is_made_once_and_private(self):
        first = self.adit("id").stdout
        self.assertRegex(first, r"^ed25519 [a-z2-7]{52} \S+\n$")
        self.assertEqual(self.adit("id").stdout, first)
        out = json.loads(self.adit("id", "--json").stdout)
        self.assertEqual(first.split()[1], out["key"])
        self.assertEqual(first.strip(), out["line"])
        self.assertEqual(stat.S_IMODE(os.stat(self.state).st_mode), 0o700)
        for name in os.listdir(self.state):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.state, name)).st_mode), 0o600, name)

    def test_a_damaged_identity_is_a_bad_key(self):
        self.adit("id")
        path = os.path.join(self.state, "identity")
        with open(path, "r+", encoding="utf-8") as f:
            f.seek(30)
            f.write("zz")
        self.fails(BAD, "id", says="is damaged", advises="backup")

    def test_where_the_state_is(self):
        self.adit("id", env={"ADIT_STATE": "", "STATE_DIRECTORY": os.path.join(self.dir, "sd") + ":/other"})
        self.adit("id", env={"ADIT_STATE": "", "XDG_STATE_HOME": os.path.join(self.dir, "xdg")})
        self.adit("id", env={"ADIT_STATE": ""})
        self.adit("id", "--state", os.path.join(self.dir, "opt"))
        for path in ("sd", "xdg/adit", ".local/state/adit", "opt"):
            self.assertTrue(os.path.exists(os.path.join(self.dir, path, "identity")), path)
        self.assertFalse(os.path.exists(self.state))

    def test_local_trouble_is_exit_4(self):
        self.fails(LOCAL, "id", "--state", "/nonexistent/adit", says="cannot make the state directory", advises="--state DIR")
        os.mkdir(self.state, 0o755)
        self.fails(LOCAL, "id", says="open to other users (mode 0755)", advises="chmod 700 " + self.state)
        os.chmod(self.state, 0o700)
        self.adit("id")
        os.chmod(os.path.join(self.state, "identity"), 0o644)
        self.fails(LOCAL, "id", says="is not private", advises="chmod 600")
        self.fails(LOCAL, "id", "--config", "/nonexistent", says="--config: cannot open /nonexistent")

    def test_a_full_disk_leaves_everything_as_it_was(self):
        before = self.ticket()

        def no_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

        self.fails(LOCAL, "ticket", "new", "x", says="cannot write", preexec_fn=no_room)
        self.assertEqual(self.ticket(), before)
        self.assertEqual(len(self.adit("ticket", "list").stdout.splitlines()), 1)

    # -- config ------------------------------------------------------------------------------------------------

    def test_a_config_file_may_say_the_same(self):
        conf = self.write("conf", f"# mine\nstate {self.dir}/other\njson\nserve web=8080\n")
        out = json.loads(self.adit("id", "--config", conf, env={"ADIT_STATE": ""}).stdout)
        self.assertEqual(out["type"], "ed25519")
        self.assertTrue(os.path.exists(os.path.join(self.dir, "other", "identity")))
        self.adit("id", "--config", conf, "--state", self.state)

    def test_a_bad_config_is_exit_3_with_the_line(self):
        conf = self.write("conf", "json\n\nbogus 1\n")
        self.fails(BAD, "id", "--config", conf, says=f'{conf}:3: unknown option "bogus"')
        self.fails(BAD, "id", "--config", self.write("conf", "--json\n"), says=":1: ", advises="without dashes")
        self.fails(BAD, "id", "--config", self.write("conf", "x" * 70000), says="more than 65536 bytes")

    # -- tickets -----------------------------------------------------------------------------------------------

    def test_tickets_live(self):
        first = self.ticket()
        self.assertRegex(first, r"^adit1[a-z2-7]{80,110}$")
        self.assertEqual(self.ticket("show"), first)
        self.assertEqual(self.ticket("show", "default"), first)
        laptop = self.ticket("new", "laptop", "--single")
        self.assertNotEqual(laptop, first)
        self.assertEqual(self.ticket("show", "laptop"), laptop)
        self.fails(USAGE, "ticket", "new", "laptop", says="already", advises="revoke laptop")
        rows = json.loads(self.adit("ticket", "list", "--json").stdout)
        self.assertEqual([(r["label"], r["single"], r["revoked"]) for r in rows],
                         [("default", False, None), ("laptop", True, None)])
        listing = self.adit("ticket", "list").stdout
        self.assertNotIn("adit1", listing)
        self.assertRegex(listing, r"(?m)^laptop   \d{4}-\d\d-\d\d \d\d:\d\d UTC  for the first key that uses it$")
        p = self.adit("ticket", "revoke", "laptop")
        self.assertEqual(p.stdout, "")
        self.assertIn("within 5 s", p.stderr)
        self.fails(USAGE, "ticket", "show", "laptop", says="was revoked", advises="adit ticket new laptop")
        self.adit("ticket", "revoke", "laptop")
        self.assertNotEqual(self.ticket("new", "laptop"), laptop)

    def test_a_ticket_as_a_qr_code(self):
        ticket = self.ticket()
        lines = self.adit("ticket", "--qr").stdout.splitlines()
        self.assertEqual(lines[-1], ticket)
        drawn = lines[:-1]
        self.assertEqual(len(set(map(len, drawn))), 1)
        self.assertTrue(len(drawn[0]) <= 80 and len(drawn) <= 23, "does not fit a terminal")
        rows = [[c in half for c in line] for line in drawn for half in ("\u2580\u2588", "\u2584\u2588")]
        self.assertTrue(all(all(r) for r in rows[:4]) and all(all(r[:4] + r[-4:]) for r in rows), "no quiet zone")
        finder = ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"]
        self.assertEqual(["".join("#."[light] for light in r[4:11]) for r in rows[4:11]], finder)
        self.assertEqual(self.adit("ticket", "--qr", "--color", "always").stdout.splitlines(), lines, "colours went into a pipe")
        self.fails(USAGE, "ticket", "list", "--qr", says="goes with show and new")
        self.fails(USAGE, "ticket", "--qr", "--json", says="not with --json")

    def test_wrong_labels(self):
        self.ticket("new", "laptop")
        self.fails(USAGE, "ticket", "show", "laptpo", says='no ticket "laptpo"', advises="did you mean laptop?")
        self.fails(USAGE, "ticket", "revoke", "other", advises="adit ticket list")
        self.fails(USAGE, "ticket", "new", "Mine", says='"Mine" is no label', advises="a-z")
        self.fails(USAGE, "ticket", "new", "x" * 33, says="33 characters")
        self.fails(USAGE, "ticket", "show", "--single", says="for a new ticket only")

    def test_damaged_tickets_are_told_and_kept(self):
        self.ticket()
        path = os.path.join(self.state, "tickets")
        with open(path, "a", encoding="utf-8") as f:
            f.write("label=x id=1\n")
        p = self.adit("ticket", "list")
        self.assertIn("tickets:3 is damaged and ignored", p.stderr)
        self.ticket("new", "y")
        with open(path, encoding="utf-8") as f:
            self.assertIn("label=x id=1\n", f.read())
        with open(path, "w", encoding="utf-8") as f:
            f.write("adit tickets 1\nlabel=defau\x7f\n")
        self.fails(BAD, "ticket", says=":2:", advises="adit ticket new default")
        with open(path, "w", encoding="utf-8") as f:
            f.write("adit tickets 9\n")
        self.fails(BAD, "ticket", says="later version", advises="update adit")
        os.chmod(path, 0o604)
        self.fails(LOCAL, "ticket", says="is not private")

    def test_many_commands_at_once(self):
        procs = [subprocess.Popen([ADIT, "ticket", "new", f"t{i}"], stdout=subprocess.PIPE, env=self.env) for i in range(12)]
        out = [p.communicate()[0] for p in procs]
        self.assertEqual([p.returncode for p in procs], [0] * 12)
        self.assertEqual(len(set(out)), 12)
        self.assertEqual(len(self.adit("ticket", "list").stdout.splitlines()), 12)

    # -- peers -------------------------------------------------------------------------------------------------

    def test_peers_live(self):
        ticket = self.ticket()
        self.adit("peer", "add", "home", ticket, "--peer", "203.0.113.10", "7100:web", "ssh")
        self.adit("peer", "add", "work", "--peer", "example.net:5", stdin=f" {ticket[:30]}\n\t{ticket[30:].upper()}\n")
        key = self.adit("id").stdout.split()[1]
        rows = json.loads(self.adit("peer", "list", "--json").stdout)
        self.assertEqual(rows[0], {"name": "home", "key": key, "peer": ["203.0.113.10"], "mediator": [], "stun": [],
                                   "relay": [], "connect": ["7100:web", "ssh"]})
        self.assertEqual(rows[1]["key"], key)
        listing = self.adit("peer", "list").stdout
        self.assertNotIn("adit1", listing)
        self.assertIn(f"home  {key[:8]}  --peer 203.0.113.10  7100:web  ssh\n", listing)
        self.fails(USAGE, "peer", "add", "home", ticket, says="saved already", advises="adit peer remove home")
        self.fails(USAGE, "peer", "remove", "hmoe", says='as "hmoe"', advises="did you mean home?")
        self.adit("peer", "remove", "home")
        self.assertEqual(len(json.loads(self.adit("peer", "list", "--json").stdout)), 1)

    def test_wrong_peers(self):
        ticket = self.ticket()
        self.fails(USAGE, "peer", "add", says="the name is missing")
        self.fails(USAGE, "peer", "add", "Home", ticket, says='"Home" is no name')
        self.fails(USAGE, "peer", "add", "home", ticket, "--peer", "0.0.0.0", says="no single machine")
        self.fails(USAGE, "peer", "add", "home", ticket, "9999999:web", says="not 0 to 65535")
        self.fails(USAGE, "peer", "add", "home", ticket, "--mediator", "a b", says='--mediator "a b"')
        self.fails(USAGE, "peer", "list", "--port", "5", says="with peer add only")
        bad = ticket[:-1] + ("a" if ticket[-1] != "a" else "b")
        p = self.fails(BAD, "peer", "add", "home", bad, says="the ticket is damaged", advises="adit ticket show")
        self.assertNotIn(bad[5:20], p.stderr)
        self.fails(BAD, "peer", "add", "home", stdin=ticket[:60], says="the ticket is damaged")
        self.fails(BAD, "peer", "add", "home", stdin="", says="is no ticket")
        self.fails(BAD, "peer", "add", "home", stdin="x" * 5000, says="more than 4096 bytes")
        self.assertEqual(json.loads(self.adit("peer", "list", "--json").stdout), [])

    def test_a_ticket_in_argv_is_overwritten(self):
        """Held up at the lock, the command shows its arguments to everybody: without the ticket."""
        ticket = self.ticket()
        lock = os.open(os.path.join(self.state, "lock"), os.O_RDWR)
        import fcntl
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = subprocess.Popen([ADIT, "peer", "add", "home", ticket], env=self.env, stderr=subprocess.PIPE)
        seen = b""
        deadline = time.monotonic() + 4
        while b"xxxx" not in seen and time.monotonic() < deadline:
            with open(f"/proc/{p.pid}/cmdline", "rb") as f:
                seen = f.read()
            time.sleep(0.01)
        self.assertIn(b"x" * len(ticket), seen)
        self.assertNotIn(ticket[5:].encode(), seen)
        os.close(lock)
        p.communicate()
        self.assertEqual(p.returncode, OK)

    # -- a session that another command has, or still looks for -----------------------------------------------------

    def start(self, *args):
        p = subprocess.Popen([ADIT, *args], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (p.poll() is None and p.kill(), p.communicate()))
        return p

    def says(self, p, pattern):
        seen = ""
        for line in p.stderr:
            seen += line
            if re.search(pattern, line):
                return line
        self.fail(f"it ended without /{pattern}/: {seen}")

    def owner(self, *words):
        """Somebody who looks for a peer that is not there, and the ticket."""
        ticket = self.ticket("show", "--state", os.path.join(self.dir, "elsewhere"))
        p = self.start("connect", ticket, *words, "--peer", "127.0.0.1")
        self.says(p, "looking for the peer")
        return p, ticket

    def test_waiting_for_another_commands_session_ends_in_time(self):
        owner, ticket = self.owner()
        p = self.adit("pipe", ticket, "ssh", "--timeout", "1", rc=5)
        self.assertIn("using the session that another command", p.stderr)
        self.assertIn("the peer was not reached within 1.0 s", p.stderr)
        self.assertIn("adit status", p.stderr)
        self.assertIsNone(owner.poll())

    def test_who_waits_with_a_port_of_its_own_takes_over(self):
        owner, ticket = self.owner()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        heir = self.start("connect", ticket, f"{port}:web")
        self.says(heir, "using the session")
        owner.terminate()
        self.says(heir, "looking for the peer")
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        self.assertIsNone(heir.poll())

    def test_one_borrower_too_many_is_told_so(self):
        owner, ticket = self.owner()
        name, = (n for n in os.listdir(self.state) if "-to-" in n)
        others = []
        for _ in range(256):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(s.close)
            s.connect(os.path.join(self.state, name))
            s.send(b"services")
            others.append(s)
        p = self.adit("pipe", ticket, "ssh", rc=LOCAL)
        self.assertIn("lends it to no more others: it has no room for another", p.stderr)
        self.assertIn("--state DIR", p.stderr)
        self.assertIn("no room for another", self.adit("status").stderr)
        others.pop().close()
        self.assertIsNone(owner.poll())

    def test_the_status_of_hundreds_of_lanes_is_whole(self):
        allow = self.write("allow", "".join(f"ed25519 {key} friend{i} [web]\n" for i, key in enumerate(some_keys(400))))
        serve = self.start("serve", "web=8080", "--allow", allow, "--no-ticket")
        self.says(serve, "waiting for")
        deadline = time.monotonic() + 20  # hundreds of lanes take their time to begin
        seen = ""
        while not seen and time.monotonic() < deadline:
            seen = self.adit("status", "--json").stdout
        lanes = json.loads(seen)["lanes"]
        self.assertEqual(len({lane["label"] for lane in lanes}), 400)
        lines = re.findall(r"^serve (\S+) \(", self.adit("status").stdout, re.M)
        self.assertEqual(len(set(lines)), 400)
        self.assertIsNone(serve.poll())

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_looks_after_the_directory_of_a_service(self):
        # As systemd makes it for DynamicUser=: below a directory that is root's alone, and reached by a link.
        uid = 61234
        private = os.path.join(self.dir, "private")
        real, link = os.path.join(private, "home"), os.path.join(self.dir, "home")
        os.mkdir(private, 0o700)
        os.mkdir(real, 0o700)
        os.chown(real, uid, uid)
        os.symlink(real, link)
        # A process that changed its user may not look into its own memory: no search for leaks.
        env = {"ASAN_OPTIONS": "detect_leaks=0"}
        ticket = self.ticket("show", "--state", link, env=env)
        self.assertTrue(ticket.startswith("adit1"))
        self.adit("ticket", "revoke", "--state", link, env=env)
        self.adit("ticket", "new", "laptop", env=dict(env, ADIT_STATE=link))
        names = os.listdir(real)
        self.assertIn("tickets", names)
        for name in names:
            sb = os.lstat(os.path.join(real, name))
            self.assertEqual((sb.st_uid, sb.st_gid, sb.st_mode & 0o777), (uid, uid, 0o600), name)
        self.assertIn("nothing is running here", self.adit("status", "--state", link, env=env).stderr)
        # What the service may have put there is not followed with root's rights.
        secret = self.write("secret", "adit tickets 1\n")
        os.remove(os.path.join(real, "tickets"))
        os.symlink(secret, os.path.join(real, "tickets"))
        os.chmod(self.dir, 0o755)
        self.fails(LOCAL, "ticket", "list", "--state", link, env=env, says="Permission denied")
        os.remove(os.path.join(real, "tickets"))
        os.chmod(real, 0o750)
        self.fails(LOCAL, "ticket", "list", "--state", link, env=env, says="is open to other users (mode 0750)")
        os.chmod(real, 0o700)
        self.fails(LOCAL, "serve", "8080", "--state", link, says="belongs to another user")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_sees_what_a_service_does(self):
        uid = 61234
        private = os.path.join(self.dir, "private")
        home = os.path.join(private, "home")
        os.mkdir(private, 0o711)
        os.chmod(self.dir, 0o711)
        os.mkdir(home, 0o700)
        os.chown(home, uid, uid)
        env = dict(self.env, ASAN_OPTIONS="detect_leaks=0")
        try:
            serve = subprocess.Popen([ADIT, "serve", "web=8080", "--no-ticket", "--state", home], env=env, user=uid,
                                     group=uid, extra_groups=[], stderr=subprocess.PIPE, text=True)
        except PermissionError:
            self.skipTest("the program is where that user cannot start it")
        serve.stderr.readline()
        os.chmod(private, 0o700)
        deadline = time.monotonic() + 10
        seen = ""
        while not seen and time.monotonic() < deadline:
            seen = self.adit("status", "--json", "--state", home, env=env).stdout
            time.sleep(0.05)
        self.assertEqual(json.loads(seen)["services"], ["web"])
        os.chmod(private, 0o711)
        serve.terminate()
        serve.communicate(timeout=20)

    def test_units_wait_as_long_as_the_orderly_end_takes(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        with open(os.path.join(root, "src/endpoint/ep_serve.c"), encoding="utf-8") as f:
            drain = int(re.search(r"DRAIN_MAX\s+ADIT_SEC\((\d+)\)", f.read()).group(1))
        for unit in ("adit-serve@.service.in", "user/adit-serve.service.in", "user/adit-connect@.service.in"):
            with open(os.path.join(root, "systemd", unit), encoding="utf-8") as f:
                self.assertGreater(int(re.search(r"^TimeoutStopSec=(\d+)$", f.read(), re.M).group(1)), drain + 2, unit)

    def test_a_peer_keeps_every_option_of_a_link(self):
        ticket = self.ticket()
        options = ["--compress", "--threads", "2", "--port", "45555", "--mapped=4500", "--no-portmap", "--linger", "1m"]
        self.adit("peer", "add", "home", ticket, *options, "--timeout", "1", "--peer", "127.0.0.1", "0:web")
        row, = json.loads(self.adit("peer", "list", "--json").stdout)
        self.assertEqual([row[k] for k in ("compress", "threads", "port", "mapped", "no-portmap", "linger")],
                         ["", "2", "45555", "4500", "", "1m"])
        for command in (["connect", "home"], ["pipe", "home", "web"]):
            p = self.adit(*command, rc=5)
            self.assertIn("was not reached within 1.0 s", p.stderr)

    def test_the_command_line_is_stronger_than_what_is_saved(self):
        ticket = self.ticket()
        file = self.write("relays", "turn:192.0.2.1 user word\n")
        self.adit("peer", "add", "relayed", ticket, "--relay-only", "--relay-file", file, "--peer", "127.0.0.1")
        self.adit("peer", "add", "direct", ticket, "--direct-only", "--peer", "127.0.0.1")
        self.fails(USAGE, "connect", "relayed", says="--relay-only, and there is no mediator")
        self.adit("connect", "relayed", "--direct-only", "--timeout", "1", rc=5)
        self.fails(USAGE, "connect", "direct", "--relay-only", says="--relay-only, and there is no relay")
        p = self.adit("connect", "direct", "--relay-file", file, "--timeout", "1", rc=5)
        self.assertIn("the relay is of no use without a mediator", p.stderr)
        both = ("--relay-only", "--direct-only")
        self.fails(USAGE, "connect", ticket, *both, says="contradict each other")
        self.fails(USAGE, "peer", "add", "both", ticket, *both, says="contradict each other")

    # -- what serve, connect and pipe refuse before they touch the network ------------------------------------------

    def test_mediators_that_are_none(self):
        ticket = self.ticket()
        self.fails(USAGE, "serve", "8080", "--mediator", "a b", says='--mediator "a b"')
        self.fails(USAGE, "connect", ticket, "--stun", "224.0.0.1", says="no single machine has this address")
        five = [w for i in range(5) for w in ("--mediator", f"m{i}.example.org")]
        self.fails(USAGE, "pipe", ticket, "ssh", *five, says="more than 4 times --mediator")
        long = [w for i in range(4) for w in ("--mediator", f"{'x' * 60}.{i}.{'y' * 60}.example.org")]
        self.fails(USAGE, "serve", "8080", *long, says="does not fit into a ticket")

    def test_a_ticket_tells_where_it_leads(self):
        os.makedirs(self.state, 0o700)
        with open(os.path.join(self.state, "mediators"), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("adit mediators 1\nkey=serve value=meet.example.org%20192.0.2.7:3479\n")
        p = self.adit("ticket")
        self.assertIn("it leads to meet.example.org and 192.0.2.7:3479", p.stderr)
        self.assertGreater(len(p.stdout), 120)
        row = json.loads(self.adit("ticket", "new", "laptop", "--json").stdout)
        self.assertEqual(row["mediators"], ["meet.example.org", "192.0.2.7:3479"])

    def test_peers_that_are_none(self):
        ticket = self.ticket()
        self.adit("peer", "add", "home", ticket, "--peer", "192.0.2.1")
        self.fails(USAGE, "connect", "hoem", says='no peer is saved as "hoem"', advises="did you mean home?")
        self.fails(USAGE, "connect", says="whom to reach is missing")
        bad = ticket[:40] + ("a" if ticket[40] != "a" else "b") + ticket[41:]
        self.fails(BAD, "connect", bad, says="the ticket is damaged")
        self.fails(BAD, "pipe", "ssh", env={"ADIT_TICKET": bad}, says="the ticket in ADIT_TICKET is damaged")
        self.fails(BAD, "connect", "--ticket-file", "-", stdin="hello\n", says="the ticket in stdin is no ticket")
        self.fails(BAD, "connect", "--ticket-file", "-", stdin=" \r\n", says="no ticket", advises="it is empty")
        for text in (f"ticket: {ticket}\n", f"> {ticket}\n", f'"{ticket}"', f"\ufeff{ticket}"):
            self.fails(BAD, "connect", "--ticket-file", "-", stdin=text, says="no ticket", advises="other text before it")
        for text in (ticket[:20], ticket[:20].upper()):
            self.fails(BAD, "connect", text, says="no peer is saved as", advises="its end is missing")
        p = self.adit("connect", "--ticket-file", self.write("open", "x", 0o644), rc=BAD)
        self.assertIn(f"chmod 600 {self.dir}/open\n", p.stderr)
        self.fails(USAGE, "serve", "http://localhost:8080/", says="a web address")
        self.fails(LOCAL, "connect", "--ticket-file", "/nonexistent", says="No such file")
        self.fails(USAGE, "connect", "--ticket-file", "f", env={"ADIT_TICKET": ticket}, says="both --ticket-file and ADIT_TICKET")
        with open(os.path.join(self.state, "peers"), "a", encoding="utf-8") as f:
            f.write(f"name=odd ticket={ticket} hop=3\n")
        self.fails(BAD, "connect", "odd", says='unknown option "hop"', advises="adit peer remove odd")

    def test_serve_without_anybody_to_admit(self):
        self.ticket()
        self.adit("ticket", "revoke")
        self.fails(BAD, "serve", "8080", says='the ticket "default" was revoked, and there is no other',
                   advises="adit ticket new default")
        self.fails(LOCAL, "serve", "8080", "--allow", "/nonexistent", says="--allow: cannot open")

    def on_terminal(self, args, keys):
        """Runs with a terminal as stdin, stdout and stderr; |keys| are typed at the prompt. (exit code, what it showed)"""
        pid, tty = pty.fork()
        if pid == 0:
            os.execve(ADIT, [ADIT, *args], self.env)
        shown = b""
        typed = False
        while True:
            if not select.select([tty], [], [], 20)[0]:
                break
            try:
                data = os.read(tty, 4096)
            except OSError:
                break
            shown += data
            if not typed and b"Ticket" in shown:
                typed = True
                deadline = time.monotonic() + 5
                while termios.tcgetattr(tty)[3] & termios.ECHO and time.monotonic() < deadline:
                    time.sleep(0.01)
                if callable(keys):
                    keys(pid)
                else:
                    os.write(tty, keys)
        status = os.waitpid(pid, 0)[1]
        os.close(tty)
        return status, shown.decode()

    def test_the_terminal_is_asked_and_shows_nothing(self):
        ticket = self.ticket()
        status, shown = self.on_terminal(["peer", "add", "home"], b"oops\x15xy\x7f\x08" + ticket.encode() + b"\r")
        self.assertEqual(os.waitstatus_to_exitcode(status), OK, shown)
        self.assertNotIn(ticket[5:], shown)
        self.assertIn("saved: adit connect home", shown)
        self.assertEqual(len(json.loads(self.adit("peer", "list", "--json").stdout)), 1)

    def test_a_prompt_can_be_left(self):
        for keys in (b"adit1\x03", b"\x04"):
            status, shown = self.on_terminal(["peer", "add", "home"], keys)
            self.assertEqual(os.waitstatus_to_exitcode(status), BAD, shown)
            self.assertIn("nothing was entered", shown)
        status, shown = self.on_terminal(["peer", "add", "home"], lambda pid: os.kill(pid, signal.SIGTERM))
        self.assertEqual(os.waitstatus_to_exitcode(status), -signal.SIGTERM, shown)


def main():
    global ADIT
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    ADIT = os.path.abspath(sys.argv.pop(1))
    unittest.main()


if __name__ == "__main__":
    main()
