"""Models of strings: each case is one model of many nodes over the same inputs."""

import random
import struct
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def texts(*strings):
    return np.array(strings, dtype=object)


def type_of(array):
    return TensorProto.STRING if array.dtype.kind in "OSU" else helper.np_dtype_to_tensor_dtype(array.dtype)


def make_tensor(array, name):
    if array.dtype.kind not in "OSU":
        return numpy_helper.from_array(array, name)
    strings = [s if isinstance(s, bytes) else s.encode() for s in array.reshape(-1).tolist()]
    return helper.make_tensor(name, TensorProto.STRING, array.shape, strings)


def write_input(path, name, array):
    path.write_bytes(make_tensor(array, name).SerializeToString())


@dataclass
class Case:
    name: str
    inputs: dict
    open_dims: bool = False  # dims that only the run tells
    nodes: list = field(default_factory=list)
    constants: dict = field(default_factory=dict)
    expected: dict = field(default_factory=dict)  # by output; ONNX Runtime says the rest
    message: str = ""
    options: tuple = ()

    def add(self, op, *operands, outputs=1, expected=None, domain="", **attributes):
        """A node; operands are names of inputs or arrays, which are constants."""
        names = []
        for operand in operands:
            if not isinstance(operand, str):
                self.constants[f"constant{len(self.constants)}"] = operand
                operand = f"constant{len(self.constants) - 1}"
            names.append(operand)
        number = len(self.nodes)
        results = [f"out{number}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, names, results, name=f"n{number}", domain=domain, **attributes))
        if expected is not None:
            self.expected.update(zip(results, expected if outputs > 1 else [expected]))
        return self

    def describe(self, output):
        node = next(node for node in self.nodes if output in node.output)
        attributes = [f"{a.name}={helper.get_attribute_value(a)}" for a in node.attribute]
        return f"{node.op_type}({', '.join(node.input)}; {', '.join(attributes)})"

    def model(self):
        inputs = [
            helper.make_tensor_value_info(
                name, type_of(a), [f"{name}_{i}" for i in range(a.ndim)] if self.open_dims else a.shape
            )
            for name, a in self.inputs.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for node in self.nodes for name in node.output]
        constants = [make_tensor(np.asarray(a), name) for name, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "strings", inputs, outputs, constants)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


CASES, FAULTS, REFUSALS = [], [], []


def case(name, **options):
    CASES.append(Case(name, **options))
    return CASES[-1]


# --- moving

WORDS = texts(*"zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich".split(), "", "漢字")
CUBE = np.resize(WORDS, (2, 3, 4))
INT = np.int64
for open_dims in (False, True):
    moves = case(f"moving{' open dims' if open_dims else ''}", inputs={"x": CUBE, "v": WORDS}, open_dims=open_dims)
    moves.add("Identity", "x").add("Transpose", "x").add("Transpose", "x", perm=[1, 0, 2])
    moves.add("Reshape", "x", np.array([-1, 6])).add("Flatten", "x")
    moves.add("Concat", "v", texts("a", "b"), "v", axis=0).add("Concat", "x", "x", axis=-1)
    moves.add("Gather", "v", np.array([[0, -1], [3, 3]]))
    taken = np.take(CUBE, [2, 0], axis=1)  # ONNX Runtime 1.23 loses all but the first of each row
    moves.add("Gather", "x", np.array([2, 0]), axis=1, expected=taken)
    moves.add("Slice", "x", np.array([3, 0]), np.array([-9, 2]), np.array([2, 0]), np.array([-2, 1]))
    moves.add("Expand", texts("one"), np.array([2, 3])).add("Tile", "v", np.array([2]))
    moves.add("Unsqueeze", "v", np.array([0])).add("Split", "x", outputs=3, axis=1, num_outputs=3)
    moves.add("Where", np.array([True, False, True, False]), "x", texts("no"))
    moves.add("Equal", "x", texts("jagen")).add("Equal", "x", CUBE[:, ::-1, :1])
    moves.add("StringConcat", "x", texts("-")).add("StringConcat", texts("", "a", "", "b"), "x")
    moves.add("Shape", "x").add("Size", "v")

# --- looking up

keys = case("looking up", inputs={"x": np.append(WORDS, texts("unknown", "Deic", "Deich ")), "n": np.arange(-2, 6)})
ml = {"domain": "ai.onnx.ml"}
names, many = ["jagen", "", "漢字", "Deich"], [f"key {i}" for i in range(5000)] + ["quer"]
keys.add("LabelEncoder", "x", keys_strings=names, values_int64s=[5, 6, 7, 8], default_int64=-3, **ml)
keys.add("LabelEncoder", "x", keys_strings=names, values_floats=[0.5, 1, 2, 3], default_float=9.0, **ml)
keys.add("LabelEncoder", "x", keys_strings=names, values_strings=["a", "b", "", "a"], default_string="?", **ml)
keys.add("LabelEncoder", "x", keys_strings=many, values_int64s=list(range(5001)), **ml)
keys.add("LabelEncoder", "n", keys_int64s=[0, 1, 2, 3], values_strings=names, default_string="none", **ml)
keys.add("CategoryMapper", "x", cats_strings=names, cats_int64s=[1, 2, 3, 4], default_int64=0, **ml)
keys.add("CategoryMapper", "n", cats_strings=names, cats_int64s=[1, 2, 3, 4], default_string="-", **ml)
keys.add("OneHotEncoder", "x", cats_strings=names, zeros=1, **ml)

# --- counting n-grams

tokens = np.resize(texts("a", "b", "c", "a", "b", "d", "", "a"), (3, 11))
grams = case("n-grams", inputs={"x": tokens, "n": np.resize(np.array([5, 7, 8, 6, 7, 5], np.int32), (4, 9))})
pools = {
    "x": {"pool_strings": ["a", "b", "", "a", "b", "b", "c", "c", "a", "a", "b", "c"]},
    "n": {"pool_int64s": [5, 7, 6, 5, 7, 7, 8, 6, 5, 5, 7, 8]},
}
weights = [0.5, 1.5, 2.0, 3.0, -1.0, 0.25, 4.0]
for x, pool in pools.items():
    for mode in ("TF", "IDF", "TFIDF"):
        for low, high, skips in ((1, 1, 0), (1, 2, 0), (2, 2, 3), (1, 3, 2), (3, 3, 5)):
            for given in ({}, {"weights": weights}):
                sizes = {"min_gram_length": low, "max_gram_length": high, "max_skip_count": skips}
                columns = {"ngram_counts": [0, 3, 9], "ngram_indexes": [2, 0, 1, 6, 4, 3, 5]}
                grams.add("TfIdfVectorizer", x, mode=mode, **sizes, **columns, **pool, **given)

# --- regular expressions

LINES = texts(
    "", "a", "aa", "ab", "abc", "a1", "1", "42", "_", "foo bar", "a\nb", "\n", "é", "É", "straße", "K", "k", "\u212a",
    "ſ", "S", "漢字", "😀", "a-b", "x@y.org", "192.168.0.1", "{2}", "aaaaaaaaaa", "ba", "-", "]", "a.b",
)  # fmt: skip
PATTERNS = [
    "", "a", "a*", "a|b", "(a|b)*", "a+?b?", "(?:ab)?c?", ".*", "(?s).*", ".", "..", "[a-c]+", "[^a-c]+", "[]a]", "[a-]+",
    r"\d+", r"\w*", r"\W", r"\s", r"[\d_]+", r"[[:alpha:]]+", r"[^[:digit:]]*", r"\pL+", r"\p{Lu}", r"\P{L}*", "é", "(?i)é",
    "(?i)k", "(?i)s", "(?i)STRASSE|STRASSE|STRAßE", r"\x61", r"\x{1F600}", "a{2}", "a{3,}", "a{0,2}", "a{,2}", r"\Qa.b\E",
    r"(?m)a$\nb", r"(?m:^a$)\n^b$", r"\Aa\z", r"\bfoo\b.\bbar\b", r"\w+\B\w", r"^$", r"(?P<user>[^@]+)@(?<host>\w+\.org)",
    r"(\d{1,3}\.){3}\d{1,3}", "[一-龥]+", "a{10}", "(a?){10}a{10}", "(?i:A)b", "(?-s).+", r"\101", "((a)|(b)|)*", "(?i)[^k]",
]  # fmt: skip
patterns = case("regular expressions", inputs={"x": LINES})
for pattern in PATTERNS:
    patterns.add("RegexFullMatch", "x", pattern=pattern)

# --- splitting

SPLIT = texts("", " ", "a", " a  b ", "a\tb\nc", "a,b,,c", ",", "a--b---c", "a\u3000b\u00a0 c", "é, ü")
split = case("splitting", inputs={"x": SPLIT, "y": SPLIT[4:].reshape(2, 3)})
for name in ("x", "y"):
    for delimiter in ("", ",", "--", " ", "ü"):
        for most in (None, 0, 1, 2):
            given = split.inputs[name]
            parts = [s.split(delimiter or None, -1 if most is None else most) for s in given.reshape(-1)]
            width = max(map(len, parts))
            padded = [p + [""] * (width - len(p)) for p in parts]
            wanted = np.array(padded, object).reshape(*given.shape, width), np.array([*map(len, parts)]).reshape(given.shape)
            attributes = {} if most is None else {"maxsplit": most}
            split.add("StringSplit", name, outputs=2, expected=wanted, delimiter=delimiter, **attributes)

# --- normalizing: characters one to one, whole elements as stop words

CASED = texts("The", "the", "THE", "straße", "ǅ", "ﬁ", "Ωmega", "ΣΑΣ", "İ", "ĳ", "Éa", "", "漢")
normal = case("normalizing", inputs={"x": CASED, "y": CASED.reshape(1, -1), "w": texts("the", "The")})
for action, change in (("NONE", str), ("LOWER", str.lower), ("UPPER", str.upper)):

    def map_text(text, change=change):
        mapped = (change(c) for c in text)
        return "".join(m if len(m) == 1 else "i" if c == "İ" else c for c, m in zip(text, mapped))

    for sensitive in (0, 1):
        for stops in ([], ["the", "éA"]):
            for name, given in normal.inputs.items():

                def fold(text, sensitive=sensitive):
                    return text if sensitive else "".join("i" if c == "İ" else c.lower() for c in text)

                words = {fold(s) for s in stops}
                kept = [map_text(s) for s in given.reshape(-1) if fold(s) not in words] or [""]
                wanted = np.array(kept, object).reshape((-1,) if given.ndim == 1 else (1, -1))
                attributes = {"stopwords": stops} if stops else {}
                normal.add(
                    "StringNormalizer", name, expected=wanted, case_change_action=action, is_case_sensitive=sensitive,
                    locale="en_US", **attributes,
                )  # fmt: skip

# --- casts

source = random.Random(3)
doubles = [struct.unpack("d", struct.pack("Q", source.getrandbits(64)))[0] for _ in range(400)]
doubles += [2.0**k for k in range(-1074, 1024, 31)] + [0.1, 1e16, 123456.5, 5e-324, 1e22, 1e23, 9007199254740993.0]
doubles = np.array([x for x in doubles if x == x and abs(x) != np.inf])
floats = np.array([source.getrandbits(32) for _ in range(400)], np.uint32).view(np.float32)
floats = floats[np.isfinite(floats)]


def layout(digits, plain):
    """'1.5e-07' of repr as the compiler writes it: without .0, plain below 10^plain."""
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    mantissa, _, power = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    number, top = (whole + fraction).lstrip("0"), int(power or 0) + len(whole) - 1
    top -= len(whole + fraction) - len(number)
    number = number.rstrip("0")
    if not -4 <= top < plain:
        return f"{sign}{number[0]}{'.' if number[1:] else ''}{number[1:]}e{top:+03d}"
    if top < 0:
        return f"{sign}0.{'0' * (-top - 1)}{number}"
    number = number.ljust(top + 1, "0")
    return sign + number[: top + 1] + ("." + number[top + 1 :] if number[top + 1 :] else "")


def shortest(array, plain):
    return texts(*(layout(np.format_float_scientific(x, unique=True), plain) for x in array))


casts = case("casts", inputs={"d": doubles, "f": floats})
casts.inputs["t"] = texts(*(repr(x) for x in doubles.tolist()), " 12 ", "+3.50", "1E5", ".5", "5.", "1e400", "-inf", "NaN")
casts.inputs["i"] = texts("0", "-128", "+77", " 9 ", "18446744073709551615", "-9223372036854775808")
to = TensorProto
casts.add("Cast", "d", to=to.STRING, expected=shortest(doubles, 16))
casts.add("Cast", "f", to=to.STRING, expected=shortest(floats, 8))
special = case("special numbers", inputs={"s": np.array([np.inf, -np.inf, np.nan, -0.0, 1], np.float32)})
special.add("Cast", "s", to=to.STRING).add("Cast", np.array([True, False]), to=to.STRING)
read = np.array([float(s) for s in casts.inputs["t"]])
casts.add("Cast", "t", to=to.DOUBLE, expected=read)
for kind in (np.int8, np.uint16, np.int32, np.int64, np.uint64):
    limits = np.array([0, np.iinfo(kind).min, np.iinfo(kind).max], kind)
    casts.add("Cast", limits, to=to.STRING, expected=texts(*map(str, limits.tolist())))
    wrapped = [int(s) % 2 ** (8 * kind().itemsize) for s in casts.inputs["i"]]
    casts.add("Cast", "i", to=type_of(limits), expected=np.array(wrapped, np.uint64).astype(kind))

# --- faults and refusals


def fault(name, message, value, op, options=(), **attributes):
    FAULTS.append(Case(name, {"x": texts(value)}, message=message, options=options).add(op, "x", **attributes))


for number, wrong in enumerate((b"a\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x28\xa1")):
    fault(f"not UTF-8, {number}: matched", "not valid UTF-8", wrong, "RegexFullMatch", pattern=".*")
fault("not UTF-8: split", "not valid UTF-8", b"a \xff", "StringSplit", outputs=2)
fault("not UTF-8: upper case", "not valid UTF-8", b"a \xff", "StringNormalizer", case_change_action="UPPER")
for wrong in ("", "abc", "1.5x", "1e", "--1", ".", "0x10", "1 2"):
    fault(f"not a number: '{wrong}'", "not a number", wrong, "Cast", to=TensorProto.FLOAT)
    fault(f"not an integer: '{wrong}'", "not a number", wrong, "Cast", to=TensorProto.INT32)

for pattern, message in {
    r"(a)\1": "back-references", "(?=a)": "look-around", "(?<!a)b": "look-around", "a**": "behind a repetition",
    "*a": "nothing to repeat", "(?i){2}": "nothing to repeat", "(a": "a ) is missing", "a)": "no ( before it", "[a": "a ] is missing", r"\p{Greek}": "scripts",
    "[b-a]": "ends before it begins", "a{1001}": "above 1000", r"\y": "escape", "(a|b)*a(a|b){20}": "10000 states",
}.items():  # fmt: skip
    REFUSALS.append(Case(f"refused: {pattern}", {"x": texts("a")}, message=message).add("RegexFullMatch", "x", pattern=pattern))
