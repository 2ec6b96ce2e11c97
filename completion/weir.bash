# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Completion of weir's command line for bash.

# Each line: the command ("-" for none) and its options.
_weir_options() {
    case $1 in
        serve)   echo "--listen --port --public --host --spa --not-found --no-listing --hidden
                       --allow-read --sandbox --cors --header --cache --auth --gzip --no-gzip
                       --quiet --no-color --print-conf --help" ;;
        fmt)     echo "-w --check --help" ;;
        explain) echo "-H -X --from --to --json --no-color -c -p -g --help" ;;
        doctor)  echo "-q --json --no-color -c -p -g --help" ;;
        ctl)     echo "-c -p -g --format --no-wait --timeout --help" ;;
        top)     echo "--interval --once --no-color -c -p -g --help" ;;
        *)       echo "-c -e -g -h -p -q -s -t -T -v -V --bind --format --help --list-directives
                       --no-wait --timeout --version" ;;
    esac
}

# What may stand behind an option that takes a value; fails when anything may.
_weir_values() {
    case $1 in
        -s | ctl) echo "stop quit reopen reload upgrade status connections conf" ;;
        --format) echo "text json metrics" ;;
        --cache)  echo "off 10m 1h 1d" ;;
        --sandbox) echo "on off report" ;;
        -X)       echo "GET HEAD POST PUT DELETE OPTIONS" ;;
        *)        return 1 ;;
    esac
}

_weir() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} words

    if words=$(_weir_values "$before"); then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
    fi
    case $before in
        -p)
            [ "$command" = serve ] || mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return ;;
        -c | -e | --not-found | --allow-read)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return ;;
        -g | -H | --from | --to | --header | --host | --auth | --listen | --port | --interval | --timeout)
            return ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_weir_options "$command")" -- "$word")
    elif [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "ctl serve fmt explain doctor top" -- "$word")
    elif [ "$command" = serve ] || [ "$command" = fmt ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -o filenames -F _weir weir
