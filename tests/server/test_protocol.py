"""The Open Inference Protocol: routes, methods, inference, and one sentence for each mistake."""
import json
import struct
import sys

from serving import Server, get, infer_body, post


def call(client, request):
    response = client.send(request).response()
    return response.status, response.json() if response.body else None


def test_routes(client):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/health/ready/", "/v2/health/live?x=1"):
        assert call(client, get(path)) == (200, {"live": True, "ready": True}), path
    status, server = call(client, get("/v2"))
    assert status == 200 and server["name"] and server["version"] and isinstance(server["extensions"], list)
    assert call(client, get("/v2/models")) == (200, {"models": ["fake"]})
    for path in ("/v2/models/fake", "/v2/models/fake/versions/1", "/v2/models/f%61ke/"):
        status, model = call(client, get(path))
        assert status == 200 and model == {
            "name": "fake", "versions": ["1"], "platform": "ingot",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 3]}, {"name": "k", "datatype": "INT64", "shape": [2]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 3]}, {"name": "n", "datatype": "INT64", "shape": [2]},
                        {"name": "h", "datatype": "FP16", "shape": []}]}, model
    for path in ("/v2/models/fake/ready", "/v2/models/fake/versions/1/ready"):
        status, ready = call(client, get(path))
        assert status == 200 and ready["ready"] is True
    for path in ("/", "/v1", "/v2/models/other", "/v2/models/fake/versions/2", "/v2/models/fakes", "/v2/models//",
                 "/v2/models/fake/versions/1/nothing", "/v2/health", "/v2/models/fake%2Finfer/x"):
        status, error = call(client, get(path))
        assert status == 404 and error["error"], path
    assert call(client, get("/v2/%zz"))[0] == 400 and call(client, get("/v2/%00"))[0] == 400
    for method, path, allowed in (("POST", "/v2", "GET"), ("GET", "/v2/models/fake/infer", "POST"),
                                  ("DELETE", "/v2/models/fake", "GET"), ("TRACE", "/v2", "GET"),
                                  ("HEAD", "/v2/models/fake/infer", "POST")):
        response = client.send(get(path, method)).response(head=method == "HEAD")
        assert response.status == 405 and allowed in response.fields["allow"] and method not in response.fields["allow"]
    for method in ("BREW", "get", "GETS"):
        assert client.send(get("/v2", method)).response().status == 501


def test_inference(client):
    status, answer = call(client, post(infer_body(id="a\"\u00e9\\")))
    assert status == 200 and answer["model_name"] == "fake" and answer["id"] == "a\"\u00e9\\"
    assert answer["model_version"] == "1"
    assert answer["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [2, 3], "data": [3, 5, 7, 9, 11, 13]},
                                 {"name": "n", "datatype": "INT64", "shape": [2], "data": [11, 21]},
                                 {"name": "h", "datatype": "FP16", "shape": [], "data": [21]}]
    # Nested data, members in another order, unknown members, chosen outputs.
    request = {"outputs": [{"parameters": {"binary_data": False}, "name": "n"}, {"name": "y"}], "parameters": {"a": [1]},
               "inputs": [{"data": [5, 2 ** 62], "datatype": "INT64", "name": "k", "extra": {"deep": [{}]}, "shape": [2]},
                          {"shape": [2, 3], "data": [[1, 2, 3], [4, 5, 6.5]], "name": "x", "datatype": "FP32"}]}
    status, answer = call(client, post(json.dumps(request, indent=4).encode(), "/v2/models/fake/versions/1/infer/"))
    assert status == 200 and [o["name"] for o in answer["outputs"]] == ["n", "y"] and "id" not in answer
    assert answer["outputs"][0]["data"] == [6, 2 ** 62 + 1] and answer["outputs"][1]["data"][5] == 14
    # Floats travel exactly: 2x + 1 in float32, from the text Python writes to the text we write.
    values = [0.1, -1e-7, 3.14159274, 16777217.0, 1e-30, 7.5e8]
    to_float = lambda v: struct.unpack("f", struct.pack("f", v))[0]
    status, answer = call(client, post(infer_body(x=values)))
    assert [to_float(v) for v in answer["outputs"][0]["data"]] == [to_float(to_float(to_float(v) * 2) + 1) for v in values]
    status, answer = call(client, post(infer_body(x=[1, 2, 3, 4, 5, "NaN"])))
    assert status == 200 and answer["outputs"][0]["data"][5] == "NaN"


def test_mistakes(client):
    def mistake(words, change=None, body=None, **arguments):
        request = json.loads(infer_body(**arguments))
        if change:
            change(request)
        status, answer = call(client, post(body if body is not None else json.dumps(request).encode()))
        assert status == 400 and list(answer) == ["error"] and words in answer["error"], (words, status, answer)

    mistake("byte 0", body=b"")
    mistake("byte 1", body=b"{")
    mistake("object", body=b"[]")
    mistake("object", body=b"3")
    mistake("after the end", body=infer_body() + b"x")
    mistake("UTF-8", body=b'{"id":"\xff"}')
    mistake("deep", body=b'{"x":' + b"[" * 600 + b"]" * 600 + b"}")
    mistake("'k' is missing", lambda r: r["inputs"].pop())
    mistake("'x' is missing", lambda r: r.pop("inputs"))
    mistake("array", lambda r: r.update(inputs={}))
    mistake("array", lambda r: r.update(inputs=[1]))
    mistake("twice", lambda r: r["inputs"].append(r["inputs"][0]))
    mistake("unknown input 'q'", lambda r: r["inputs"][0].update(name="q"))
    mistake("no \"name\"", lambda r: r["inputs"][0].pop("name"))
    mistake("no \"shape\"", lambda r: r["inputs"][0].pop("shape"))
    mistake("no \"datatype\"", lambda r: r["inputs"][0].pop("datatype"))
    mistake("no \"data\"", lambda r: r["inputs"][0].pop("data"))
    mistake("unknown datatype 'FP99'", lambda r: r["inputs"][0].update(datatype="FP99"))
    mistake("expects float32[2,3], the request has float64[2,3]", lambda r: r["inputs"][0].update(datatype="FP64"))
    mistake("expects float32[2,3], the request has float32[3,2]", lambda r: r["inputs"][0].update(shape=[3, 2]))
    mistake("integers", lambda r: r["inputs"][0].update(shape=[2.5]))
    mistake("integers", lambda r: r["inputs"][0].update(shape=[-1, 3]))
    mistake("dims", lambda r: r["inputs"][0].update(shape=[1] * 40))
    mistake("another shape", x=[1, 2, 3])
    mistake("another shape", x=[1] * 7)
    mistake("another shape", x=[[1, 2], [3, 4], [5, 6]])
    mistake("element 5 is \"six\"", x=[1, 2, 3, 4, 5, "six"])
    mistake("element 1 is 0.5", k=[1, 0.5])
    mistake("element 0 is 9223372036854775808", k=[2 ** 63, 0])
    mistake("index out of range", k=[1, -1])
    mistake("unknown output 'z'", outputs=[{"name": "z"}])
    mistake("twice", outputs=[{"name": "y"}, {"name": "y"}])
    mistake("string", lambda r: r.update(id=5))
    mistake("1024", id="a" * 2000)
    assert call(client, post(infer_body(), fields="Inference-Header-Content-Length: 10\r\n"))[0] == 400
    assert call(client, post(infer_body(id="still well")))[0] == 200


with Server(sys.argv[1]) as server:
    for test in (test_routes, test_inference, test_mistakes):
        test(server.connect())
        print("ok", test.__name__)
    assert server.stop() == (0, "")
