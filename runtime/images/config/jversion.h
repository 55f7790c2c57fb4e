// libjpeg-turbo's version texts: nothing shows them.
#define JVERSION         ""
#define JCOPYRIGHT       ""
#define JCOPYRIGHT_SHORT ""
