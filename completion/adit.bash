# bash completion for adit(1). Needs nothing but bash.
# shellcheck shell=bash

# The first word of each line of a listing, "" where there is none (or no state directory yet).
_adit_listed() {
	"${COMP_WORDS[0]}" "$@" 2>/dev/null </dev/null | cut -d ' ' -f 1
}

# _adit_options COMMAND: what `adit COMMAND -h` explains; the last row is common to all.
_adit_options() {
	local meet='--mediator --peer --stun --port --mapped --no-portmap --compress --linger --relay --relay-file --relay-ca
		--relay-only --direct-only'
	case $1 in
	serve) printf '%s ' "$meet" --threads --no-ticket --allow --json ;;
	connect) printf '%s ' "$meet" --threads --timeout --ticket-file --json ;;
	pipe) printf '%s ' "$meet" --timeout --ticket-file ;;
	peer) printf '%s ' "$meet" --threads --timeout --json ;;
	ticket) printf '%s ' --single --qr --json ;;
	status) printf '%s ' --watch --json ;;
	check) printf '%s ' --stun --mediator --lifetime --json ;;
	id) printf '%s ' --json ;;
	mediator)
		printf '%s ' --listen --public --alt-port --rate --turn --turn-secret-file --turn-for --json --quiet --verbose --help
		return
		;;
	udphp)
		printf '%s ' --connect --listen --debug --help
		return
		;;
	esac
	printf '%s ' --help --quiet --verbose --log --color --state --config
}

# _adit_value OPTION: fills COMPREPLY with values of OPTION; 1 where it takes none.
_adit_value() {
	case $1 in
	--ticket-file | --allow | --config | --state | --relay-file | --relay-ca | --turn-secret-file | --turn-for)
		compopt -o filenames 2>/dev/null
		;;
	esac
	case $1 in
	--ticket-file | --allow | --config | --relay-file | --relay-ca | --turn-secret-file | --turn-for)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	--state) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	--color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur") ;;
	--log) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur") ;;
	--peer | --stun | --mediator) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
	--port | --threads | --linger | --timeout | --listen | --public | --alt-port | --rate | --relay | --turn) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_adit() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='serve connect pipe ticket id peer check status mediator udphp help'
	local command=${COMP_WORDS[1]} words='' i n=0

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
		return
	fi
	_adit_value "$prev" && return
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_adit_options "$command")" -- "$cur")
		return
	fi

	# How many words that are no option, nor an option's value, stand between the command and the cursor.
	for ((i = 2; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] || _adit_value "${COMP_WORDS[i - 1]}" || n=$((n + 1))
	done
	COMPREPLY=()
	case $command:$n in
	connect:0 | pipe:0) words=$(_adit_listed peer list) ;;
	help:0) words=$commands ;;
	ticket:0) words='show new list revoke' ;;
	ticket:1)
		case $prev in
		show | revoke) words=$(_adit_listed ticket list) ;;
		esac
		;;
	peer:0) words='add list remove' ;;
	peer:1) [ "$prev" != remove ] || words=$(_adit_listed peer list) ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _adit adit
