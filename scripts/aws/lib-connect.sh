# shellcheck shell=bash
# The only way by which the scripts of this folder reach anything but the EC2 API; it is sourced.
# shellcheck disable=SC2154 # lib.sh sets what it reads
: "${root:?comes from lib.sh}"

# Whether the EC2 API is AWS's own. Any other one is a stand-in, whose addresses are made up: they
# belong to strangers.
know_endpoint() {
    stand_in=
    # What a file of AWS's configuration says of endpoints is not heeded: it could not be seen here.
    export AWS_PAGER='' AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true
    unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_EC2
    local own='^https://([a-z0-9-]+\.)*(amazonaws\.com(\.cn)?|api\.aws)(:443)?/?$'
    [[ -z $endpoint || $endpoint =~ $own ]] && return
    stand_in=1
    local host=${endpoint#*://}
    host=${host%%[/?#]*} host=${host##*@}
    if [[ $host == \[* ]]; then host=${host%%]*}]; else host=${host%:*}; fi
    # To the AWS CLI's library a backslash ends the host, and what follows is a path.
    if [[ $endpoint == *\\* ]] || ! loopback "$host"; then
        die "$endpoint is neither AWS nor on this machine"
    fi
    # No proxy in between; and no credentials from files, since roles in them are asked for at AWS.
    export no_proxy='*' NO_PROXY='*' AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null \
        AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-any}" \
        AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-any}"
    unset AWS_PROFILE AWS_DEFAULT_PROFILE
}

loopback() {
    local byte='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
    [[ $1 == localhost || $1 == '[::1]' || $1 =~ ^127\.$byte\.$byte\.$byte$ ]]
}

# Ends the script if ADDRESS must not be reached.
permit() {
    [[ -z $stand_in ]] || loopback "$1" ||
        die "no connection to $1: the EC2 API at $endpoint is a stand-in, the address a stranger's"
}

# connect ADDRESS COMMAND…: runs a command that opens a connection to ADDRESS; --dry-run prints it.
connect() {
    local address=$1
    shift
    if [[ $dry ]]; then show_command "$@"; return; fi
    permit "$address"
    "$@"
}

# Sets $ssh_options for HOST. No configuration is read, since it could lead elsewhere; the instance's
# own id is what its key is noted under, since addresses are given again to others.
ssh_options_for() {
    ssh_options=(-F none -i "$state/key" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=10
        -o ServerAliveInterval=5 -o StrictHostKeyChecking=accept-new
        -o UserKnownHostsFile="$state/known_hosts" -o HostKeyAlias="${instance[$1]}")
}

# remote HOST COMMAND: a shell on HOST runs it, for 5 minutes at most.
remote() {
    ssh_options_for "$1"
    connect "${public[$1]}" timeout 300 ssh "${ssh_options[@]}" "$user@${public[$1]}" "$2" </dev/null
}

# send HOST FOLDER THERE: copies what is in a folder into one that is there.
send() {
    ssh_options_for "$1"
    connect "${public[$1]}" timeout 300 scp -q -r "${ssh_options[@]}" "$2/." \
        "$user@${public[$1]}:$3/"
}
