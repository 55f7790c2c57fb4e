# Relative to this folder. The files that every executable links, and those of the library flavour.
set(INGOT_RUNTIME_SOURCES
    bench.c bind.c command_run.c command_serve.c connection.c cpu.c dtype.c http.c infer.c inflate.c info.c inputs.c
    json.c listen.c main.c minifloat.c number.c oip.c options.c outputs.c run.c sample.c selftest.c sequence_json.c
    sequence_proto.c server.c shapes.c status.c system.c team.c tensor_json.c tensor_npy.c tensor_proto.c tensor_raw.c
    utf8.c value.c wire.c zip.c)
set(INGOT_RUNTIME_LIB_SOURCES bind.c library.c status.c)
