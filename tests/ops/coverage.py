#!/usr/bin/env python3
"""What ONNX defines and `ingot ops` does not list: operators, versions and types.

coverage.py [--only TEXT]

Every version of every operator in onnx.defs is held against the row that its opset chooses. Prints a line for each
operator, version or type of an input that is missing; ends with exit code 1 when there is one that EXCEPTIONS does not
name.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from onnx import defs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

# What may be missing, as the start of a line.
EXCEPTIONS = {
    "Constant-": "the reader makes values of them",
    "GridSample-16 X": "nothing lies between two texts, truth values or, in ONNX Runtime, complex numbers",
    "GridSample-20 X": "the same",
    "GridSample-22 X": "the same",
    "Col2Im-18 input": "sums of texts or of truth values mean nothing",
    "Dropout-22 ratio": "a ratio of float8 occurs nowhere",
}

ONNX_NAMES = {"float": "float32", "double": "float64"}


def ingot_rows():
    """{(domain, operator): {since: [types of each input]}} as `ingot ops` prints them."""
    text = subprocess.run([support.INGOT, "ops"], check=True, capture_output=True, text=True).stdout
    table, sets = (part.splitlines()[1:] for part in text.split("\n\n"))
    members = {name: set(types) for name, *types in map(str.split, sets)}

    def types_of(words):
        return set().union(*(members.get(word, {word}) for word in words.split("|")))

    rows = {}
    for line in table:
        domain, name, since, signature = line.split(None, 3)
        params, _, variables = signature.partition(";")
        known = dict(variable.split("=") for variable in variables.split())
        inputs = [word.split(":")[1] for word in params.split("->")[0].split()]
        rows.setdefault((domain, name), {})[int(since)] = [types_of(known.get(word, word)) for word in inputs]
    return rows


def plain(type_text):
    """'tensor(float)' as Ingot names it; the element of sequences and optionals."""
    element = re.search(r"tensor\(([a-z0-9]+)\)", type_text)
    return ONNX_NAMES.get(element[1], element[1]) if element else None


def missing(rows):
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.domain, s.name, s.since_version)):
        domain = schema.domain or "ai.onnx"
        name = f"{domain}.{schema.name}" if schema.domain else schema.name
        if schema.support_level == defs.OpSchema.SupportType.EXPERIMENTAL:
            continue
        known = rows.get((domain, schema.name), {})
        since = max((v for v in known if v <= schema.since_version), default=None)
        if since is None:
            if not schema.deprecated:
                yield f"{name}-{schema.since_version}"
            continue
        row = known[since]
        for i, param in enumerate(schema.inputs):
            types = row[min(i, len(row) - 1)] if row else set()
            for kind in sorted({plain(t) for t in param.types} - {None} - types):
                yield f"{name}-{schema.since_version} {param.name} {kind}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="lines that hold this text")
    options = parser.parse_args()
    support.need_compiler()
    lines = [line for line in missing(ingot_rows()) if options.only in line]
    left = [line for line in lines if not line.startswith(tuple(EXCEPTIONS))]
    print("\n".join(left))
    print(f"{len(left)} missing, {len(lines) - len(left)} excused")
    return bool(left)


sys.exit(main())
