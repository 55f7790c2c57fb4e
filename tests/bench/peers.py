#!/usr/bin/env python3
"""Other runtimes behind one interface, each in a process of its own.

    peers.py NAME MODEL INPUTS.npz OUTPUTS.npz THREADS

Opens MODEL with the peer NAME, runs it once on the arrays of INPUTS and writes its outputs, then prints its version.
After that each line of standard input is a number of runs, answered with one line of JSON: microseconds, median and
99th percentile. Inputs are in memory and where the peer allows it bound before; a call goes through Python, a
microsecond or some, which counts for models as short as that.

Packages: requirements.txt beside this file.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PEERS = {}


def peer(package):
    """A function (model, {name: array}, threads) -> (run, read): run() is timed, read() gives the outputs in the model's
    order; and the package whose version counts."""

    def add(function):
        PEERS[function.__name__] = function, package
        return function

    return add


@peer("onnxruntime")
def onnxruntime(model, arrays, threads):
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding, kept = session.io_binding(), []
    for name, array in arrays.items():
        kept.append(ort.OrtValue.ortvalue_from_numpy(array))
        binding.bind_ortvalue_input(name, kept[-1])
    outputs = session.run(None, arrays)
    for name, array in zip((o.name for o in session.get_outputs()), outputs):
        if isinstance(array, np.ndarray) and array.dtype.kind not in "OU":
            kept.append(ort.OrtValue.ortvalue_from_numpy(array))
            binding.bind_ortvalue_output(name, kept[-1])
        else:
            binding.bind_output(name)
    return lambda: session.run_with_iobinding(binding), lambda: outputs


@peer("openvino")
def openvino(model, arrays, threads):
    import openvino as ov

    core = ov.Core()
    wanted = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
              "INFERENCE_PRECISION_HINT": "f32"}
    read = core.read_model(model)
    read.reshape({name: array.shape for name, array in arrays.items()})
    compiled = core.compile_model(read, "CPU", wanted)
    request = compiled.create_infer_request()
    for name, array in arrays.items():
        request.set_tensor(name, ov.Tensor(array, shared_memory=True))
    run = super(type(request), request).infer  # without the wrapper that copies outputs into a dict
    try:
        run()
    except TypeError:
        run = request.infer
    return run, lambda: [request.get_output_tensor(i).data.copy() for i in range(len(compiled.outputs))]


@peer("ncnn")
def ncnn(model, arrays, threads):
    import ncnn
    import onnx
    import pnnx

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    with tempfile.TemporaryDirectory(prefix="ingot-ncnn-") as folder:
        copy = f"{folder}/model.onnx"
        Path(copy).write_bytes(Path(model).read_bytes())
        shapes = ",".join(f"[{','.join(map(str, a.shape))}]" for a in arrays.values())
        run_tool(pnnx.EXEC_PATH, copy, f"inputshape={shapes}", "fp16=0")
        if net.load_param(f"{folder}/model.ncnn.param") or net.load_model(f"{folder}/model.ncnn.bin"):
            raise RuntimeError("ncnn cannot load what pnnx wrote")
    # Mats have no batch axis.
    mats = [ncnn.Mat(np.ascontiguousarray(a[0])).clone() for a in arrays.values()]
    outputs = onnx.load(model, load_external_data=False).graph.output
    out = []

    def run():
        extractor = net.create_extractor()
        for i, mat in enumerate(mats):
            extractor.input(f"in{i}", mat)
        out[:] = [extractor.extract(f"out{i}")[1] for i in range(len(outputs))]

    return run, lambda: [np.array(mat)[None] for mat in out]


@peer("iree-base-compiler")
def iree(model, arrays, threads):
    import iree.runtime as runtime
    import onnx

    with tempfile.TemporaryDirectory(prefix="ingot-iree-") as folder:
        mlir, module = f"{folder}/model.mlir", f"{folder}/model.vmfb"
        tools = Path(sys.executable).parent
        run_tool(tools / "iree-import-onnx", model, "--opset-version", "17", "-o", mlir)
        run_tool(tools / "iree-compile", mlir, "-o", module, "--iree-hal-target-device=local",
                 "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host",
                 "--iree-opt-level=O3")  # fmt: skip
        config = runtime.Config("local-sync" if threads == 1 else "local-task")
        context = runtime.load_vm_module(
            runtime.VmModule.copy_buffer(config.vm_instance, Path(module).read_bytes()), config)
    function = context[onnx.load(model, load_external_data=False).graph.name]
    given = [runtime.asdevicearray(config.device, array) for array in arrays.values()]
    out = []

    def run():
        result = function(*given)
        out[:] = result if isinstance(result, (tuple, list)) else [result]

    return run, lambda: [np.asarray(value.to_host()) for value in out]


@peer("tract")
def tract(model, arrays, threads):
    import tract

    if threads > 1:
        raise RuntimeError("runs one thread only")
    loaded = tract.onnx().load(model)
    for i, array in enumerate(arrays.values()):
        kind = {"float32": "f32", "int64": "i64", "int32": "i32"}[array.dtype.name]
        loaded.set_input_fact(i, f"{','.join(map(str, array.shape))},{kind}")
    runnable = loaded.into_model().into_runnable()
    given, out = list(arrays.values()), []

    def run():
        out[:] = runnable.run(given)

    return run, lambda: [value.to_numpy() for value in out]


@peer("apache-tvm")
def tvm(model, arrays, threads):
    """Without tuning: hours of search are no part of a build."""
    import onnx
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    os.environ["TVM_NUM_THREADS"] = str(threads)
    target = tvm.target.Target({"kind": "llvm", "mcpu": tvm.target.codegen.llvm_get_system_cpu()})
    module = from_onnx(onnx.load(model), {name: list(a.shape) for name, a in arrays.items()}, keep_params_in_input=False)
    with target:
        compiled = tvm.compile(relax.get_pipeline("zero")(module), target)
    machine = relax.VirtualMachine(compiled, tvm.cpu())
    machine.set_input("main", *[tvm.runtime.tensor(a) for a in arrays.values()])

    def read():
        out = machine.get_outputs("main")
        return [value.numpy() for value in (out if isinstance(out, (tuple, list)) else [out])]

    return lambda: machine.invoke_stateful("main"), read


@peer("tinygrad")
def tinygrad(model, arrays, threads):
    if threads > 1:
        raise RuntimeError("runs one thread only")
    os.environ.update(DEV="CPU", CPU_COUNT="1", CC="clang-19")
    from tinygrad import Tensor, TinyJit
    from tinygrad.nn.onnx import OnnxRunner

    runner = OnnxRunner(model)
    given, out = {name: Tensor(a).realize() for name, a in arrays.items()}, []

    @TinyJit
    def call(**tensors):
        return [value.realize() for value in runner(tensors).values()]

    def run():
        out[:] = call(**given)
        out[0].numpy()

    return run, lambda: [value.numpy() for value in out]


def run_tool(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def serve(name, model, inputs, outputs, threads):
    with np.load(inputs) as file:
        arrays = {key: file[key] for key in file.files}
    open_peer, package = PEERS[name]
    run, read = open_peer(model, arrays, int(threads))
    run()
    np.savez(outputs, *read())
    print(importlib.metadata.version(package), flush=True)
    clock = time.perf_counter_ns
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = clock()
            run()
            times.append(clock() - start)
        p50, p99 = np.percentile(times, [50, 99]) / 1000
        print(json.dumps({"p50_us": p50, "p99_us": p99}), flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
