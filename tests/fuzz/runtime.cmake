# What the executable reads from outside: JSON, HTTP, tensor files.
foreach(part json http tensor_file)
  ingot_fuzz_target(fuzz_${part} 20 fuzz_${part}.c LIBRARIES ingot_runtime_native)
endforeach()
