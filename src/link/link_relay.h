/*
 * The relays of a link: TURN servers (core/turn), of which the nearest is in use. To the rest of the link it is one
 * more socket, LINK_RELAY_SOCK: what the finders, the paths and QUIC send from it goes through the server, and what the
 * server brings is input on it. The sockets that lead to the servers are the driver's, LINK_TURN_SOCKS and the next.
 *
 * Start here: link_relay_put() with each server, then the verbs. Nothing costs anything where no server is named.
 */
#ifndef ADIT_LINK_RELAY_H
#define ADIT_LINK_RELAY_H

#include "core/reach/reach.h"
#include "core/turn/turn_set.h"
#include "link/link.h"
#include "link/link_limits.h"

struct link_relay_store;

struct link_relay {
	const struct link_config *cfg;
	struct link_relay_store *store; /* NULL: no server was ever named */
	struct link_relay_info info;
};

void link_relay_init(struct link_relay *r, const struct link_config *cfg);
void link_relay_done(struct link_relay *r);

/* As link_set_relay(). */
ADIT_MUST_CHECK int link_relay_put(struct link_relay *r, adit_time now, size_t i, const struct turn_server *server);
/* The allocation is given back; nothing is sent through it any more. */
void link_relay_end(struct link_relay *r, adit_time now);

static inline bool link_relay_is_turn(uint32_t sock)
{
	return sock - LINK_TURN_SOCKS < TURN_SERVERS_MAX;
}

/* From a server: what link_relay_data() then gives is for the link. 0 or EIGNORED. */
int link_relay_input(struct link_relay *r, adit_time now, const struct adit_dgram *d);
/* 1: |ret_data| is the next datagram on LINK_RELAY_SOCK; 0: no more. Before anything else is done to it. */
int link_relay_data(struct link_relay *r, struct adit_dgram *ret_data);
void link_relay_icmp(struct link_relay *r, adit_time now, const struct adit_icmp *icmp);
void link_relay_sock_failed(struct link_relay *r, adit_time now, uint32_t sock);
void link_relay_sock_up(struct link_relay *r, adit_time now, uint32_t sock);
void link_relay_sock_down(struct link_relay *r, adit_time now, uint32_t sock, const char *why);
/* Is the allocation still there? Where the answer is no, there is another one soon. */
void link_relay_doubt(struct link_relay *r, adit_time now);
/* Likewise: our addresses have changed. */
void link_relay_moved(struct link_relay *r, adit_time now);
/* There is no path: servers that have not answered are asked again at once (turn_set_again()). */
void link_relay_again(struct link_relay *r, adit_time now);
void link_relay_tick(struct link_relay *r, adit_time now);
adit_time link_relay_deadline(const struct link_relay *r);
int link_relay_output(struct link_relay *r, adit_time now, struct adit_out *ret_out);
/* A SEND on LINK_RELAY_SOCK, after link_relay_output() has said 0. */
void link_relay_send(struct link_relay *r, adit_time now, const struct adit_out *out);

/* There is none, but may be soon: a server is being asked. */
bool link_relay_is_asked(const struct link_relay *r);
/*
 * True: something has changed, |info| tells it. |*ret_relay| is then what reach_set_relay() wants to know; NULL: there
 * is none.
 */
bool link_relay_news(struct link_relay *r, adit_time now, adit_utc utc, const struct reach_relay **ret_relay);

#endif
