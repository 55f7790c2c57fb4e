#!/usr/bin/env python3
"""Executables of models with open dims against ONNX Runtime: runs of several sizes each, as commands and one after the
other in one server, and runs that must end with a sentence.

run.py [--only TEXT] [--emit c] [-v]
"""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "server")]
import support
from asking import ask, send
from models import CASES, FAULTS
from serving import Server, get


def describe(feeds):
    return ", ".join(f"{name} {array.tolist() if array.size <= 4 and array.dtype.kind != 'f' else array.shape}"
                     for name, array in feeds.items())  # fmt: skip


def check(case, folder, emit):
    """A list of what is wrong with a case."""
    path, executable = folder / f"{case.name}.onnx", folder / case.name
    path.write_bytes(case.model().SerializeToString())
    try:
        support.build(path, executable, emit=emit)
    except support.Failure as failure:
        return [str(failure)]
    session, wrong, client = None if case.expects else support.open_ort(path), [], None
    expected = case.expects or [support.run_ort(session, feeds) for feeds in case.runs]
    with Server(str(executable)) as server:
        client = server.connect()
        for way, run in (("run", lambda feeds: support.run_model(executable, feeds)),
                         ("serve", lambda feeds: ask(client, case.name, feeds))):  # fmt: skip
            for feeds, want in zip(case.runs, expected):
                try:
                    difference = support.compare(run(feeds), want)
                    if difference.share > 1:
                        wrong.append(f"{way} {describe(feeds)}: error {difference.absolute:.3g}")
                except support.Failure as failure:
                    wrong.append(f"{way} {describe(feeds)}: {failure}")
    return wrong


def check_fault(case, folder, emit):
    """The same for a run that must end with exit code 1 and one sentence."""
    path, executable = folder / f"{case.name}.onnx", folder / case.name
    path.write_bytes(case.model().SerializeToString())
    try:
        support.build(path, executable, emit=emit)
    except support.Failure as failure:
        return [str(failure)]
    command = [executable, "run", *case.options, "-o", folder / f"{case.name}.npz"]
    for name, array in case.runs[0].items():
        np.save(folder / f"{case.name}.{name}.npy", array)
        command += ["-i", f"{name}={folder / f'{case.name}.{name}.npy'}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, text=True)
    except subprocess.TimeoutExpired:
        return ["does not end"]
    wrong = [] if done.returncode == 1 else [f"exit code {done.returncode} instead of 1"]
    wrong += [f"does not say '{text}': {done.stderr.strip()}" for text in case.says if text not in done.stderr]
    if done.stderr.count("\n") != 1:
        wrong.append(f"not one line: {done.stderr.strip()}")
    return wrong + check_served_fault(case, executable)


def check_served_fault(case, executable):
    """A server says the same twice, and goes on."""
    wrong = []
    with Server(str(executable), *case.options) as server:
        for _ in range(2):
            response = send(server.connect(), case.name, case.runs[0])
            if not response or response.status not in (400, 500):
                wrong.append(f"the server answers {response and response.status}")
            elif not all(text in response.body.decode() for text in case.says):
                wrong.append(f"the server says {response.body.decode()}")
        if server.connect().send(get("/v2/health/live")).response().status != 200:
            wrong.append("the server is not well afterwards")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("-v", action="store_true", help="print every case")
    support.add_emit_option(parser)
    options = parser.parse_args()
    support.need_compiler()
    chosen = [(check, c) for c in CASES if options.only in c.name] + [(check_fault, c) for c in FAULTS if options.only in c.name]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ingot-dynamic-") as folder, ThreadPoolExecutor(2) as pool:
        for (_, case), wrong in zip(chosen, pool.map(lambda pair: pair[0](pair[1], Path(folder), options.emit), chosen)):
            failed += bool(wrong)
            if wrong or options.v:
                print(f"{'FAIL' if wrong else 'ok  '} {case.name}" + "".join(f"\n     {w}" for w in wrong), flush=True)
    support.finish(len(chosen) - failed, failed)


main()
