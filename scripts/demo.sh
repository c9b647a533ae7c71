#!/usr/bin/env bash
# The tour: starts a store of its own, sends five clients shopping, crashes the leader under load,
# restarts it, and shows that all replicas hold the same orders and every client's orders check out.
# Takes about half a minute after the build, needs the usual ports, leaves nothing behind.
#
# Usage: scripts/demo.sh [--tls]
#   --tls  with everything by https
#
# Ends with 0 only when no order was lost or changed and the replicas are equal and sound.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

tls=()
case ${1-} in
    '') ;;
    --tls) tls=(--tls) ;;
    -h | --help) usage ;;
    *) misuse "there is no option $1" ;;
esac

data=$(mktemp -d -t toystore-demo.XXXXXX)
shopping=
cleanup() {
    code=$?
    if [[ $shopping ]]; then
        kill -KILL "$shopping" 2>/dev/null || true
        wait "$shopping" 2>/dev/null || true
    fi
    step "Stopping the store"
    "$root/scripts/stop.sh" --data "$data"
    if ((code == 0)) || [[ ! $(names) ]]; then rm -rf -- "$data"; fi
    if [[ -d $data ]]; then echo "Logs and data are kept in $data."; fi
    exit "$code"
}
step() { printf '\n== %s\n' "$*"; }
script() { "$root/scripts/$1.sh" "${@:2}" --data "$data"; }
# One number or list out of what the front end says about the cluster.
cluster() {
    "$bin/toystore-client" status --json --front-end "$front_end" "${ca[@]}" |
        sed -n 's/.*"'"$1"'":\[\{0,1\}\([0-9]\(,[0-9]\)*\).*/\1/p'
}
trap cleanup EXIT

step "Starting the catalog, three order replicas and the front end"
# Sold-out toys are back within half a second, so that orders never cease to flow.
TOYSTORE_RESTOCK_MS=500 script start "${tls[@]}"
front_end=$(url_of front-end)
credentials

step "Five clients go shopping for ten seconds"
"$bin/toystore-client" run --clients 5 --iterations 10000000 -p 0.6 --seed 7 \
    --front-end "$front_end" "${ca[@]}" --report "$data/report.json" >"$data/client.txt" 2>&1 &
shopping=$!
sleep 3
leader=order-$(cluster leader)
step "Crashing the leader, $leader, while they shop"
script crash "$leader"
sleep 3
step "Three seconds later: order-$(cluster leader) leads, and $leader comes back"
script restart "$leader"
sleep 4

step "Closing time: each client checks every order it was given"
kill -TERM "$shopping"
wait "$shopping" && verdict=0 || verdict=$?
shopping=
cat "$data/client.txt"
((verdict == 0)) || die "the clients are not content (exit code $verdict)"

step "Waiting until all replicas are in sync"
deadline=$((SECONDS + 60))
until [[ $(cluster in_sync | tr ',' '\n' | sort | tr -d '\n') == 123 ]]; do
    ((SECONDS < deadline)) || die "not after 60 s: only $(cluster in_sync)"
    sleep 0.2
done
script status

replicas=("$(url_of order-1)" "$(url_of order-2)" "$(url_of order-3)")
access=(--cluster-token "$data/cluster.token" "${ca[@]}" "${own[@]}")
step "Do all replicas hold the same orders?"
"$bin/toystore-inspect" diff "${replicas[@]}" "${access[@]}"
step "Is every record sound, and does the stock add up?"
"$bin/toystore-inspect" verify "${replicas[@]}" "$(url_of catalog)" "${access[@]}"
