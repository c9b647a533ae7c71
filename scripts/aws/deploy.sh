#!/usr/bin/env bash
# Brings the store onto its machines: the programs, their configuration and secrets, the units of
# deploy/systemd. Starts what does not run, restarts what has changed, and waits until the store takes
# orders. Nothing is compiled there. A second run changes nothing.
#
# Usage: scripts/aws/deploy.sh [--bin DIR] [--allow-dynamic] [--plain] [COMMON…]
#   --bin DIR        the folder with the programs (default target/static)
#   --allow-dynamic  takes programs that want shared libraries, which the machines must have then
#   --plain          lets the services talk in the clear; without it by TLS, if the programs know it
# COMMON: up.sh --help
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

programs=$static dynamic='' plain=''
while (($#)); do
    case $1 in
        --bin) programs=${2-}; shift; shift || true ;;
        --allow-dynamic) dynamic=1; shift ;;
        --plain) plain=plain; shift ;;
        *) take_common "$@"; shift "$taken" ;;
    esac
done

program_of() {
    case $1 in
        order-*) echo toystore-order ;;
        *) echo "toystore-$1" ;;
    esac
}

# Ends the script unless PROGRAM can run on any x86-64 machine with Linux.
check_program() {
    local file=$programs/$1
    [[ -f $file ]] || die "$file is missing; --bin names the folder with static programs"
    # A 64-bit ELF file, for x86-64.
    [[ $(od -An -tx1 -N5 -- "$file") == ' 7f 45 4c 46 02' &&
        $(od -An -tx1 -j18 -N2 -- "$file") == ' 3e 00' ]] || die "$file is no program for x86-64"
    [[ $dynamic || $(LC_ALL=C ldd "$file" 2>&1) == *@(statically linked|not a dynamic executable)* ]] ||
        die "$file wants shared libraries; a static one runs everywhere (or --allow-dynamic)"
}

# The configuration of every process, the same on all hosts.
store_toml() {
    transport
    cat <<TOML
cluster-token = "/etc/toystore/cluster.token"
catalog = "$(inside_of catalog)"
replicas = ["1=$(inside_of order-1)", "2=$(inside_of order-2)", "3=$(inside_of order-3)"]
log-format = "json"

[toystore-catalog]
listen = "$(inside_of catalog)"
data = "/var/lib/toystore/catalog/data"
products = "/etc/toystore/catalog.csv"

[toystore-front-end]
listen = "$(inside_of front-end)"
admin-token = "/etc/toystore/admin.token"
TOML
}

# pack HOST: everything that HOST gets, into $state/payload. Sets $sum to what it adds up to.
pack() {
    local service there=$state/payload
    rm -rf -- "$there"
    mkdir -p -- "$there"/{bin,etc,units}
    for service in $(services_of "$1"); do
        cp -- "$programs/$(program_of "$service")" "$there/bin"
        cp -- "$root/deploy/systemd/$(unit_of "$service" | sed 's/@.*/@.service/')" "$there/units"
    done
    cp -- "$programs/toystore-inspect" "$there/bin"
    cp -- "$root/deploy/systemd/toystore.target" "$there/units"
    cp -- "$root/data/catalog.csv" "$state/cluster.token" "$there/etc"
    [[ ! -e $there/bin/toystore-front-end ]] || cp -- "$state/admin.token" "$there/etc"
    pack_transport "$1" "$there/etc"
    store_toml >"$there/etc/store.toml"
    cp -- "$root/scripts/aws/install.sh" "$there"
    local sums
    sums=$(cd -- "$there" && find . -type f -exec sha256sum {} + | sort -k 2)
    echo "$sums" >"$there/SHA256SUMS"
    sum=$(sha256sum <"$there/SHA256SUMS" | cut -d ' ' -f 1)
}

install_on() { # HOST
    local units=() service sum=SUM
    for service in $(services_of "$1"); do units+=("$(unit_of "$service")"); done
    if [[ ! $dry ]]; then pack "$1"; fi
    within 180 "SSH to $1" remote "$1" 'rm -rf toystore-deploy && mkdir -m 700 toystore-deploy'
    send "$1" "$state/payload" toystore-deploy
    # The sum goes by another way than what it is the sum of.
    remote "$1" "cd toystore-deploy && echo '$sum  SHA256SUMS' | sha256sum -c --quiet - && \
sha256sum -c --quiet SHA256SUMS && sudo sh install.sh $sum ${units[*]}"
    say "$1 has its programs."
}

ready() { fetch /readyz >/dev/null 2>&1; }

begin
begin_change
know_hosts
if [[ ! $dry ]]; then
    for program in toystore-{catalog,order,front-end,inspect}; do check_program "$program"; done
    for token in cluster admin; do
        [[ -s $state/$token.token ]] && continue
        od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$state/$token.token"
    done
    want ssh openssh-client
    want curl curl
    trap 'rm -rf -- "$state/payload"' EXIT
    choose_transport "$plain"
fi
mapfile -t list < <(hosts_in_order)
for host in "${list[@]}"; do install_on "$host"; done
within 120 "a store that is ready" ready
say "The store is open: $(public_url)/products"
