#include "api/api_meet.h"

#include <string.h>

#include "io/io_ifaces.h"
#include "link/link_limits.h"

#define LOOK_EVERY ADIT_SEC(5) /* at the own addresses, whenever something wakes us */

bool api_meet_look(struct api_meet *m, adit_time now)
{
	struct reach_host hosts[REACH_HOSTS_MAX];
	int n;

	if (now < m->look_at)
		return false;
	m->look_at = adit_time_add(now, LOOK_EVERY);
	n = io_ifaces_get(hosts, REACH_HOSTS_MAX);
	if (n < 0 || io_ifaces_is_same(hosts, (size_t)n, m->hosts, m->n_hosts))
		return false;
	memcpy(m->hosts, hosts, (size_t)n * sizeof(hosts[0]));
	m->n_hosts = (size_t)n;
	return true;
}

static const char *refusal_text(unsigned code)
{
	switch (code) {
	case 0:
		return "the mediator does not answer";
	case LINK_ABSENT:
		return "the mediator does not know the peer";
	default:
		return "the mediator refuses";
	}
}

bool api_meet_tell(struct api_meet *m, const struct reach_event *e, const char *mediator,
		   struct adit_meeting *ret_meeting)
{
	struct adit_meeting told = {.mediator = mediator, .text = ""};

	switch (e->kind) {
	case REACH_EVENT_HELD:
		told.kind = ADIT_MEETING_HELD;
		break;
	case REACH_EVENT_LOST:
		told.kind = ADIT_MEETING_LOST;
		break;
	case REACH_EVENT_MEDIATOR:
		told.kind = ADIT_MEETING_REFUSED;
		told.text = refusal_text(e->code);
		break;
	case REACH_EVENT_MEETING:
		told.kind = ADIT_MEETING_FOUND;
		break;
	case REACH_EVENT_FAILED:
		told.kind = ADIT_MEETING_FAILED;
		told.text = reach_verdict_text(e->verdict);
		break;
	case REACH_EVENT_LEARNT:
		if (reach_memory_format(e->memory, m->memory) < 0)
			return false;
		told.kind = ADIT_MEETING_LEARNT;
		told.text = m->memory;
		break;
	default:
		return false;
	}
	*ret_meeting = told;
	return true;
}

int api_meet_memory(const char *text, struct reach_memory *ret_memory)
{
	if (!text)
		return ADIT_ENOENT;
	return reach_memory_parse(text, ret_memory) < 0 ? ADIT_EINVAL : 0;
}
