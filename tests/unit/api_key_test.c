#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <adit/ticket.h>

#include "api/api_key.h"
#include "crypto/crypto.h"

static char serve_id[ADIT_IDENTITY_STRLEN];
static char client_id[ADIT_IDENTITY_STRLEN];
static char ticket[ADIT_TICKET_STRLEN];
static char by_key[ADIT_TICKET_STRLEN];

static int setup(void **state)
{
	(void)state;
	adit_identity_new(serve_id);
	adit_identity_new(client_id);
	return adit_ticket_new(serve_id, false, ticket) < 0 || adit_ticket_new(serve_id, true, by_key) < 0;
}

static struct api_keys read_ok(struct api_key_config cfg)
{
	struct api_keys k;

	assert_int_equal(api_keys_read(&cfg, &k), 0);
	return k;
}

static int read_bad(struct api_key_config cfg)
{
	struct api_keys k;

	return api_keys_read(&cfg, &k);
}

static void an_identity_is_a_text_that_notices_damage(void **state)
{
	char public[ADIT_PUBLIC_STRLEN];
	char again[ADIT_PUBLIC_STRLEN];
	char bad[ADIT_IDENTITY_STRLEN];
	size_t wrong = 0;

	(void)state;
	assert_int_equal(adit_identity_public(serve_id, public), 0);
	assert_memory_equal(public, "ed25519 ", 8);
	strcpy(bad, serve_id);
	for (char *p = bad; (p = strchr(p, '\n')) != NULL;)
		*p = ' ';
	assert_int_equal(adit_identity_public(bad, again), 0); /* one line does as well */
	assert_string_equal(again, public);
	for (size_t i = strlen("adit identity 1\n"); i + 1 < strlen(serve_id); i++) {
		strcpy(bad, serve_id);
		bad[i] = bad[i] == 'b' ? 'c' : 'b';
		wrong += adit_identity_public(bad, again) == ADIT_EINVAL;
	}
	/* The last letter of each key has bits that do not count, but must be zero. */
	assert_int_equal(wrong, strlen(serve_id) - strlen("adit identity 1\n") - 1);
	assert_int_equal(adit_identity_public("", again), ADIT_EINVAL);
	assert_int_equal(adit_identity_public("adit identity 2\nsomething else", again), ADIT_EVERSION);
}

static void a_ticket_says_whether_it_is_one(void **state)
{
	char bad[ADIT_TICKET_STRLEN];

	(void)state;
	assert_int_equal(adit_ticket_check(ticket), 0);
	strcpy(bad, ticket);
	bad[20] = bad[20] == 'b' ? 'c' : 'b';
	assert_int_equal(adit_ticket_check(bad), ADIT_ECHECKSUM);
	assert_int_equal(adit_ticket_check("hello"), ADIT_EINVAL);
	for (size_t i = 0; ticket[i]; i++)
		bad[i] = (char)toupper(ticket[i]);
	assert_int_equal(adit_ticket_check(bad), 0);
}

static void mediators_are_added_until_there_is_no_room(void **state)
{
	char t[ADIT_TICKET_STRLEN];
	char host[ADIT_HOST_STRLEN];
	int err = 0;
	int n = 0;

	(void)state;
	strcpy(t, ticket);
	assert_int_equal(adit_ticket_add_mediator(t, "not a host"), ADIT_EINVAL);
	assert_string_equal(t, ticket);
	assert_int_equal(adit_ticket_mediator(t, 0, host), ADIT_ENOENT);
	while (err == 0) {
		snprintf(host, sizeof(host), "Mediator-%d.example.net:3478", n);
		err = adit_ticket_add_mediator(t, host);
		n += err == 0;
	}
	assert_int_equal(err, ADIT_EFULL);
	assert_true(n >= 4);
	assert_int_equal(adit_ticket_check(t), 0);
	assert_int_equal(adit_ticket_mediator(t, 2, host), 0);
	assert_string_equal(host, "mediator-2.example.net");
	assert_int_equal(adit_ticket_mediator(t, (size_t)n, host), ADIT_ENOENT);
	assert_int_equal(adit_ticket_add_mediator(strcpy(t, "nothing"), "a.example"), ADIT_EINVAL);
}

static void both_sides_come_to_the_same_secret(void **state)
{
	struct api_keys s = read_ok((struct api_key_config){.serve = true, .identity = serve_id, .ticket = ticket});
	struct api_keys c = read_ok((struct api_key_config){.ticket = ticket});

	(void)state;
	assert_memory_equal(s.k, c.k, sizeof(s.k));
	assert_false(s.has_peer_key);
	assert_true(c.has_peer_key);
	assert_memory_equal(c.peer_key, s.id.public_key, sizeof(c.peer_key));
	api_keys_done(&s);
	api_keys_done(&c);
}

static void known_keys_need_no_secret(void **state)
{
	char client[ADIT_PUBLIC_STRLEN];
	struct api_keys s, c;

	(void)state;
	assert_int_equal(adit_identity_public(client_id, client), 0);
	s = read_ok((struct api_key_config){.serve = true, .identity = serve_id, .allow = client});
	c = read_ok((struct api_key_config){.identity = client_id, .ticket = by_key});
	assert_memory_equal(s.k, c.k, sizeof(s.k));
	assert_memory_equal(s.peer_key, c.id.public_key, sizeof(s.peer_key));
	api_keys_done(&s);
	api_keys_done(&c);
}

static void what_does_not_fit_together_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_bad((struct api_key_config){.serve = true, .ticket = ticket}), ADIT_EINVAL);
	assert_int_equal(read_bad((struct api_key_config){.serve = true, .identity = serve_id}), ADIT_EINVAL);
	/* Another's ticket, one without a secret, and a key that is none. */
	assert_int_equal(read_bad((struct api_key_config){.serve = true, .identity = client_id, .ticket = ticket}),
			 ADIT_EINVAL);
	assert_int_equal(read_bad((struct api_key_config){.serve = true, .identity = serve_id, .ticket = by_key}),
			 ADIT_EINVAL);
	assert_int_equal(read_bad((struct api_key_config){.serve = true, .identity = serve_id, .allow = "# nobody"}),
			 ADIT_EINVAL);
	assert_int_equal(read_bad((struct api_key_config){.serve = true, .identity = serve_id, .allow = "rsa x"}),
			 ADIT_EINVAL);
	assert_int_equal(read_bad((struct api_key_config){0}), ADIT_EINVAL);
	/* Who is admitted by key must have one. */
	assert_int_equal(read_bad((struct api_key_config){.ticket = by_key}), ADIT_EINVAL);
	by_key[30] = by_key[30] == 'b' ? 'c' : 'b';
	assert_int_equal(read_bad((struct api_key_config){.identity = client_id, .ticket = by_key}), ADIT_ECHECKSUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_identity_is_a_text_that_notices_damage),
		cmocka_unit_test(a_ticket_says_whether_it_is_one),
		cmocka_unit_test(mediators_are_added_until_there_is_no_room),
		cmocka_unit_test(both_sides_come_to_the_same_secret),
		cmocka_unit_test(known_keys_need_no_secret),
		cmocka_unit_test(what_does_not_fit_together_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
