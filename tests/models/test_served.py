#!/usr/bin/env python3
"""A thousand MNIST digits through the HTTP server of mnist_8's executable: every class must be ONNX Runtime's."""

import http.client
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
import zoo

COUNT = 1000


def infer(connection, name, image):
    """POSTs one image over the kept connection; the class of the answer."""
    tensor = {"name": "Input3", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": image.ravel().tolist()}
    connection.request("POST", f"/v2/models/{name}/infer", json.dumps({"inputs": [tensor]}))
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        raise support.Failure(f"status {response.status}: {answer}")
    return int(np.argmax(answer["outputs"][0]["data"]))


def main():
    support.need_data()
    support.need_compiler()
    model = zoo.MODELS["mnist_8"]
    pixels, labels = zoo.read_mnist()
    session = support.open_ort(model.path())
    with tempfile.TemporaryDirectory(prefix="ingot-served-") as folder:
        executable = Path(folder) / model.name
        support.build(model.path(), executable)
        server = subprocess.Popen([executable, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        try:
            line = server.stdout.readline()
            port = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not port:
                raise support.Failure(f"the server's first line names no port: {line!r}")
            connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=30)
            connection.connect()
            opened, right, differ = connection.sock, 0, []
            for i in range(COUNT):
                image = pixels[i].astype(np.float32)
                got = infer(connection, model.name, image)
                expected = int(np.argmax(session.run(None, {"Input3": image})[0]))
                right += got == labels[i]
                differ += [f"image {i}: class {got}, ONNX Runtime {expected}"] if got != expected else []
            if connection.sock is not opened:
                raise support.Failure("the server did not keep the connection open")
        finally:
            server.terminate()
            code = server.wait(timeout=30)
    print(f"{COUNT} digits over one connection: {right / COUNT:.1%} right, {len(differ)} unlike ONNX Runtime")
    print("\n".join(differ[:10]))
    if code:
        raise support.Failure(f"the server ended with {code} on SIGTERM, expected 0")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    support.run_main(main)
