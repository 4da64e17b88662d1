"""tests/ATTACKS.md names tests: is each of them there, and run?"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def read(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as f:
        return f.read()


def is_run(path, name):
    text = read(path)
    if path.startswith("net/"):
        return re.search(rf"^@check\([^@]*?^def {name}\(t\)", text, re.M | re.S)
    if path.startswith("fuzz/"):
        return name in text
    return f"static void {name}(void **state)" in text and len(re.findall(rf"\b{name}\b", text)) >= 2


def main():
    rows = re.findall(r"`((?:unit|net|fuzz)/\w+\.\w+): (\w+)`", read("ATTACKS.md"))
    missing = [f"{path}: {name}" for path, name in rows if not os.path.exists(os.path.join(HERE, path)) or not is_run(path, name)]
    for line in missing:
        print(f"tests/ATTACKS.md names what is not there: {line}")
    print(f"{len(rows)} tests named")
    return 1 if missing or len(rows) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
