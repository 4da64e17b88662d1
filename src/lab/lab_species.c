#include "lab/lab_species.h"

#include <string.h>

/*
 * "read": the text was before us when this was written; "second hand": it was quoted by somebody who had read it;
 * "recalled": neither, check before quoting; "measured": by this project.
 *
 * Foreign traffic is what one NAT's share of a carrier's subscribers makes: enough to be seen in sequences and blocks.
 * Real carriers have more, which changes nothing for ports at random, and costs the simulator a microsecond a flow.
 */
static const struct lab_species all[] = {
	/* --- by the book --- */
	{"rfc", "", "what RFC 4787, 5382 and 5508 ask for, with address-dependent filtering",
	 "RFC 4787 REQ-1 to 14 (requirements read, explanations recalled), RFC 5382, RFC 5508"},
	{"full-cone", "filter=ei", "one mapping per socket, and everybody may use it",
	 "RFC 3489 5 (recalled); RFC 4787 REQ-8 for transparency (read)"},
	{"restricted-cone", "filter=ad", "one mapping per socket, for hosts it has sent to", "RFC 3489 5 (recalled)"},
	{"port-restricted-cone", "filter=apd", "one mapping per socket, for endpoints it has sent to",
	 "RFC 3489 5 (recalled)"},
	{"symmetric-sequential",
	 "mapping=apd,filter=apd,ports=sequential,parity=no,class=no,hairpin=none,timeout=60s,refresh=both",
	 "a mapping per destination, ports one after the other",
	 "Takeda's draft 2003 and the 2006 listing: constant delta (second hand)"},
	{"symmetric-step2",
	 "mapping=apd,filter=apd,ports=sequential,step=2,parity=no,class=no,hairpin=none,timeout=60s,refresh=both",
	 "the same in steps of two", "frp calls spans of 1 to 5 regular (read)"},
	{"symmetric-down",
	 "mapping=apd,filter=apd,ports=sequential,step=-1,parity=no,class=no,hairpin=none,timeout=60s,refresh=both",
	 "the same downwards", "EasyTier tells SymmetricEasyInc from SymmetricEasyDec (read)"},
	{"symmetric-busy",
	 "mapping=apd,filter=apd,ports=sequential,parity=no,class=no,hairpin=none,timeout=60s,refresh=both,"
	 "foreign=35,foreign-life=5s",
	 "sequential ports that 35 other flows a second take too",
	 "Klinec, Matyas 2014: prediction works up to 35 new flows/s (second hand)"},
	{"symmetric-random",
	 "mapping=apd,filter=apd,ports=random,parity=no,class=no,hairpin=none,timeout=60s,refresh=both",
	 "a mapping per destination, ports at random", "RFC 6056 3.3.1 (recalled); the hard kind of every study"},
	{"address-symmetric",
	 "mapping=ad,filter=apd,ports=random,parity=no,class=no,hairpin=none,timeout=60s,refresh=both",
	 "a mapping per destination address, its ports share it", "RFC 4787 4.1 (recalled), RFC 5780 4.3 (recalled)"},

	/* --- at home --- */
	{"home",
	 "filter=apd,taken=random,parity=no,timeout=90s,replied=180s,refresh=both,hairpin=external,fragments=ordered",
	 "a home router that keeps ports",
	 "Haetoenen et al., IMC 2010: 34 gateways, medians 90 s and 180 s (recalled); patchbay's notes (second hand)"},
	{"home-random", "filter=apd,ports=random,parity=no,timeout=90s,replied=180s,refresh=both,hairpin=none",
	 "a home router with a random port per socket", "pfSense with EIM since 25.11 (second hand)"},
	{"home-clash",
	 "mapping=apd,filter=apd,overload=remote,parity=no,timeout=30s,replied=120s,refresh=both,hairpin=none,input="
	 "accept",
	 "a home router whose WAN side accepts: an early packet takes the port",
	 "measured on Linux 6.18: 60 of 60 flows moved"},
	{"home-cheap",
	 "filter=apd,taken=sequential,parity=no,timeout=15s,replied=30s,mappings=1024,full=evict,hairpin=none,"
	 "fragments=drop,icmp=kill,refresh=out,ttl-silent=yes",
	 "a small box: short time-outs, a small table, no fragments, ICMP errors end mappings",
	 "ZeroTier issue 153: 15-30 s (second hand); Haetoenen et al. 2010: 30 s at least (second hand)"},
	{"home-secondary", "filter=apd,taken=random,taken-mapping=apd,parity=no,timeout=90s,refresh=both",
	 "keeps ports and is a cone, but symmetric for the second host that wants a port",
	 "RFC 4787 8, primary and secondary behaviour (recalled)"},
	{"home-strict", "filter=apd,taken=refuse,parity=no,class=no,timeout=90s,refresh=both",
	 "keeps ports, or gives none", "RFC 4787 4.2.1 discusses strict preservation (recalled)"},
	{"home-overloading", "filter=apd,overload=always,timeout=90s,refresh=both",
	 "keeps ports also when two hosts have the same: the later one gets the answers",
	 "RFC 4787 4.2.1, port overloading; REQ-3 forbids it (read)"},
	{"dsl-24h", "filter=apd,timeout=90s,refresh=both,renumber=24h", "a line that gets another address each day",
	 "German DSL's daily reconnection (recalled)"},

	/* --- carriers --- */
	{"cgn", "filter=ei,ports=random,timeout=35s,refresh=both,host-mappings=2000,foreign=5",
	 "a carrier's NAT as RFC 6888 wants it: a full cone, paired, limited",
	 "RFC 6888 REQ-1 to 4, 7 (second hand); Richter et al. 2016: median 35 s (recalled)"},
	{"cgn-block",
	 "filter=apd,ports=random,block=1024,parity=no,timeout=35s,refresh=both,blocks=2,foreign=3,foreign-hosts=40",
	 "a carrier that gives each subscriber blocks of 1024 ports, random inside",
	 "RFC 7422; Juniper secured port block allocation (read); Richter 2016: 512 to 16k (recalled)"},
	{"cgn-block-sequential",
	 "filter=apd,ports=sequential,block=512,block-pick=first,parity=no,timeout=35s,refresh=both,blocks=4,"
	 "foreign=3",
	 "the same with 512 ports, one after the other", "Juniper round-robin port allocation (read)"},
	{"cgn-block-symmetric",
	 "mapping=apd,filter=apd,ports=random,block=1024,parity=no,timeout=35s,refresh=both,blocks=2,foreign=3,"
	 "foreign-hosts=40",
	 "port blocks, and a mapping per destination",
	 "Richter 2016: symmetric in 11 % of wired CGN networks (recalled); patchbay's notes (second hand)"},
	{"cgn-deterministic",
	 "filter=apd,ports=random,block=1000,block-pick=fixed,parity=no,timeout=60s,refresh=both,range=1024-65023",
	 "the block follows from the subscriber's address",
	 "RFC 7422 2 (recalled); TNSR: 1000 ports per inside address (read)"},
	{"cgn-limited",
	 "mapping=apd,filter=apd,ports=random,parity=no,timeout=35s,refresh=both,host-mappings=1000,host-rate=50,"
	 "foreign=5",
	 "a carrier that counts: 1000 mappings, 50 new ones a second",
	 "RFC 6888 REQ-4 (second hand); vendors' limits are of this order (recalled)"},
	{"mobile", "filter=apd,ports=random,parity=no,timeout=65s,life=60s,refresh=both,foreign=3",
	 "a mobile carrier whose mappings die at 60 s of age, used or not",
	 "iroh issue 4424: 48 to 75 s at T-Mobile US, the reporter's diagnosis (read); Richter 2016: 65 s (recalled)"},
	{"mobile-symmetric",
	 "mapping=apd,filter=apd,ports=random,parity=no,timeout=65s,refresh=both,hairpin=none,foreign=3",
	 "a mobile carrier with a mapping per destination",
	 "Richter 2016: 40 % of cellular networks (recalled); Klinec 2014: a third of providers (second hand)"},
	{"mobile-pool",
	 "mapping=apd,filter=apd,pooling=arbitrary,ports=random,parity=no,timeout=65s,refresh=both,hairpin=none",
	 "the same, each mapping on any address of the pool",
	 "RFC 4787 4.1, arbitrary pooling; Richter 2016 saw it (recalled)"},

	/* --- clouds and companies --- */
	{"cloud-aws",
	 "mapping=apd,filter=apd,ports=random,overload=remote,parity=no,timeout=350s,refresh=both,tcp-timeout=350s,"
	 "hairpin=none",
	 "a cloud's NAT gateway, 55000 flows to each destination",
	 "patchbay's notes: 350 s (second hand); rest recalled"},
	{"cloud-gcp",
	 "mapping=apd,filter=apd,ports=random,overload=remote,block=64,blocks=1,parity=no,timeout=30s,refresh=both,"
	 "tcp-timeout=1200s,tcp-transitory=30s,hairpin=none",
	 "a cloud's NAT gateway with 64 ports per machine",
	 "Compute API: UDP 30 s, TCP transitory 30 s (read); 64 ports per VM (recalled)"},
	{"corporate",
	 "mapping=apd,filter=apd,ports=random,parity=no,timeout=120s,refresh=both,hairpin=none,icmp=drop,tcp-strict="
	 "yes,"
	 "tcp-timeout=1h",
	 "a company's firewall: symmetric, random, no ICMP",
	 "Cisco ASA: random since 8.4 (second hand), 2 min for UDP and 1 h for TCP (recalled)"},
	{"corporate-fortinet",
	 "mapping=apd,filter=apd,ports=keep,overload=remote,parity=no,timeout=180s,refresh=both,hairpin=none,tcp-"
	 "strict=yes",
	 "a company's firewall that keeps ports where it can", "patchbay's notes: 180 s (second hand); rest recalled"},
	{"corporate-web",
	 "mapping=apd,filter=apd,ports=random,parity=no,timeout=30s,refresh=both,hairpin=none,icmp=drop,udp=dns,tcp="
	 "web,"
	 "ping=no,out=reject,tcp-strict=yes",
	 "a company that lets nothing out but DNS and the web", "common practice (recalled)"},
	{"hotel", "filter=apd,timeout=30s,refresh=both,hairpin=none,udp=dns", "a guest network without UDP but DNS",
	 "common practice (recalled): why TURN over TCP exists"},
	{"bsd-pf",
	 "mapping=apd,filter=apd,ports=random,range=50001-65535,parity=no,class=no,timeout=30s,replied=60s,refresh="
	 "both,"
	 "hairpin=none,tcp-strict=yes",
	 "pf on OpenBSD, FreeBSD, pfSense as delivered", "pf.conf(5): udp.single 30 s, udp.multiple 60 s (recalled)"},
	{"overloaded", "filter=apd,ports=random,timeout=60s,refresh=both,load=500,foreign=6",
	 "a cone that turns symmetric when it has more than 500 mappings",
	 "RFC 4787 8, REQ-11 against it (read); the number is ours"},

	/* --- Linux itself --- */
	{"linux", "kind=linux", "Linux masquerade, what comes in is dropped",
	 "nf_nat_core.c, nf_conntrack_core.c; measured on Linux 6.18"},
	{"linux-reject", "kind=linux,input=reject", "Linux masquerade, what comes in is refused", "as linux"},
	{"linux-accept", "kind=linux,input=accept", "Linux masquerade, WAN input open: the clash", "as linux"},
	{"linux-random", "kind=linux,ports=random", "Linux masquerade random",
	 "as linux; another port for each destination: 8 of 8 (measured)"},
	{"linux-fully-random", "kind=linux,ports=random", "Linux masquerade fully-random",
	 "as linux; in the model the same as random: ports are drawn alike, only the kernel's generator differs"},

	/* --- IPv6 --- */
	{"ipv6-firewall", "kind=firewall,filter=apd,refresh=both,timeout=300s",
	 "nothing is translated, only who was asked may answer", "RFC 6092 3.2, REC-14: 5 minutes (second hand)"},
	{"ipv6-transparent", "kind=firewall,filter=ei,refresh=both,timeout=300s",
	 "nothing is translated; a socket that has sent is open to all", "RFC 6092 3.2.2 (recalled): for transparency"},
	{"nat64", "kind=nat64,filter=ad,ports=random,per-session=yes,refresh=out",
	 "IPv6 inside, IPv4 outside, 64:ff9b::/96", "RFC 6146 3.5 and 4, RFC 6052 (recalled)"},
	{"nat64-mobile",
	 "kind=nat64,filter=apd,ports=random,block=2048,blocks=2,parity=no,per-session=yes,timeout=65s,refresh=both,"
	 "foreign=2,foreign-hosts=20",
	 "a mobile carrier's NAT64 with port blocks", "464XLAT deployments, RFC 6877 (recalled)"},
};

const struct lab_species *lab_species_at(size_t i)
{
	return i < sizeof(all) / sizeof(all[0]) ? &all[i] : NULL;
}

const struct lab_species *lab_species_find(const char *name)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}
