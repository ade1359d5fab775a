/* For programs that include the parts of ei by name. */
#include "ei.h"
