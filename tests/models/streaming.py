"""Models that carry a state from one call to the next: the executable as a server, ONNX Runtime beside it."""

import http.client
import json
import re
import subprocess
import wave

import numpy as np
import support
import zoo

TYPES = {"float32": "FP32", "int64": "INT64"}
RATE = 16000


def read_audio():
    """The minute of speech of silero/test.wav: float32 in -1..1 at RATE."""
    with wave.open(str(zoo.DATA / "models/data/silero/test.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768


class Served:
    """A built model behind one kept connection."""

    def __init__(self, name, folder, shapes=None):
        self.name, executable = name, folder / name
        support.build(zoo.DATA / "models" / f"{name}.onnx", executable, shapes)
        self.process = subprocess.Popen([executable, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        port = re.search(r"127\.0\.0\.1:(\d+)", self.process.stdout.readline())[1]
        self.connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.connection.close()
        self.process.terminate()
        self.process.communicate(timeout=30)

    def __call__(self, inputs):
        """{name: array} to {name: array}."""
        tensors = [{"name": name, "datatype": TYPES[str(array.dtype)], "shape": list(array.shape),
                    "data": array.ravel().tolist()} for name, array in inputs.items()]  # fmt: skip
        self.connection.request("POST", f"/v2/models/{self.name}/infer", json.dumps({"inputs": tensors}))
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise support.Failure(f"{self.name}: status {response.status}: {answer}")
        return {o["name"]: np.array(o["data"], np.float32).reshape(o["shape"]) for o in answer["outputs"]}


def open_reference(name):
    """ONNX Runtime on the same model, called in the same way."""
    session = support.open_ort(zoo.DATA / "models" / f"{name}.onnx")
    return lambda inputs: support.run_ort(session, inputs)
