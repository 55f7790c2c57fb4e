#!/usr/bin/env python3
"""Micro-kernels keep their accumulators in registers: no innermost FMA loop of the emitted code touches the stack.

Reads what `--emit=asm` writes. An innermost loop runs from a label to a backward jump to it, with no other such loop
inside; those with at least 8 vfmadd are micro-kernels. A model must have some, so that an empty answer is no pass.
"""

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
import zoo

MODELS = ("mlp_784_128_10", "squeezenet11", "resnet50")
LEVELS = ("x86-64-v3", "x86-64-v4")
FMA_AT_LEAST = 8


def split_functions(text):
    """{function: its lines}, without comments and directives, for AT&T and Intel syntax alike."""
    functions, types, current = {}, set(re.findall(r"^\s*\.type\s+([^,\s]+),\s*@function", text, re.M)), None
    for line in text.splitlines():
        line = re.sub(r"#.*", "", line).strip()
        if line.endswith(":") and line[:-1] in types:
            current = functions.setdefault(line[:-1], [])
        elif current is not None and line and (not line.startswith(".") or line.endswith(":")):
            current.append(line)
    return functions


def find_innermost_loops(lines):
    """[lines of a loop]: the spans (label, backward jump) that hold no smaller span."""
    labels = {line[:-1]: i for i, line in enumerate(lines) if line.endswith(":")}
    spans = set()
    for i, line in enumerate(lines):
        jump = re.match(r"j\w+\s+(\S+)$", line)
        if jump and labels.get(jump[1], i) < i:
            spans.add((labels[jump[1]], i))
    inner = [s for s in spans if not any(s != t and s[0] <= t[0] and t[1] <= s[1] for t in spans)]
    return [lines[start : end + 1] for start, end in sorted(inner)]


def touches_stack(line, framed):
    """Does the instruction read or write memory through rsp, or through rbp where that is the frame's base?"""
    registers = "rsp|rbp" if framed else "rsp"
    return bool(re.search(rf"\([^)]*%(?:{registers})\b|\[[^\]]*\b(?:{registers})\b", line))


def check_assembly(text):
    """(micro-kernels found, [what spills])."""
    kernels, spills = 0, []
    for name, lines in split_functions(text).items():
        framed = any(re.match(r"movq?\s+(%rsp,\s*%rbp|rbp,\s*rsp)$", line) for line in lines)
        for loop in find_innermost_loops(lines):
            if sum(line.startswith("vfmadd") or line.startswith("vfnmadd") for line in loop) < FMA_AT_LEAST:
                continue
            kernels += 1
            bad = [line for line in loop if touches_stack(line, framed)]
            if bad:
                spills.append(f"{name}, loop at {loop[0]} {len(bad)} stack accesses, first: {' '.join(bad[0].split())}")
    return kernels, spills


SPILLING = """
    .type kernel,@function
kernel:
.LBB0_1:
.LBB0_2:
    {fma}
    vmovups {operand}, %zmm3
    jne .LBB0_2
    vmovups 64(%rsp), %zmm3
    jne .LBB0_1
"""


def check_the_check():
    """The reader must see a spill where there is one, and none where the stack is used outside the loop alone."""
    fma = "\n    ".join(["vfmadd231ps %zmm0, %zmm1, %zmm2"] * FMA_AT_LEAST)
    assert check_assembly(SPILLING.format(fma=fma, operand="(%rdi)")) == (1, [])
    assert check_assembly(SPILLING.format(fma=fma, operand="128(%rsp,%rax)"))[1]


def main():
    support.need_data()
    support.need_compiler()
    check_the_check()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ingot-spill-") as folder:
        for name in MODELS:
            for level in LEVELS:
                assembly = Path(folder) / f"{name}.s"
                support.build(zoo.MODELS[name].path(), assembly, cpu=level, emit="asm")
                kernels, spills = check_assembly(assembly.read_text())
                ok = bool(kernels) and not spills
                failed += not ok
                print(f"{name} {level}: {kernels} FMA loops, {len(spills)} with stack accesses: {'ok' if ok else 'FAILED'}")
                print("".join(f"  {spill}\n" for spill in spills[:10]), end="", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    support.run_main(main)
