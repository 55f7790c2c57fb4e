// libtiff's configuration: see tif_config.h.cmake.in there.
#include "tiffconf.h"
#define CHECK_JPEG_YCBCR_SUBSAMPLING 1
#define HAVE_ASSERT_H                1
#define HAVE_FCNTL_H                 1
#define HAVE_STRINGS_H               1
#define HAVE_SYS_TYPES_H             1
#define PACKAGE_NAME                 "libtiff"
#define SIZEOF_SIZE_T                __SIZEOF_SIZE_T__
#define STRIP_SIZE_DEFAULT           8192
#define TIFF_MAX_DIR_COUNT           1048576
#define TIFF_SIZE_FORMAT             "zu"
#define TIFF_SSIZE_FORMAT            PRId64
