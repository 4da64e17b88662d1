"""What a check is, and the runner's side of it.

A check is a function with @check("what must be true"); its module is check_<name>.py. It gets a Context, makes its labs
with t.lab(...), and raises when something is not so: AssertionError or any other exception is a failure, t.skip(why)
a skip. Kinds:
    wait   mostly waits: many at once
    cpu    moves bytes: one at a time, beside the waiting ones
    alone  measures: nothing else runs

Eight at once on two cores are late now and then by more than any limit allows for. A check that fails is tried once more at
the end, by itself, and has failed if it does so again; what it said the first time is printed all the same. No more than
SECOND_TRIES in a run.
"""

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback

import lab as lab_module
import proc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
LOGS = os.path.join(ROOT, "build", "net-logs")
PEERS = os.path.join(ROOT, "build", "peers")

SECOND_TRIES = 3

registry = []


class Skip(Exception):
    pass


class Check:
    def __init__(self, function, sentence, kind, limit, module, name, only_full):
        self.function, self.sentence, self.kind, self.limit = function, sentence, kind, limit
        self.module, self.name, self.only_full = module, name, only_full
        self.result = None


def check(sentence, kind="wait", limit=180, name=None, only_full=False):
    """|limit|: seconds after which its processes are killed, so that it fails instead of hanging. |only_full|: it runs with
    --full, and whenever it is asked for by name."""
    def add(function):
        module = re.sub("^check_", "", function.__module__)
        registry.append(Check(function, sentence, kind, limit, module, name or function.__name__, only_full))
        return function
    return add


class Context:
    """What a check works with."""

    def __init__(self, settings, name):
        self.settings, self.name = settings, name
        self.labs = []
        self.notes = []
        self.cleanups = []

    def __getattr__(self, key):
        return getattr(self.settings, key)

    def lab(self, **kw):
        kw.setdefault("name", self.name)
        made = lab_module.Lab(**kw)
        self.labs.append(made)
        return made

    def skip(self, why):
        raise Skip(why)

    def note(self, text):
        """Shown on the check's line."""
        self.notes.append(text)

    def need_release(self):
        """The release build's program: the only one that limits of memory and time are for."""
        if not self.settings.release:
            self.skip("ADIT_RELEASE does not name a release build")
        return self.settings.release

    def close(self):
        for f in reversed(self.cleanups):
            f()
        for made in self.labs:
            made.close()

    def _keep_status(self, made):
        """`adit status` of what still runs, beside its output."""
        for p in made.processes:
            if p.is_running() and len(p.argv) > 1 and p.argv[1] in ("serve", "connect") and "--state" in p.argv:
                state = p.argv[p.argv.index("--state") + 1]
                try:
                    r = p.ns.run([p.argv[0], "status", "--json", "--state", state], timeout=5, check=False)
                    with open(p.stem + ".status", "w") as f:
                        f.write(r.stdout + r.stderr)
                except (OSError, subprocess.TimeoutExpired):
                    pass

    def keep_logs(self):
        """What the processes said, for who looks into the failure."""
        to = os.path.join(LOGS, self.name)
        shutil.rmtree(to, ignore_errors=True)
        for made in self.labs:
            self._keep_status(made)
            if os.path.isdir(made.tmp):
                shutil.copytree(made.tmp, os.path.join(to, os.path.basename(made.tmp)), dirs_exist_ok=True,
                                ignore=lambda d, names: [n for n in names if not _is_plain(os.path.join(d, n))])
        return to

    def last_words(self):
        """Of each program of ours in the labs."""
        ours = (p for made in self.labs for p in made.processes if os.path.basename(p.argv[0]) == "adit")
        return "".join(f"\n{p.last_words()}" for p in ours)


def _is_plain(path):
    return os.path.isdir(path) or (os.path.isfile(path) and os.path.getsize(path) < 4 << 20)


class Settings:
    """Volumes: as CI runs them, or full (ADIT_FULL=1, --full)."""

    def __init__(self, full):
        self.full = full
        self.tries = int(os.environ.get("ADIT_TRIES") or (20 if full else 8))
        self.size = (1 << 30) if full else (64 << 20)
        self.flood = 10000000 if full else 200000
        self.udphp = os.environ.get("ADIT_UDPHP")
        self.release = os.environ.get("ADIT_RELEASE")
        self.peers = PEERS


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {"ok": 0, "FAILED": 0, "again": 0, "skipped": 0}
        self.again = []  # to be tried once more

    def failed(self, c):
        """FAILED, or "again" where it is to be tried once more."""
        with self.lock:
            if c in self.again or len(self.again) == SECOND_TRIES:
                return "FAILED"
            self.again.append(c)
            return "again"

    def line(self, c, result, took, text):
        with self.lock:
            self.counts[result] += 1
            c.result = result
            tail = f" ({text})" if text else ""
            print(f"{result:8}{c.module + '/' + c.name:32} {took:6.1f} s  {c.sentence}{tail}", flush=True)

    def detail(self, text):
        with self.lock:
            print("\n".join("        " + line for line in text.rstrip().splitlines()), flush=True)


def _run_one(c, settings, report):
    t = Context(settings, c.name)
    start = time.monotonic()
    late = threading.Timer(c.limit, lambda: [p.kill() for made in t.labs for p in made.processes])
    late.daemon = True
    late.start()
    try:
        c.function(t)
        report.line(c, "ok", time.monotonic() - start, "; ".join(t.notes))
    except Skip as e:
        report.line(c, "skipped", time.monotonic() - start, str(e))
    except Exception as e:
        expected = isinstance(e, (AssertionError, proc.Unexpected, TimeoutError, OSError))
        text = f"{type(e).__name__}: {e}" if expected and str(e) else traceback.format_exc()
        if expected:
            text += "\nat " + " <- ".join(f"{os.path.basename(f.filename)}:{f.lineno}"
                                          for f in reversed(traceback.extract_tb(e.__traceback__)) if "net/" in f.filename)
        report.line(c, report.failed(c), time.monotonic() - start, "; ".join(t.notes))
        report.detail(text + t.last_words() + "\nlogs: " + os.path.relpath(t.keep_logs(), ROOT))
    finally:
        late.cancel()
        t.close()


def _pool(checks, workers, settings, report):
    todo = queue.Queue()
    for c in checks:
        todo.put(c)

    def work():
        while True:
            try:
                c = todo.get_nowait()
            except queue.Empty:
                return
            _run_one(c, settings, report)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(checks)))]
    for th in threads:
        th.start()
    return threads


def _join(threads):
    for th in threads:
        while th.is_alive():
            th.join(0.5)  # a plain join would not see Ctrl-C


def run(checks, settings, jobs):
    """True when nothing failed."""
    report = Report()
    of_kind = {k: [c for c in checks if c.kind == k] for k in ("wait", "cpu", "alone")}
    # Long ones first, so that none is left alone at the end.
    of_kind["wait"].sort(key=lambda c: -c.limit)
    _join(_pool(of_kind["wait"], jobs, settings, report) + _pool(of_kind["cpu"], 1, settings, report))
    _join(_pool(of_kind["alone"], 1, settings, report))
    _join(_pool(list(report.again), 1, settings, report))
    for name in dict.fromkeys(c.module for c in checks):
        finish = getattr(sys.modules["check_" + name], "finish", None)
        if finish:
            finish([c for c in checks if c.module == name])
    n = report.counts
    if report.again:
        print(f"tried twice: {' '.join(c.name for c in report.again)}")
    print(f"{n['ok']} passed, {n['FAILED']} failed, {n['skipped']} skipped", flush=True)
    return n["FAILED"] == 0
