# Relative to this folder. The files that every executable links, and those of the library flavour.
set(INGOT_RUNTIME_SOURCES
    bench.c bind.c command_run.c command_serve.c connection.c cpu.c dtype.c http.c infer.c inflate.c info.c inputs.c json.c
    listen.c main.c number.c oip.c options.c outputs.c run.c sample.c selftest.c server.c status.c system.c team.c tensor_file.c
    tensor_json.c tensor_proto.c zip.c)
set(INGOT_RUNTIME_LIB_SOURCES bind.c library.c status.c)
