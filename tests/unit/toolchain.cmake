# Target descriptions and the linking stage.
ingot_unit_test(test_target test_target.c LIBRARIES ingot_core)

# The same small model for each machine. It needs no headers of that machine's C library.
function(add_link_model object arch)
  add_custom_command(OUTPUT ${object} DEPENDS link_model.c
                     COMMAND ${CLANG_19} --target=${arch}-linux-musl -std=gnu17 -O2 -ffreestanding -nostdlibinc ${ARGN}
                             -c ${CMAKE_CURRENT_SOURCE_DIR}/link_model.c -o ${object} VERBATIM)
endfunction()
set(models ${CMAKE_CURRENT_BINARY_DIR}/link_model)
add_link_model(${models}.x86_64.o x86_64)
add_link_model(${models}.pic.o x86_64 -fPIC -DLIBRARY)
add_link_model(${models}.aarch64.o aarch64)
add_custom_target(link_models DEPENDS ${models}.x86_64.o ${models}.pic.o ${models}.aarch64.o)

ingot_unit_test(test_link test_link.c LIBRARIES ingot_core)
add_dependencies(test_link link_models ingot_resources)
target_compile_definitions(test_link PRIVATE LINK_MODEL_X86_64="${models}.x86_64.o" LINK_MODEL_PIC="${models}.pic.o"
                           LINK_MODEL_AARCH64="${models}.aarch64.o")
# The same with 3 GB of weights: ctest -C large -L large
add_test(NAME test_link_large COMMAND test_link CONFIGURATIONS large)
set_tests_properties(test_link_large PROPERTIES LABELS large TIMEOUT 900 ENVIRONMENT "${test_environment};INGOT_LARGE=1")
