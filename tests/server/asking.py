"""Tensors to and from a server, as NumPy arrays."""

import json

import numpy as np
import support
from serving import post

TYPES = {"float32": "FP32", "float16": "FP16", "uint8": "UINT8", "int32": "INT32", "int64": "INT64", "bool": "BOOL"}


def send(client, name, feeds):
    """The server's answer to one request."""
    client.socket.settimeout(60)
    tensors = [{"name": n, "datatype": TYPES[str(a.dtype)], "shape": list(a.shape), "data": a.ravel().tolist()}
               for n, a in feeds.items()]  # fmt: skip
    return client.send(post(json.dumps({"inputs": tensors}).encode(), f"/v2/models/{name}/infer")).response()


def ask(client, name, feeds):
    """One request of the server; returns {name: array} as run_model does."""
    response = send(client, name, feeds)
    if response.status != 200:
        raise support.Failure(f"the server answers {response.status}: {response.body.decode()}")
    names = {served: dtype for dtype, served in TYPES.items()}
    return {o["name"]: np.array(o["data"], names[o["datatype"]]).reshape(o["shape"]) for o in response.json()["outputs"]}
