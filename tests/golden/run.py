#!/usr/bin/env python3
"""Compares what the compiler prints with the texts beside this file.

    run.py [--update] [NAME ...]

NAME.txt is the graph after all passes and the Program of a small model (models.py) for x86-64-v3; help.txt and
the page OPERATORS.md are the command line's own. --update rewrites them: read the difference before you keep it.
"""

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import onnx
import support
from models import MODELS


def ingot(*arguments):
    done = subprocess.run([support.INGOT, *arguments], capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr if done.returncode == 0 else f"exit code {done.returncode}\n{done.stderr}"


def dump(name):
    with tempfile.TemporaryDirectory(prefix="ingot-golden-") as folder:
        path = Path(folder) / f"{name}.onnx"
        onnx.save(MODELS[name](), path)
        options = ["--cpu", "x86-64-v3", "--emit", "ll", "-o", f"{folder}/out.ll"]
        graph = ingot("build", path, *options, "--dump-after", "simplify-again")
        program = ingot("build", path, *options, "--dump-after", "lower")
        return f"# {MODELS[name].__doc__}\n{graph}{program}"


CASES = {name: (lambda name=name: dump(name)) for name in MODELS} | {"help": lambda: ingot("--help")}
CASES |= {"OPERATORS": lambda: ingot("ops", "--markdown")}
PLACES = {"OPERATORS": support.ROOT / "OPERATORS.md"}  # of texts that do not lie beside this file


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    update, failed = "--update" in sys.argv, 0
    support.need_compiler()
    for name in arguments or CASES:
        golden, got = PLACES.get(name, HERE / f"{name}.txt"), CASES[name]()
        want = golden.read_text() if golden.exists() else ""
        if got == want:
            continue
        if update:
            golden.write_text(got)
            print(f"rewrote {golden.name}")
            continue
        failed += 1
        lines = difflib.unified_diff(want.splitlines(), got.splitlines(), golden.name, "now", lineterm="")
        print("\n".join(lines))
    count = len(arguments or CASES)
    print(f"{count - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
