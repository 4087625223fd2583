# shellcheck shell=bash
# bash completion for vipctl: commands, the options of each, instances and checks by name.

_vipctl_names() {
    # An instance begins with its name and "since", a tracker with its name and "kind".
    vipctl -j status 2>/dev/null | grep -o "{\"name\":\"[^\"]*\",\"$1\":\"*$2" | cut -d'"' -f4 | sort -u
}

_vipctl() {
    local word=${COMP_WORDS[COMP_CWORD]} command='' i words=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -r | -s | --run-directory | --socket) i=$((i + 1)) ;;
        -*) ;;
        *) command=${COMP_WORDS[i]} && break ;;
        esac
    done
    if [[ $word == -* ]]; then
        # Without a command those of all commands.
        words=$(vipctl ${command:+"$command"} -h 2>/dev/null | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
    else
        case $command in
        '') words=$(vipctl -h 2>/dev/null | sed -n '/^Commands:/,$s/^  \([a-z][a-z-]*\) .*/\1/p') ;;
        status | explain | watch | is-master | drain | resume | priority) words=$(_vipctl_names since '') ;;
        check) words=$(_vipctl_names kind vrrp_script) ;;
        notify)
            words=$(_vipctl_names since '')
            ((COMP_CWORD > i + 1)) && words='MASTER BACKUP FAULT STOP'
            ;;
        diff | convert | sniff)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _vipctl vipctl
