"""Decimal conversion against Python's float(), which rounds exactly, and NumPy's float32."""
import random
import struct
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: there is no numpy")
    sys.exit(77)

random.seed(1)


def run(mode, lines):
    text = "\n".join(lines) + "\n"
    return subprocess.run([sys.argv[2], mode], input=text.encode(), capture_output=True, check=True).stdout.decode().split()


def random_bits_double():
    while True:
        x = struct.unpack("<d", random.randbytes(8))[0]
        if x == x and abs(x) != float("inf"):
            return x


texts = ["0", "-0", "0e5", "1e400", "-1e400", "1e-400", "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
         "1.7976931348623157e308", "1.7976931348623159e308", "9007199254740993", "9007199254740993.0",
         "9007199254740993.00000000000000000000001", "18446744073709551615", "18446744073709551616", "1" + "0" * 400,
         "0." + "0" * 400 + "1e401", "1" * 1200, "0." + "1" * 1200, "1e999999999999", "1e-999999999999", "0e999999999999",
         "1." + "0" * 900 + "1", "9007199254740993." + "0" * 900 + "1", "9007199254740993." + "0" * 900]
for _ in range(60000):
    texts.append(repr(random_bits_double()))
    texts.append(repr(float(np.float32(random.gauss(0, 1)))))
    texts.append(f"{random.gauss(0, 1):.{random.randrange(1, 25)}f}")
    texts.append(f"{random.randrange(10 ** random.randrange(1, 25))}e{random.randrange(-80, 80)}")
    # A decimal right between two doubles, and a little beside it: the hardest to round.
    low = random.uniform(1, 2) * 2.0 ** random.randrange(-40, 40)
    m, e = np.frexp(low)
    exact = int(m * 2 ** 53) * 2 + 1
    e = int(e) - 54
    tie = str(exact << e) if e >= 0 else str(exact * 5 ** -e) + "e" + str(e)
    texts.append(tie)
    texts.append(tie.replace("e", "1e") if "e" in tie else tie + ".1")
results = run("numbers", texts)
assert len(results) == len(texts)
wrong = 0
for text, bits in zip(texts, results):
    expected = struct.pack(">d", float(text)).hex()
    if bits != expected:
        wrong += 1
        if wrong < 10:
            print(f"{text[:80]}: {bits}, expected {expected}")

values = [0x00000000, 0x80000000, 0x00000001, 0x7F7FFFFF, 0x3F800000, 0x3DCCCCCD, 0x00800000, 0x501502F9]
values += [struct.unpack("<I", np.float32(s * 10.0 ** e).tobytes())[0] for e in range(-45, 39) for s in (1, -1, 3.3)]
while len(values) < 300000:
    bits = random.getrandbits(32)
    if len(values) % 2:
        bits = struct.unpack("<I", np.float32(random.gauss(0, 1)).tobytes())[0]
    if bits >> 23 & 255 != 255:
        values.append(bits)
longer = common = 0
for bits, text in zip(values, run("floats", [f"{v:x}" for v in values])):
    x = np.frombuffer(struct.pack("<I", bits), np.float32)[0]
    if np.float32(float(text)).tobytes() != x.tobytes() or np.float32(text).tobytes() != x.tobytes():
        wrong += 1
        if wrong < 10:
            print(f"float {bits:08x}: printed {text}, is {x!r}")
    digits = lambda t: len(t.lower().split("e")[0].replace("-", "").replace(".", "").strip("0"))
    if 1e-9 <= abs(x) < 1e15:  # elsewhere always nine digits
        common += 1
        longer += digits(text) > digits(np.format_float_scientific(x, unique=True))
print(f"{len(texts)} numbers read, {len(values)} floats written, {wrong} wrong; {longer} of {common} common floats "
      "longer than the shortest")
sys.exit(wrong > 0 or longer > common // 100)
