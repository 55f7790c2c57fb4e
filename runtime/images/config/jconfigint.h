// libjpeg-turbo's configuration: see jconfigint.h.in there.
#define BUILD         ""
#define INLINE        inline
#define THREAD_LOCAL  _Thread_local
#define PACKAGE_NAME  "libjpeg-turbo"
#define VERSION       "2.1.5"
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#define FALLTHROUGH   __attribute__((fallthrough));
