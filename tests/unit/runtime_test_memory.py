"""Running allocates nothing: 5 runs and 500 make the same number of memory calls. The arena is mapped with exactly the
bytes that `info` tells."""
import json
import re
import shutil
import subprocess
import sys

if not shutil.which("strace"):
    print("skipped: there is no strace")
    sys.exit(77)


def trace(*arguments):
    result = subprocess.run(["strace", "-f", "-e", "trace=mmap,munmap,mremap,brk,madvise", sys.argv[1], *arguments],
                            capture_output=True, text=True)
    if "ptrace" in result.stderr and "not permitted" in result.stderr:
        print("skipped: strace may not trace here")
        sys.exit(77)
    if "LeakSanitizer" in result.stderr or "AddressSanitizer" in result.stderr:
        print("skipped: sanitizers do not run under strace")
        sys.exit(77)
    assert result.returncode == 0, result.stderr[-500:]
    return re.findall(r"(mmap|munmap|mremap|brk|madvise)\(([^)]*)", result.stderr)


for threads in ("1", "2"):
    few, many = (len(trace("bench", "--runs", runs, "--threads", threads)) for runs in ("5", "500"))
    print(f"{threads} threads: {few} memory calls for 5 runs, {many} for 500")
    assert few == many
info = json.loads(subprocess.run([sys.argv[1], "info", "--json"], capture_output=True).stdout)
sizes = [call[1].split(", ")[1] for call in trace("run", "--fill", "random") if call[0] == "mmap"]
assert not info["arena_bytes"] or str(info["arena_mapped_bytes"]) in sizes, (info["arena_mapped_bytes"], sizes)
