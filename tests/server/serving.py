"""Starts the server on a free port and speaks raw bytes to it. Standard library only."""
import json
import re
import signal
import socket
import subprocess
import time


class Server:
    def __init__(self, program, *options):
        self.process = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.line = self.process.stdout.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.line)
        assert found, (self.line, self.process.stderr.read())
        self.port = int(found.group(1))

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Client(connection)

    def stop(self):
        """Ends the server as an orchestrator does; returns its exit code and what it said on standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors.decode()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, connection):
        self.socket = connection
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.buffer += data
        return bool(data)

    def response(self, head=False):
        """The next answer, or None when the server has closed."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        text, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Za-z ]+", lines[0]).group(1))
        fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in fields, f"repeated field {name}"
            fields[name.lower()] = value
        if status == 100:
            assert not fields
            return Response(status, fields, b"")
        assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", fields["date"])
        assert ("content-length" in fields) == (status != 204)
        length = 0 if head else int(fields.get("content-length", 0))
        while len(self.buffer) < length:
            assert self.more(), "the body is cut"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Response(status, fields, body)

    def is_closed(self, seconds=5):
        """Whether the server ends the connection without saying more."""
        self.socket.settimeout(seconds)
        try:
            return not self.buffer and not self.more()
        except socket.timeout:
            return False

    def close(self):
        self.socket.close()


def infer_body(x=(1, 2, 3, 4, 5, 6), k=(10, 20), **more):
    request = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": list(x)},
                          {"name": "k", "shape": [2], "datatype": "INT64", "data": list(k)}], **more}
    return json.dumps(request).encode()


def post(body, path="/v2/models/fake/infer", fields=""):
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


def get(path, method="GET", fields=""):
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
