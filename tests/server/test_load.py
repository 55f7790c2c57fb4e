"""Many connections, slow ones, large bodies, and shutting down while work is in flight."""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from serving import Client, Server, get, infer_body, post, wait_until


def test_concurrent(server):
    faults = []

    def talk(number):
        client = server.connect()
        for i in range(30):
            response = client.send(post(infer_body(k=(number, i), id=f"{number}.{i}"))).response()
            if response.status != 200 or response.json()["id"] != f"{number}.{i}" \
                    or response.json()["outputs"][1]["data"] != [number + 1, i + 1]:
                faults.append((number, i, response.body))
        client.close()

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(40)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not faults, faults[:3]


def test_slow_clients(server):
    """Bodies that do not come hold the slots; whoever waits is served in turn when they are given up."""
    body = infer_body()
    slow = [server.connect().send(post(body)[:-10]) for _ in range(8)]
    time.sleep(0.1)
    waiting = [server.connect().send(post(infer_body(k=(i, i)))) for i in range(5)]
    assert server.connect().send(get("/v2/health/live")).response().status == 200  # needs no slot
    time.sleep(0.1)
    for client in slow:
        client.send(post(body)[-10:])
    for client in slow + waiting:
        assert client.response().status == 200
    slow = [server.connect().send(post(body)[:-10]) for _ in range(8)]
    waiting = server.connect().send(post(body))
    slow[0].close()  # a slot comes free because its client goes away
    assert waiting.response().status == 200


def test_slow_reader(program):
    """An answer that is not taken does not keep others waiting."""
    with Server(program) as server:
        slow = server.connect()
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = post(infer_body()) * 2000
        sent = threading.Thread(target=lambda: slow.send(request), daemon=True)
        sent.start()
        time.sleep(0.5)
        begin = time.monotonic()
        assert server.connect().send(post(infer_body())).response().status == 200
        assert time.monotonic() - begin < 2
        for _ in range(2000):
            assert slow.response().status == 200
        sent.join()


def test_limits(program):
    with Server(program, "--max-body", "1000", "--connections", "4") as server:
        client = server.connect()
        assert client.send(post(infer_body() + b" " * (1000 - len(infer_body())))).response().status == 200
        assert client.send(post(b" " * 1001)).response().status == 413 and client.is_closed()
        client = server.connect()
        client.send(b"POST /v2/models/fake/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"100\r\n" + b" " * 256 + b"\r\n300\r\n")
        assert client.response().status == 413 and client.is_closed()
        client.close()
        # More connections than there is room for wait until one is closed.
        time.sleep(0.3)
        clients = [server.connect() for _ in range(4)]
        for c in clients:
            assert c.send(get("/v2/health/live")).response().status == 200
        fifth = server.connect().send(get("/v2/health/live"))
        fifth.socket.settimeout(0.5)
        try:
            assert not fifth.more(), "answered without room"
        except socket.timeout:
            pass
        clients[0].close()
        fifth.socket.settimeout(10)
        assert fifth.response().status == 200
        # Memory does not grow with use.
        memory = lambda: int(re.search(r"VmSize:\s+(\d+)", open(f"/proc/{server.process.pid}/status").read()).group(1))
        before = memory()
        for _ in range(200):
            assert clients[1].send(post(infer_body())).response().status == 200
        assert memory() == before
        descriptors = f"/proc/{server.process.pid}/fd"
        for c in clients[1:] + [fifth]:
            c.close()
        wait_until(lambda: len(os.listdir(descriptors)) <= 6)


def test_header_deadline(server):
    client = server.connect().send(b"GET /v2 HTTP/1.1\r\nHost: ")
    idle = server.connect()
    begin = time.monotonic()
    response = client.response()
    assert response.status == 408 and 9 < time.monotonic() - begin < 13
    assert idle.is_closed(5)  # nothing was sent at all


def test_drain(program):
    with Server(program, "--drain", "1") as server:
        idle, busy = server.connect(), server.connect()
        assert idle.send(get("/v2")).response().status == 200
        body = infer_body()
        busy.send(post(body)[:-10])
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        late = server.connect().send(get("/v2/health/ready"))  # still accepting, not ready
        response = late.response()
        assert response.status == 503 and response.json()["ready"] is False and response.fields["connection"] == "close"
        assert response.fields["retry-after"]
        live = server.connect().send(get("/v2/health/live")).response()
        assert live.status == 200
        time.sleep(1.2)
        assert idle.is_closed()
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
            assert False, "still listening"
        except ConnectionRefusedError:
            pass
        assert server.process.poll() is None  # one request is in flight
        busy.send(post(body)[-10:])
        response = busy.response()
        assert response.status == 200 and response.fields["connection"] == "close"
        busy.close()
        server.process.wait(timeout=10)
        assert server.process.returncode == 0
    with Server(program) as server:
        begin = time.monotonic()
        assert server.stop() == (0, "") and time.monotonic() - begin < 1


def test_start(program):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    for listen in (f"127.0.0.1:{port}", "nonsense", "127.0.0.1:99999", "1.2.3:80", "[::1:80", "127.0.0.1:"):
        result = subprocess.run([program, "serve", "--listen", listen], capture_output=True, timeout=10)
        assert result.returncode == 1 and result.stderr.startswith(b"error: ") and listen.encode() in result.stderr
    result = subprocess.run([program, "serve", "--help"], capture_output=True, timeout=10)
    assert result.returncode == 0 and b"--max-body" in result.stdout


program = sys.argv[1]
with Server(program, "--threads", "2") as shared:
    for test, argument in ((test_start, program), (test_concurrent, shared), (test_slow_clients, shared),
                           (test_slow_reader, program), (test_limits, program), (test_header_deadline, shared),
                           (test_drain, program)):
        test(argument)
        print("ok", test.__name__, flush=True)
    assert shared.stop() == (0, "")
