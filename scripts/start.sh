#!/usr/bin/env bash
# Builds the store and starts it in the background: the catalog, the order replicas, the front end.
#
# Usage: scripts/start.sh [--replicas N] [--no-cache] [--tls] [--fresh] [--data DIR]
#   --replicas N  how many order replicas, 1 to 9 (default 3)
#   --no-cache    the front end asks the catalog every time
#   --tls         everything by https, with certificates for tests that the processes show each
#                 other, in DIR/tls (scripts/certs.sh)
#   --fresh       removes the store's data, logs, tokens and certificates in DIR first
#   --data DIR    where data, logs and tokens are (default data/run, or $TOYSTORE_DATA)
#
# TOYSTORE_… variables go to the processes; each one's --help lists its own. For example
#   TOYSTORE_LOG=debug scripts/start.sh --replicas 5
# Look at it with scripts/status.sh, end it with scripts/stop.sh.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

replicas=3 cache=() fresh='' tls=''
while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --replicas) replicas=${2-}; shift; shift || true ;;
        --no-cache) cache=(--cache off); shift ;;
        --tls) tls=1; shift ;;
        --fresh) fresh=1; shift ;;
        --data) use_data "${2-}"; shift 2 ;;
        *) misuse "there is no option $1" ;;
    esac
done
[[ $replicas =~ ^[1-9]$ ]] || misuse "--replicas wants a number from 1 to 9"

# Removes what a store leaves in its folder, and nothing else. The token is the first thing made.
wipe() {
    if [[ -e $data/cluster.token ]]; then
        rm -rf -- "$data"/{catalog,order-[1-9],front-end}{,.*} "$data"/{admin,cluster}.token "$data/tls"
    elif [[ $(ls -A -- "$data") ]]; then
        die "$data holds something, but no cluster.token: no store's folder, so --fresh spares it"
    fi
}

orders=()
for ((id = 1; id <= replicas; id++)); do orders+=("order-$id"); done
all=(catalog "${orders[@]}" front-end)

(umask 077 && mkdir -p -- "$data")
lock
for name in $(names); do
    pid=$(pid_of "$name") || continue
    die "$name runs from $data already (pid $pid); scripts/stop.sh ends the store," \
        "scripts/restart.sh NAME brings back one process"
done
for name in "${all[@]}"; do port_free "$name"; done
if [[ $fresh ]]; then wipe; fi

want_rust
want curl curl
(cd -- "$root" && cargo build --release --locked --bins -p toystore-catalog -p toystore-order \
    -p toystore-front-end -p toystore-client -p toystore-inspect)

umask 077
for token in cluster admin; do
    [[ -s $data/$token.token ]] && continue
    od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$data/$token.token"
done

if [[ $tls ]]; then "$root/scripts/certs.sh" "$data/tls" >/dev/null; fi
# The options with which NAME speaks TLS.
tls_of() {
    if [[ $tls ]]; then
        printf '%s\n' --tls-cert "$data/tls/$1.crt" --tls-key "$data/tls/$1.key" \
            --tls-ca "$data/tls/ca.crt" --mutual-tls
    fi
}

rm -f -- "$data"/{catalog,order-[1-9],front-end}.{pid,cmd,env}
trap '"$root/scripts/stop.sh" --data "$data"' EXIT # until all is well
list=$(for id in "${!orders[@]}"; do echo "$((id + 1))=$(address_of "${orders[id]}")"; done)
common=(--replicas "${list//$'\n'/,}" --cluster-token "$data/cluster.token")
catalog=$(address_of catalog)
mapfile -t own < <(tls_of catalog)
note catalog "$bin/toystore-catalog" serve --listen "$catalog" --data "$data/catalog" \
    --products "${TOYSTORE_PRODUCTS:-$root/data/catalog.csv}" "${common[@]}" "${own[@]}"
for name in "${orders[@]}"; do
    mapfile -t own < <(tls_of "$name")
    note "$name" "$bin/toystore-order" --id "${name#order-}" --listen "$(address_of "$name")" \
        --data "$data/$name" --catalog "$catalog" "${common[@]}" "${own[@]}"
done
mapfile -t own < <(tls_of front-end)
note front-end "$bin/toystore-front-end" --listen "$(address_of front-end)" --catalog "$catalog" \
    "${common[@]}" --admin-token "$data/admin.token" "${cache[@]}" "${own[@]}"
for name in "${all[@]}"; do launch "$name"; done
await /readyz "${all[@]}"
trap - EXIT
for name in "${all[@]}"; do show "$name"; done
echo "Logs and data are in $data. The store is open: $(url_of front-end)/products"
