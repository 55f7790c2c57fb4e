"""The JSON reader against JSONTestSuite: y_ files must be accepted, n_ files rejected, i_ files must not crash it."""
import os
import subprocess
import sys
import tarfile

data = os.environ.get("INGOT_DATA")
suite = data and os.path.join(data, "conformance", "json-test-suite.tar.xz")
if not suite or not os.path.exists(suite):
    print("skipped: INGOT_DATA names no folder with conformance/json-test-suite.tar.xz")
    sys.exit(77)

counts = {"y": 0, "n": 0, "i": 0}
faults = []
with tarfile.open(suite) as archive:
    for member in archive.getmembers():
        name = os.path.basename(member.name)
        if not member.isfile() or not name.endswith(".json") or name[:2] not in ("y_", "n_", "i_"):
            continue
        result = subprocess.run([sys.argv[2], "json"], input=archive.extractfile(member).read(), capture_output=True)
        counts[name[0]] += 1
        expected = {"y": (0,), "n": (1,), "i": (0, 1)}[name[0]]
        if result.returncode not in expected:
            faults.append(f"{name}: exit code {result.returncode}, {result.stderr[:200]}")
print(f"{counts['y']} valid, {counts['n']} invalid, {counts['i']} undefined documents, {len(faults)} faults")
print("\n".join(faults))
sys.exit(bool(faults) or counts["y"] < 90 or counts["n"] < 180)
