"""Bad model files: each must be refused with its golden message, exit code 1 and no output.

usage: run.py [--update] [CASE...]

make_bad_models.py makes the files, CASE.txt beside this script holds what stderr must say. --update rewrites these
from what the compiler says now: read the difference before keeping it.
"""
import argparse
import difflib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("INGOT_BUILD", HERE.parent.parent / "build")).absolute()
INGOT = Path(os.environ.get("INGOT", BUILD / "ingot")).absolute()
FOLDER = BUILD / "tests" / "errors" / "bad"
OUT = BUILD / "tests" / "errors" / "out"
TIMEOUT = 60
NO_FILE = "no_such_file"  # a case that needs no file


def compile_case(name, command):
    """(problem or None, stderr): problems are what no golden may allow."""
    arguments = [INGOT, command, f"{name}.onnx"]
    if command == "build":
        arguments += ["-o", OUT / name]
    try:
        run = subprocess.run(arguments, cwd=FOLDER, capture_output=True, text=True, errors="replace", timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT} s", ""
    if run.returncode != 1:
        return f"exit code {run.returncode} instead of 1", run.stderr
    if run.stdout and command == "build":  # inspect also shows what it could read
        return "output on stdout", run.stderr
    if any(OUT.iterdir()):
        return f"left {[path.name for path in OUT.iterdir()]} behind", run.stderr
    return None, run.stderr


def check(name, update):
    """True when build says what the golden says, and inspect too."""
    problem, said = compile_case(name, "build")
    golden = HERE / f"{name}.txt"
    if update and not problem:
        golden.write_text(said)
    expected = golden.read_text() if golden.is_file() else ""
    if not problem and said != expected:
        diff = difflib.unified_diff(expected.splitlines(), said.splitlines(), f"{name}.txt", "said", lineterm="")
        problem = "another message\n" + "\n".join(diff)
    if not problem:
        problem, inspected = compile_case(name, "inspect")
        if not problem and inspected != said:
            problem = f"inspect says something else:\n{inspected}"
    if problem:
        print(f"{name}: {problem}\n{said if 'exit' in problem else ''}")
    return not problem


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if not INGOT.is_file():
        sys.exit(f"no compiler at '{INGOT}': build it, or set INGOT")
    subprocess.run([sys.executable, HERE / "make_bad_models.py", FOLDER], check=True)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    made = sorted(path.stem for path in FOLDER.glob("*.onnx")) + [NO_FILE]
    cases = options.cases or made
    failed = [name for name in cases if not check(name, options.update)]
    stale = [] if options.cases else sorted({path.stem for path in HERE.glob("*.txt")} - {"CMakeLists", *made})
    for name in stale:
        print(f"{name}.txt: no such case")
    print(f"{len(cases) - len(failed)} passed, {len(failed) + len(stale)} failed")
    sys.exit(1 if failed or stale else 0)


if __name__ == "__main__":
    main()
