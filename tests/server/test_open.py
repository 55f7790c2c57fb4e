"""The Open Inference Protocol for a model whose sizes only a run knows: open dims, strings, sequences, limits."""
import json
import sys

from serving import Server, get, post


def request(**changes):
    tensors = {"x": ("FP32", [2, 3], [1, 2, 3, 4, 5, 6]), "w": ("FP32", [2], [10, 20]), "k": ("INT64", [], [3]),
               "s": ("BYTES", [2], ["a\u00e9", "b\"c"]), "q": ("FP32", [2], [[1, 2], [[3]]]), "v": ("INT64", [0], None)}
    tensors.update(changes)
    return json.dumps({"inputs": [{"name": name, "datatype": t[0], "shape": t[1], "data": t[2]}
                                  for name, t in tensors.items() if t]}).encode()


def call(client, body):
    response = client.send(post(body, "/v2/models/open/infer")).response()
    return response.status, response.json()


def outputs(client, **changes):
    status, answer = call(client, request(**changes))
    assert status == 200, (status, answer)
    return {o["name"]: (o["datatype"], o["shape"], o["data"]) for o in answer["outputs"]}


def mistake(client, words, **changes):
    status, answer = call(client, request(**changes))
    assert status == 400 and list(answer) == ["error"] and words in answer["error"], (words, status, answer)


def test_metadata(client):
    model = client.send(get("/v2/models/open")).response().json()
    assert [(t["name"], t["datatype"], t["shape"]) for t in model["inputs"]] == [
        ("x", "FP32", [-1, 3]), ("w", "FP32", [-1]), ("k", "INT64", []), ("s", "BYTES", [-1]), ("q", "FP32", [-1]),
        ("v", "INT64", [-1])], model
    assert [t["shape"] for t in model["outputs"]] == [[-1, 3], [], [-1], [-1], [-1], [-1]]


def test_inference(client):
    got = outputs(client)
    assert got == {"y": ("FP32", [2, 3], [12, 14, 16, 28, 30, 32]), "p": ("INT64", [], [8]),
                   "t": ("BYTES", [2], ["A\u00e9!", "B\"C!"]), "z": ("FP32", [2], [[[3]], [1, 2]]), "o": ("INT64", [0], None),
                   "m": ("FP32", [2], [{"1": 1, "-2": 3}, {"1": 4, "-2": 6}])}, got
    for n in (0, 1, 7, 20000, 3):  # dims change from request to request, and what was larger leaves nothing behind
        got = outputs(client, x=("FP32", [n, 3], [[i, 0, i] for i in range(n)]), w=("FP32", [n], [1] * n), v=("INT64", [1], [n]),
                      s=("BYTES", [n], ["x" * i for i in range(n)] if n < 100 else ["y"] * n))
        assert got["y"][1] == [n, 3] and got["y"][2] == [v for i in range(n) for v in (2 * i + 1, 1, 2 * i + 1)]
        assert got["t"][1] == [n] and got["o"][2] == [n] and len(got["m"][2]) == n
        if n < 100:
            assert got["t"][2] == ["X" * i + "!" for i in range(n)]


def test_mistakes(client):
    mistake(client, "expects float32[n,3], the request has float32[2,4]", x=("FP32", [2, 4], [1] * 8))
    mistake(client, "expects float32[n,3], the request has float32[6]", x=("FP32", [6], [1] * 6))
    mistake(client, "expects float32[n,3], the request has float64[2,3]", x=("FP64", [2, 3], [1] * 6))
    mistake(client, "'w' has n = 3", w=("FP32", [3], [1, 2, 3]))
    mistake(client, "ends too early", x=("FP32", [10 ** 15, 3], []))
    mistake(client, "ends too early", x=("FP32", [2 ** 62, 3], []))
    mistake(client, "another shape", x=("FP32", [2, 3], [1] * 5))
    mistake(client, "element 1 is 7", s=("BYTES", [2], ["a", 7]))
    mistake(client, "'s' expects string[?], the request has float32[2]", s=("FP32", [2], [1, 2]))
    mistake(client, "something else", q=("FP32", [2], {"a": 1}))
    mistake(client, "elements of float32", q=("INT64", [2], [1]))
    mistake(client, "does not end", k=("INT64", [], [1000]))
    mistake(client, "'v' is missing", v=None)
    status, answer = call(client, b'{"inputs":[{"name":"s","shape":[1],"datatype":"BYTES","data":["\xff"]}]}')
    assert status == 400 and "UTF-8" in answer["error"]
    assert call(client, request())[0] == 200


def test_limits(program):
    with Server(program, "--max-answer", "2K", "--memory", "64K", "--max-body", "1M") as server:
        client = server.connect()
        assert call(client, request())[0] == 200
        many = ("FP32", [200, 3], [1.5] * 600)
        status, answer = call(client, request(x=many, w=("FP32", [200], [0] * 200)))
        assert status == 500 and "--max-answer" in answer["error"], answer
        status, answer = call(client, request(x=("FP32", [9000, 3], [1] * 27000), w=("FP32", [9000], [0] * 9000)))
        assert status == 400 and "--memory" in answer["error"], answer
        status, answer = call(client, request(s=("BYTES", [1], ["x" * 70000])))
        assert status == 400 and "--memory" in answer["error"], answer
        assert call(client, request())[0] == 200
        assert server.stop() == (0, "")


with Server(sys.argv[1], "--threads", "2") as server:
    for test in (test_metadata, test_inference, test_mistakes):
        test(server.connect())
        print("ok", test.__name__)
    assert server.stop() == (0, "")
test_limits(sys.argv[1])
