# shellcheck shell=bash
# What the scripts of this folder share; it is sourced, not run. What belongs to a store on AWS is
# found by its tag, toystore=NAME. Beside it there is a folder, $state, with
#   settings    the region, the EC2 API and the user that NAME was made with
#   key         the private key to its hosts; key.pub is what AWS knows
#   run         a random word for this making of NAME: no instance is started twice under it
#   *.token     the secrets of its processes; tls the certificates, if they have any
#   evaluation  the figures of evaluate.sh; down.sh leaves them
# shellcheck disable=SC2034 # the scripts use what is set here

# shellcheck source=SCRIPTDIR/../lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=SCRIPTDIR/../lib-launch.sh
source "$root/scripts/lib-launch.sh"
# shellcheck source=SCRIPTDIR/lib-connect.sh
source "$root/scripts/aws/lib-connect.sh"
# shellcheck source=SCRIPTDIR/lib-transport.sh
source "$root/scripts/aws/lib-transport.sh"

name=lab region='' dry='' endpoint=${AWS_ENDPOINT_URL_EC2:-${AWS_ENDPOINT_URL-}}
static=${bin%/release}/static public_port=6060 services=(catalog order-1 order-2 order-3 front-end)
pause=${TOYSTORE_AWS_PAUSE:-3} # seconds between two looks at something that is waited for
exec 3>&1                      # what --dry-run prints, out of substitutions too

# Takes an option that every script has; sets $taken to how many words it was.
take_common() {
    taken=2
    case $1 in
        -h | --help) usage ;;
        --dry-run) dry=1 taken=1 ;;
        --name) name=${2-} ;;
        --region) region=${2-} ;;
        --endpoint-url) endpoint=${2-} ;;
        *) misuse "there is no option $1" ;;
    esac
    (($# >= taken)) || misuse "$1 wants a value"
}

# Looks at what was taken, and at what earlier runs for NAME have left.
begin() {
    [[ $name =~ ^[a-z][a-z0-9-]{0,31}$ ]] || misuse "--name wants small letters, digits and dashes"
    state=$(realpath -m -- "${TOYSTORE_AWS_DATA:-$root/data/aws}/$name")
    local made_in made_at
    made_in=$(setting region) made_at=$(setting endpoint)
    region=${region:-${made_in:-us-east-1}}
    [[ $region =~ ^[a-z0-9-]+$ ]] || misuse "--region wants a region, as us-east-1"
    [[ -z $made_in || $made_in == "$region" ]] || die "$name was made in $made_in, not in $region"
    [[ ! -e $state/settings || $made_at == "$endpoint" ]] ||
        die "$name was made at ${made_at:-AWS}, and this is ${endpoint:-AWS}; --endpoint-url" \
            "or \$AWS_ENDPOINT_URL says where to go, and neither means AWS"
    user=$(setting user)
    user=${user:-ec2-user} # that of Amazon's own images
    know_endpoint
    [[ $dry ]] || want_aws
}

setting() { sed -n "s/^$1=//p" "$state/settings" 2>/dev/null || true; }

# Makes $state, and keeps a second script that changes something off it.
begin_change() {
    [[ $dry ]] && return
    umask 077
    mkdir -p -- "$state"
    exec 9<"$state"
    flock -n 9 || die "another script is at work on $name"
}

# Finds the AWS CLI, or installs it for this user.
want_aws() {
    local version=1.46.3 venv
    command -v aws >/dev/null && return
    venv=${XDG_CACHE_HOME:-$HOME/.cache}/toystore/awscli-$version
    if [[ ! -x $venv/bin/aws ]]; then
        want python3 python3
        python3 -c 'import ensurepip' 2>/dev/null || install_package python3-venv "python's venv"
        echo "Installing the AWS CLI into $venv …" >&2
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet "awscli==$version"
    fi
    PATH=$PATH:$venv/bin
}

# What a dry run does not come to is not said.
say() { [[ $dry ]] || echo "$*"; }

# show_command WORD…: prints a command as a shell would read it.
show_command() {
    local word line=+
    for word; do
        [[ $word =~ ^[a-zA-Z0-9_./:=,@%+-]+$ ]] || word=${word@Q}
        line+=" $word"
    done
    echo "$line" >&3
}

# ec2 ARGUMENT…: a call to the EC2 API, printed in place of done by --dry-run.
ec2() {
    local command=(aws ec2 "$@" --region "$region" --output text)
    if [[ $endpoint ]]; then command+=(--endpoint-url "$endpoint"); fi
    if [[ $dry ]]; then show_command "${command[@]}"; else "${command[@]}"; fi
}

# within SECONDS WHAT COMMAND…: repeats a command until it succeeds. Ends the script when it does not
# in time.
within() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) || die "waited in vain for $what"
        sleep "$pause"
    done
}

