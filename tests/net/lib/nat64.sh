#!/bin/sh
# Inside a bottle of adit-lab: what the hosts of check_ipv6's NAT64 do. /run and /etc/hosts are the bottle's own.
#
#   nat64.sh check ARGS...    `adit check`
#   nat64.sh serve ARGS...    a web server and `adit serve` before it
#   nat64.sh fetch ARGS...    finds the prefix by its name, `adit connect`, a file through the tunnel; then what status says
set -eu
what=$1
shift
# What a resolver with DNS64 (RFC 6147) answers; only who has no IPv4 asks.
for addr in $IPV4ONLY; do echo "$addr ipv4only.arpa"; done >>/etc/hosts
case $what in
check)
	until grep -q ready /run/mediator.log 2>/dev/null; do sleep 0.05; done
	"$ADIT" check "$@" >&2
	exec "$ADIT" check --json "$@"
	;;
serve)
	mkdir /run/www
	head -c 1000000 /dev/urandom >/run/www/file
	python3 -m http.server -b 127.0.0.1 -d /run/www 8080 >/run/web.log 2>&1 &
	exec "$ADIT" serve web=8080 "$@" --state /run/b >/run/serve.out 2>/run/serve.log
	;;
fetch)
	until grep -o 'adit1[a-z2-7]*' /run/serve.out >/run/ticket 2>/dev/null; do sleep 0.05; done
	chmod 600 /run/ticket
	"$ADIT" connect --ticket-file /run/ticket 7100:web "$@" -v --timeout 40 --state /run/a >/run/connect.log 2>&1 &
	tunnel=$!
	until python3 -c 'import urllib.request as u; open("/run/got", "wb").write(u.urlopen("http://127.0.0.1:7100/file").read())' \
		2>/dev/null; do
		kill -0 $tunnel 2>/dev/null || { cat /run/connect.log /run/serve.log >&2; exit 1; }
		sleep 0.1
	done
	cmp /run/www/file /run/got
	"$ADIT" status --json --state /run/a
	"$ADIT" status --state /run/a >&2
	cat /run/connect.log >&2
	;;
esac
