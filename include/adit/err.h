/*
 * Result codes of all of adit. 0 is success, counts are positive, codes are negative.
 * One list makes the enum, adit_strerror() and adit_err_name().
 */
#ifndef ADIT_ERR_H
#define ADIT_ERR_H

#define ADIT_API        __attribute__((visibility("default")))
#define ADIT_MUST_CHECK __attribute__((warn_unused_result))

#define ADIT_ERR_MAP(X)                                                         \
	X(EPROTO, -1, "peer sent a malformed message")                          \
	X(EFULL, -2, "fixed-size table or buffer is full")                      \
	X(EIGNORED, -3, "not for this object")                                  \
	X(EAUTH, -4, "authentication failed")                                   \
	X(EVERSION, -5, "unknown version: update adit")                         \
	X(ECHECKSUM, -6, "damaged: the checksum does not fit")                  \
	X(EREPLAY, -7, "seen before")                                           \
	X(EINVAL, -8, "not a valid value")                                      \
	X(ENOENT, -9, "no such entry")                                          \
	X(EAGAIN, -10, "nothing now, try again later")                          \
	X(ESYS, -11, "the system refused a call")                               \
	X(ENOMEM, -64, "out of memory") /* -64 and below: the object is dead */ \
	X(EDEAD, -65, "the object has failed and can only be freed")

enum adit_err {
#define ADIT_ERR_ENUM(name, code, text) ADIT_##name = (code),
	ADIT_ERR_MAP(ADIT_ERR_ENUM)
#undef ADIT_ERR_ENUM
};

#ifdef __cplusplus
extern "C" {
#endif

/* A sentence for |err|; never NULL. Static. */
ADIT_API const char *adit_strerror(int err);

/* The code's name ("EPROTO"); never NULL. Static. */
ADIT_API const char *adit_err_name(int err);

#ifdef __cplusplus
}
#endif

#endif
