/* Sockets and ICMP at a host of the simulation. Begin with lab_inner.h. */
#include <stdlib.h>

#include "lab/lab_inner.h"
#include "lab/lab_limits.h"

struct lab_host *lab_host_new(struct lab_sim *s)
{
	struct lab_host *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->id = lab_node_new(s, "host");
	if (h->id == 0) {
		free(h);
		return NULL;
	}
	h->sim = s;
	h->rng = adit_rng_seeded_init(&h->rng_state, lab_sim_seed(s));
	h->up_for = adit_rng_below(&h->rng, LAB_BOOT_MAX);
	adit_list_init(&h->ifaces);
	adit_list_init(&h->machines);
	adit_list_push_back(&s->hosts, &h->all);
	return h;
}

void lab_host_free(struct lab_host *h)
{
	adit_list_each_safe (it, tmp, &h->machines)
		lab_machine_free(adit_container(it, struct lab_machine, of_host));
	lab_frags_free(&h->frags, h->sim);
	adit_list_del(&h->all);
	free(h);
}

unsigned lab_host_id(const struct lab_host *h)
{
	return h->id;
}

struct lab_iface *lab_host_attach(struct lab_host *h, struct lab_net *n, const struct adit_addr *addr,
				  const struct lab_link_config *access)
{
	struct lab_iface *i = lab_iface_new(n, addr, NULL, access);

	if (!i)
		return NULL;
	i->host = h;
	adit_list_push_back(&h->ifaces, &i->of_host);
	return i;
}

adit_time lab_host_now(const struct lab_host *h)
{
	return h->sim->now + h->up_for;
}

adit_utc lab_host_utc(const struct lab_host *h)
{
	return LAB_UTC_START + h->sim->now + (uint64_t)h->utc_offset;
}

void lab_host_set_lateness(struct lab_host *h, adit_dur lateness)
{
	h->lateness = lateness;
}

void lab_host_set_fragments(struct lab_host *h, bool fragments)
{
	h->fragments = fragments;
}

static struct lab_sock **bucket_of(struct lab_host *h, uint16_t port)
{
	return &h->buckets[port % LAB_SOCK_BUCKETS];
}

static struct lab_sock *find_sock(struct lab_host *h, uint8_t family, uint16_t port)
{
	struct lab_sock *k = *bucket_of(h, port);

	while (k && (k->port != port || k->family != family))
		k = k->next;
	return k;
}

/* Any free port: from a random one upwards. 0: none is free. */
static uint16_t free_port(struct lab_host *h, uint8_t family)
{
	unsigned n = LAB_PORT_LAST - LAB_PORT_FIRST + 1;
	unsigned at = (unsigned)adit_rng_below(&h->rng, n);

	for (unsigned i = 0; i < n; i++) {
		uint16_t port = (uint16_t)(LAB_PORT_FIRST + (at + i) % n);

		if (!find_sock(h, family, port))
			return port;
	}
	return 0;
}

struct lab_sock *lab_sock_open(struct lab_machine *m, uint32_t number, uint8_t family, uint16_t port)
{
	struct lab_host *h = m->host;
	struct lab_sock **bucket;
	struct lab_sock *k;

	if (port == 0)
		port = free_port(h, family);
	if (port == 0 || find_sock(h, family, port))
		return NULL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	bucket = bucket_of(h, port);
	k->machine = m;
	k->number = number;
	k->port = port;
	k->family = family;
	k->next = *bucket;
	*bucket = k;
	adit_list_push_back(&m->socks[number % LAB_SOCK_BUCKETS], &k->same_bucket);
	m->sock_count++;
	return k;
}

void lab_sock_close(struct lab_sock *k)
{
	struct lab_sock **at = bucket_of(k->machine->host, k->port);

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	adit_list_del(&k->same_bucket);
	k->machine->sock_count--;
	free(k);
}

/* To the socket whose datagram it is about, as IP_RECVERR does, whatever it is connected to. */
static void icmp_rx(struct lab_host *h, struct lab_pkt *p)
{
	struct lab_sock *k = find_sock(h, p->quoted.src.family, p->quoted.src.port);
	struct adit_icmp icmp = {
		.remote = p->quoted.dst,
		.offender = p->src,
		.data = p->data,
		.len = p->len,
	};
	struct lab_machine *m;

	lab_icmp_number((enum lab_icmp_what)p->icmp, p->src.family, &icmp.type, &icmp.code);
	lab_pkt_note(h->sim, p, k ? LAB_STEP_DELIVERED : LAB_STEP_CLOSED, h->id);
	if (k && k->machine->ops->icmp) {
		m = k->machine;
		icmp.sock = k->number;
		m->ops->icmp(m->self, lab_host_now(h), &icmp);
		lab_machine_wake(m);
	}
	lab_pkt_free(h->sim, p);
}

static void refuse(struct lab_host *h, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_pkt *e = NULL;

	if (lab_icmp_allow(&h->limit, h->sim->now, 0, &p->src))
		e = lab_icmp_about(h->sim, p, &p->dst, LAB_ICMP_PORT_UNREACHABLE);
	lab_pkt_end(h->sim, p, LAB_STEP_CLOSED, h->id);
	if (e)
		lab_net_send(on, e);
}

void lab_host_rx(struct lab_host *h, struct lab_iface *on, struct lab_pkt *p)
{
	struct lab_sock *k;
	struct lab_machine *m;
	struct adit_dgram d = {0};

	if (p->is_icmp) {
		icmp_rx(h, p);
		return;
	}
	if (p->frag != LAB_WHOLE && !(p = lab_frag_join(&h->frags, h->sim, p, h->id)))
		return;
	k = find_sock(h, p->dst.family, p->dst.port);
	if (!k) {
		refuse(h, on, p);
		return;
	}
	lab_pkt_note(h->sim, p, LAB_STEP_DELIVERED, h->id);
	m = k->machine;
	d = (struct adit_dgram){.sock = k->number, .local = p->dst, .remote = p->src, .data = p->data, .len = p->len};
	m->ops->input(m->self, lab_host_now(h), &d);
	lab_machine_wake(m);
	lab_pkt_free(h->sim, p);
}
