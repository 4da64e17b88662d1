# bash completion for adit-lab(1). Needs nothing but bash.
# shellcheck shell=bash

# _adit_lab_options COMMAND: what `adit-lab COMMAND -h` explains.
_adit_lab_options() {
	local wire='--delay --jitter --loss --burst --duplicate --reorder --rate --queue'
	case $1 in
	net) printf '%s ' --nat --check --seed ;;
	nat)
		printf '%s ' "$wire" --mtu --inside --outside --lan --wan --gateway --seed --json \
			--inside-delay --inside-jitter --inside-loss --inside-burst --inside-duplicate --inside-reorder \
			--inside-rate --inside-queue --inside-mtu
		;;
	link) printf '%s ' "$wire" --seed ;;
	list) printf '%s ' --keys --json ;;
	esac
	printf '%s ' --help --verbose
}

_adit_lab_species() {
	"${COMP_WORDS[0]}" list 2>/dev/null </dev/null | sed -n 's/^\([a-z0-9][^ ]*\) .*/\1/p'
}

_adit_lab() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'net nat link list help --help --version' -- "$cur")
		return
	fi
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_adit_lab_options "$command")" -- "$cur")
		return
	fi
	case $command:$prev in
	nat:--inside | nat:--outside | link:*) mapfile -t COMPREPLY < <(compgen -W "$(cd /sys/class/net && echo ./*)" -- "./$cur") ;;
	nat:nat | list:list) mapfile -t COMPREPLY < <(compgen -W "$(_adit_lab_species)" -- "$cur") ;;
	net:net)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	help:help) mapfile -t COMPREPLY < <(compgen -W 'net nat link list' -- "$cur") ;;
	esac
	COMPREPLY=("${COMPREPLY[@]#./}")
}

complete -F _adit_lab adit-lab
