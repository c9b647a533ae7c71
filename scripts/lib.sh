# shellcheck shell=bash
# What the scripts share; it is sourced, not run. A store runs from a folder, $data, with these
# files for each NAME (catalog, order-1 …, front-end):
#   NAME.pid  its process       NAME.cmd  its command line, arguments ended by NUL
#   NAME.log  what it says      NAME.env  the TOYSTORE_… variables it was started with, likewise
#   NAME/     its database
# and, when it speaks TLS, tls/ with what certs.sh makes.
# shellcheck disable=SC2034 # the scripts use what is set here

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
data=${TOYSTORE_DATA:-$root/data/run}
data=$(realpath -m -- "$data")
bin=$(cd -- "$root" && realpath -m -- "${CARGO_TARGET_DIR:-target}/release")

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
misuse() { printf '%s: %s; --help says more\n' "${0##*/}" "$*" >&2; exit 2; }

# Prints the comment at a script's top, and ends.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0; }

# Sets $data from the argument of --data.
use_data() {
    [[ -n ${1-} ]] || misuse "--data wants a folder"
    data=$(realpath -m -- "$1")
}

# The processes that were started from $data, in the order of their start.
names() {
    local name
    for name in catalog order-{1..9} front-end; do
        if [[ -e $data/$name.cmd ]]; then echo "$name"; fi
    done
}

# Reads the command line of a script that takes NAME and --data DIR. Sets $name.
take_name() {
    name=
    while (($#)); do
        case $1 in
            -h | --help) usage ;;
            --data) use_data "${2-}"; shift 2 ;;
            -*) misuse "there is no option $1" ;;
            *) [[ -z $name ]] || misuse "one NAME at a time"; name=$1; shift ;;
        esac
    done
    local known
    known=$(names | tr '\n' ' ')
    [[ -n $known ]] || die "nothing was started from $data; scripts/start.sh does that"
    [[ -n $name && " $known" == *" $name "* ]] || misuse "NAME is one of: ${known% }"
}

# Prints the process of NAME while it runs. A number in a pid file is not enough: the process may
# have ended and its number may have gone to another one, so its command line must be NAME's.
pid_of() {
    local pid
    pid=$(cat -- "$data/$1.pid" 2>/dev/null) || return 1
    [[ $pid =~ ^[1-9][0-9]*$ && -s $data/$1.cmd ]] || return 1
    [[ $(words "/proc/$pid/cmdline") == "$(words "$data/$1.cmd")" ]] && echo "$pid"
}

words() { tr '\0' '\n' 2>/dev/null <"$1"; }

# Whether NAME is "running", "paused" or "down".
state_of() {
    local pid state
    pid=$(pid_of "$1") || { echo down; return; }
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) || true
    if [[ $state == T ]]; then echo paused; else echo running; fi
}

address_of() {
    case $1 in
        catalog) echo 127.0.0.1:10086 ;;
        front-end) echo 127.0.0.1:6060 ;;
        order-*) echo "127.0.0.1:$((10009 + ${1#order-}))" ;;
    esac
}

# Whether the store in $data speaks TLS.
secure() { grep -qzxe --tls-cert -- "$data/catalog.cmd" 2>/dev/null; }

# The URL of NAME.
url_of() {
    if secure; then echo "https://$(address_of "$1")"; else echo "http://$(address_of "$1")"; fi
}

# Sets ca and own: options of the store's programs that say whom to believe, and who one is.
credentials() {
    ca=() own=()
    if secure; then
        ca=(--tls-ca "$data/tls/ca.crt")
        own=(--tls-cert "$data/tls/operator.crt" --tls-key "$data/tls/operator.key")
    fi
}

# What NAME replies to PAGE, with the status at the end.
get() {
    local shown=()
    if secure; then
        shown=(--cacert "$data/tls/ca.crt" --cert "$data/tls/operator.crt" --key "$data/tls/operator.key")
    fi
    curl -s -m 2 --noproxy '*' "${shown[@]}" -w '%{http_code}' "$(url_of "$1")$2" || true
}

# Why a reply of get is not what one wanted.
reason() {
    local words
    words=$(sed -n 's/.*"message":"\(.*\)"}}.*/\1/p' <<<"$1")
    echo "${words:-no answer}"
}

# One line about NAME.
show() {
    local pid
    pid=$(pid_of "$1") || pid=-
    printf '%-9s  %-7s  %-15s  pid %s\n' "$1" "$(state_of "$1")" "$(address_of "$1")" "$pid"
}
