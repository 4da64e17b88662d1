#!/usr/bin/env python3
"""
Runs `meson test` in a build directory and counts single tests, not programs:

    tools/meson-tests.py BUILD-DIRECTORY [ARGUMENT OF meson test...]

Each cmocka program says how many of its tests passed; one that dies half-way
counts what it had finished, and one failure. Ends with "N passed, N failed,
N skipped"; the output of what failed stands above it.
"""
import json
import os
import re
import subprocess
import sys

COUNTS = {
    "passed": re.compile(r"^\[  PASSED  \] (\d+) test", re.M),
    "failed": re.compile(r"^\[  FAILED  \] (\d+) test", re.M),
    "skipped": re.compile(r"^\[  SKIPPED \] (\d+) test", re.M),
}
FINISHED = re.compile(r"^\[       OK \]", re.M)


def counts_of(test):
    """Passed, failed, skipped of one program, from its result and what cmocka printed."""
    text = test.get("stdout", "") + test.get("stderr", "")
    found = {kind: sum(map(int, rx.findall(text))) for kind, rx in COUNTS.items()}
    if test["result"] == "SKIP":
        return 0, 0, max(1, found["skipped"])
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return max(found["passed"], 0 if found["skipped"] else 1), 0, found["skipped"]
    return max(found["passed"], len(FINISHED.findall(text))), max(1, found["failed"]), found["skipped"]


def show_failure(test):
    print(f"---- {test['name']}: {test['result']}")
    for stream in ("stdout", "stderr"):
        for line in test.get(stream, "").splitlines()[-200:]:
            if not re.match(r"\[( RUN      |       OK) \]", line):
                print("    " + line)


def main():
    build, args = sys.argv[1], sys.argv[2:]
    log = os.path.join(build, "meson-logs", "testlog.json")
    if "--wrap" in args:
        name = "-" + args[args.index("--wrap") + 1].split()[0]
        log = log.replace(".json", f"{name}.json")
    if os.path.exists(log):
        os.unlink(log)
    run = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", *args],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL)
    tests = []
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            tests = [json.loads(line) for line in f]
    for test in tests:
        test["name"] = test["name"].split(" / ")[-1]  # without "project:suite", where there are several
    total = [0, 0, 0]
    for test in tests:
        found = counts_of(test)
        total = [a + b for a, b in zip(total, found)]
        print(f"{test['result']:8} {test['duration']:6.2f} s  {found[0]:4} passed  {test['name']}")
    for test in tests:
        if counts_of(test)[1]:
            show_failure(test)
    if run.returncode != 0 and total[1] == 0 and "No tests defined" not in run.stdout + run.stderr:
        print(run.stdout + run.stderr)
        total[1] = 1
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return total[1] != 0


if __name__ == "__main__":
    sys.exit(main())
