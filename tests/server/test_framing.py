"""Framing faults must get their status and a closed connection; correct requests, however cut, the right answer."""
import sys
import time

from serving import Server, get, infer_body, post

LIVE = get("/v2/health/live")
HOST = b"Host: a\r\n"
INFER = b"POST /v2/models/fake/infer HTTP/1.1\r\nHost: a\r\n"

# What follows a fault must not be taken for a request: each is sent with a whole request behind it.
FAULTS = [
    (400, b"GET /v2 HTTP/1.1\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\nHost : a\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\n" + HOST + b" folded: 1\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\n" + HOST + b"A: 1\r\n\tfolded\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\n" + HOST + b"A(B): 1\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\n" + HOST + b"A: \0\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\n" + HOST + b"A: b\rc\r\n\r\n"),
    (400, b"GET /v2 HTTP/1.1\n" + HOST + b"\r\n"),
    (400, b"GET /v2 HTTP/1.1\r\nHost: a\n\r\n"),
    (400, b"GET /v2\r\n\r\n"),
    (400, b"\x16\x03\x01\x02\x00\x01\x00"),
    (505, b"GET /v2 HTTP/2.0\r\n" + HOST + b"\r\n"),
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (414, b"GET /" + b"a" * 40000),
    (431, b"GET /v2 HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 20000 + b"\r\n\r\n"),
    (431, b"GET /v2 HTTP/1.1\r\n" + HOST + b"A: a\r\n" * 101 + b"\r\n"),
    (417, INFER + b"Content-Length: 5\r\nExpect: tea\r\n\r\n"),
    (400, INFER + b"Content-Length: \r\n\r\n"),
    (400, INFER + b"Content-Length: 5x\r\n\r\nhello"),
    (400, INFER + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    (400, INFER + b"Content-Length: 5, 5\r\n\r\nhello"),
    (400, INFER + b"Content-Length: 99999999999999999999\r\n\r\n"),
    (413, INFER + b"Content-Length: 99999999999\r\n\r\n"),
    (400, INFER + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, INFER + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    (400, INFER + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    (501, INFER + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (400, INFER.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
] + [(400, INFER + b"Transfer-Encoding: chunked\r\n\r\n" + chunk) for chunk in (
    b"0x1\r\na\r\n0\r\n\r\n", b"+1\r\na\r\n0\r\n\r\n", b"1_0\r\n", b" 1\r\na\r\n", b"1 \r\na\r\n", b"\r\n", b"1\na\r\n",
    b"11111111111111111\r\n", b"1\r\nab\r\n0\r\n\r\n", b"1\r\na0\r\n\r\n", b"0\r\nA : b\r\n\r\n", b"0\r\n\n",
    b"1;" + b"e" * 5000 + b"\r\na\r\n0\r\n\r\n")] + [
    (413, INFER + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"),
]


def test_faults(server):
    for status, data in FAULTS:
        client = server.connect()
        try:
            client.send(data + LIVE)
        except ConnectionError:
            pass  # it was answered before all was sent
        response = client.response()
        assert response and response.status == status, (data[:100], response and response.status)
        assert response.fields["connection"] == "close" and "error" in response.json(), data[:100]
        assert client.is_closed(), (data[:100], client.buffer)
        client.close()


def test_clean_end(server):
    """Bytes that nobody reads must not turn the end of the connection into a reset, which could take the answer along."""
    client = server.connect().send(INFER + b"Content-Length: 99999999999\r\n\r\n" + b" " * 300000)
    assert client.response().status == 413
    client.socket.settimeout(5)
    assert client.socket.recv(10) == b""


def test_pieces(server):
    """A request is the same in one piece, in two at any place, and byte by byte."""
    whole = INFER + b"Transfer-Encoding: chunked\r\n\r\n"
    body = infer_body()
    for at in range(0, len(body), 50):
        part = body[at:at + 50]
        whole += b"%x;ext=1\r\n%s\r\n" % (len(part), part)
    whole += b"0\r\nTrailer: x\r\n\r\n"
    expected = None
    client = server.connect()
    cuts = [[len(whole)]] + [[i, len(whole)] for i in range(1, len(whole), 7)] + [list(range(1, len(whole) + 1))]
    for cut in cuts:
        at = 0
        for end in cut:
            client.send(whole[at:end])
            at = end
            if len(cut) == 2:
                time.sleep(0.001)
        response = client.response()
        assert response.status == 200, response.body
        expected = expected or response.body
        assert response.body == expected
    assert response.json()["outputs"][0]["data"] == [3, 5, 7, 9, 11, 13]
    client.close()


def test_pipelining(server):
    client = server.connect()
    requests = []
    for i in range(40):
        requests.append(post(infer_body(k=(i, 2 * i), id=str(i))) if i % 3 else get("/v2/models/fake"))
    client.send(b"".join(requests))
    for i in range(40):
        response = client.response()
        assert response.status == 200
        if i % 3:
            assert response.json()["id"] == str(i) and response.json()["outputs"][1]["data"] == [i + 1, 2 * i + 1]
        else:
            assert response.json()["name"] == "fake"
    # After "close" nothing more is answered.
    client.send(get("/v2", fields="Connection: close\r\n") + LIVE)
    assert client.response().fields["connection"] == "close" and client.is_closed()


def test_versions(server):
    client = server.connect().send(b"GET /v2 HTTP/1.0\r\n\r\n")
    response = client.response()
    assert response.status == 200 and response.fields["connection"] == "close" and client.is_closed()
    client = server.connect().send(b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
    for _ in range(2):
        assert client.response().fields["connection"] == "keep-alive"
    client.send(b"\r\n" + get("http://a/v2/health/live?x"))  # an empty line before, absolute form
    assert client.response().json() == {"live": True, "ready": True}
    client.send(get("/v2", "HEAD") + get("/v2/none", "HEAD") + get("*", "OPTIONS") + get("/v2", "OPTIONS"))
    assert int(client.response(head=True).fields["content-length"]) > 0
    assert client.response(head=True).status == 404
    for _ in range(2):
        response = client.response()
        assert response.status == 204 and "GET" in response.fields["allow"]
    client.send(get("/v2/" + "a" * 7990))
    assert client.response().status == 404
    client.send(get("/v2", fields="Content-Length: 3\r\n") + b"abc" + LIVE)  # a body that nobody needs
    assert client.response().status == 200 and client.response().status == 200
    client.close()


def test_continue(server):
    body = infer_body()
    client = server.connect().send(post(body, fields="Expect: 100-continue\r\n")[:-len(body)])
    assert client.response().status == 100
    client.send(body)
    assert client.response().status == 200
    client.send(post(body, fields="Expect: 100-continue\r\n"))  # the body came at once: 100 may be left out
    assert client.response().status == 200
    for head, status in ((INFER + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", 413),
                         (b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 404)):
        client = server.connect().send(head)
        assert client.response().status == status and client.is_closed()
    client = server.connect().send(INFER.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
    assert client.response().status == 400  # about the body: no 1xx to HTTP/1.0


with Server(sys.argv[1]) as server:
    for test in (test_faults, test_clean_end, test_pieces, test_pipelining, test_versions, test_continue):
        test(server)
        print("ok", test.__name__)
    assert server.stop() == (0, "")
