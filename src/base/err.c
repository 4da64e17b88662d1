#include "base/err.h"

const char *adit_strerror(int err)
{
	switch (err) {
	case 0:
		return "success";
#define ADIT_ERR_TEXT(name, code, text) \
	case code:                      \
		return text;
		ADIT_ERR_MAP(ADIT_ERR_TEXT)
#undef ADIT_ERR_TEXT
	default:
		return "unknown error";
	}
}

const char *adit_err_name(int err)
{
	switch (err) {
	case 0:
		return "OK";
#define ADIT_ERR_NAME(name, code, text) \
	case code:                      \
		return #name;
		ADIT_ERR_MAP(ADIT_ERR_NAME)
#undef ADIT_ERR_NAME
	default:
		return "?";
	}
}
