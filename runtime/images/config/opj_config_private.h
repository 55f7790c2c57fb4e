// OpenJPEG's configuration: see opj_config_private.h.cmake.in there. Aligned memory comes from its own code over
// malloc, which is bounded.
#define OPJ_HAVE_INTTYPES_H 1
#define OPJ_PACKAGE_VERSION "2.5.0"