# hosts [DRY…]: a line for each living instance of NAME: its host, id, state, public and private
# address. --dry-run makes up those that are given.
hosts() {
    local filters=("Name=tag:toystore,Values=$name"
        "Name=instance-state-name,Values=pending,running,stopping,stopped")
    ec2 describe-instances --filters "${filters[@]}" --query "Reservations[].Instances[].[Tags[?Key==\
'toystore-host']|[0].Value,InstanceId,State.Name,PublicIpAddress,PrivateIpAddress]" | sort || return
    [[ $dry ]] || return 0
    local host
    for host; do echo "$host i-$host running PUBLIC-OF-$host PRIVATE-OF-$host"; done
}

# Reads the hosts into $public, $private and $instance, by host. One host alone is called "all".
know_hosts() {
    declare -gA public=() private=() instance=()
    local host id status outside inside list
    list=$(hosts all)
    while read -r host id status outside inside; do
        [[ $host ]] || continue
        [[ $status == running ]] || die "$id ($host) is $status; scripts/aws/up.sh --name $name goes on"
        [[ -z ${instance[$host]-} ]] || die "$host is there twice; scripts/aws/down.sh removes both"
        instance[$host]=$id public[$host]=$outside private[$host]=$inside
        [[ $dry ]] || permit "$outside"
    done <<<"$list"
    ((${#instance[@]})) || die "no host of $name runs in $region; scripts/aws/up.sh makes them"
    for host in "${services[@]}"; do
        [[ ${instance[all]-} || ${instance[$host]-} ]] ||
            die "there is no host for $host; scripts/aws/up.sh --spread goes on"
    done
}

# host_of SERVICE: the host on which it runs.
host_of() { if [[ ${instance[all]-} ]]; then echo all; else echo "$1"; fi; }

# The hosts, that of the catalog first.
hosts_in_order() { if [[ ${instance[all]-} ]]; then echo all; else printf '%s\n' "${services[@]}"; fi; }

# services_of HOST: what runs there.
services_of() { if [[ $1 == all ]]; then echo "${services[*]}"; else echo "$1"; fi; }

unit_of() {
    case $1 in
        order-*) echo "toystore-order@${1#order-}.service" ;;
        *) echo "toystore-$1.service" ;;
    esac
}

port_of() {
    case $1 in
        catalog) echo 10086 ;;
        order-*) echo "$((10009 + ${1#order-}))" ;;
        front-end) echo "$public_port" ;;
    esac
}

# Where other processes of the store reach SERVICE.
inside_of() { echo "${private[$(host_of "$1")]}:$(port_of "$1")"; }

# Prints a program that runs here; $1 is the folder of --bin, if it was given.
client_of() {
    local folder
    for folder in "${1:-$static}" "$bin"; do
        [[ -x $folder/toystore-client ]] && { echo "$folder/toystore-client"; return; }
    done
    [[ $dry ]] || die "there is no toystore-client in ${1:-$static} nor in $bin"
    echo toystore-client
}

# Reads one SERVICE beside the common options. Sets $service.
take_service() {
    service=
    while (($#)); do
        case $1 in
            -*) take_common "$@"; shift "$taken" ;;
            *) [[ -z $service ]] || misuse "one SERVICE at a time"; service=$1; shift ;;
        esac
    done
    [[ $service && " ${services[*]} " == *" $service "* ]] ||
        misuse "SERVICE is one of: ${services[*]}"
}
