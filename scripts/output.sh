#!/usr/bin/env bash
# Writes docs/output.md: sample sessions, each on a new store, with what was typed and what came.
# Needs the usual ports; its stores are in a temporary folder and leave nothing behind.
#
# Usage: scripts/output.sh [--to FILE]
#   --to FILE     where the page goes (default docs/output.md)
#
# Process numbers, times and hashes are as they came. Paths are shortened: … is where you are.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

page=$root/docs/output.md
while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --to) [[ -n ${2-} ]] || misuse "--to wants a file"; page=$(realpath -m -- "$2"); shift 2 ;;
        *) misuse "there is no option $1" ;;
    esac
done

work=$(mktemp -d -t toystore-output.XXXXXX)
export TOYSTORE_DATA=$work/run TOYSTORE_CLUSTER_TOKEN=$work/run/cluster.token
mkdir -- "$TOYSTORE_DATA"
cleanup() {
    "$root/scripts/stop.sh" >/dev/null || true
    rm -rf -- "$work"
}
trap cleanup EXIT
cd -- "$root"

# session TITLE KIND WORDS: a section of the page, on a new store. Commands come from standard input.
# KIND says how strictly the tests compare the block: run or rough.
session() {
    echo "$1" >&2
    printf '\n## %s\n\n%s\n\n```console %s\n' "$1" "$3" "$2"
    scripts/stop.sh >/dev/null
    scripts/start.sh --fresh >/dev/null
    local command
    while IFS= read -r command <&8; do
        printf '$ %s\n' "$command"
        command=${command//data\/run/$TOYSTORE_DATA}
        eval "${command//target\/release/$bin}" >"$work/out" 2>&1 </dev/null || true
        sed "s|$TOYSTORE_DATA|…/data/run|g; s|$root|…|g; s/\r$//" "$work/out"
    done 8<&0
    echo '```'
}

{
    cat <<'END'
# Sample sessions

Written by `scripts/output.sh`, from what came when it typed these commands. Each section begins with a
new store. Process numbers, times and hashes differ from run to run. A test types the commands again
([console.rs](../tests/tests/documents/console.rs)).
END
    session "Looking and buying" run "By hand, with \`curl\` and with the client." <<'END'
curl -s 127.0.0.1:6060/products/Tux
curl -s '127.0.0.1:6060/products?limit=2'
curl -s -D - 127.0.0.1:6060/orders -H 'Idempotency-Key: breakfast-7' -d '{"name":"Tux","quantity":2}' | grep -v date
curl -s 127.0.0.1:6060/orders -H 'Idempotency-Key: breakfast-7' -d '{"name":"Tux","quantity":2}'
target/release/toystore-client get Tux
target/release/toystore-client buy Whale 1 --key lunch
target/release/toystore-client order 2
curl -s '127.0.0.1:6060/orders?after=0&limit=10'
curl -s -X PUT 127.0.0.1:6060/products/Tux -H "Authorization: Bearer $(cat data/run/admin.token)" -d '{"price":19.99}'
END
    session "Being refused" run "Every refusal has a status and says why." <<'END'
curl -s 127.0.0.1:6060/products/Nothing
curl -s 127.0.0.1:6060/orders/1
curl -s 127.0.0.1:6060/orders/01
curl -s 127.0.0.1:6060/orders -d '{"name":"Tux","quantity":0}'
curl -s 127.0.0.1:6060/orders -d '{"name":"Tux","quantity":1,"price":0}'
curl -s 127.0.0.1:6060/orders -d '{"name":"Tux","quantity":101}'
curl -s 127.0.0.1:6060/orders -d 'Tux, please'
curl -s -X DELETE 127.0.0.1:6060/orders/1
curl -s -X PUT 127.0.0.1:6060/products/Tux -d '{"price":0.01}'
target/release/toystore-client buy Tux 101
END
    session "Five customers" rough "Each looks at 200 toys, buys with a probability of 0.6, and in the end checks every order." <<'END'
target/release/toystore-client run --clients 5 --iterations 200 -p 0.6 --seed 7
END
    session "The leader dies while they shop" rough "No customer sees an error: requests under way are sent again to the next leader." <<'END'
target/release/toystore-client run --clients 5 --iterations 1000000 -p 0.6 --seed 7 >data/run/shopping.txt 2>&1 &
sleep 2; scripts/crash.sh order-3
sleep 2; scripts/status.sh
scripts/restart.sh order-3
until curl -sf 127.0.0.1:10012/readyz; do sleep 0.1; done
kill -TERM %%; wait %%; echo $?
cat data/run/shopping.txt
target/release/toystore-inspect diff http://127.0.0.1:10010 http://127.0.0.1:10011 http://127.0.0.1:10012
grep -o 'leading epoch=.* cancelled=[0-9]*' data/run/order-2.log
END
    session "The last replica, and the catalog" run "With one replica left, the catalog is the second disk. Without the catalog nothing is ordered, and nothing is guessed." <<'END'
scripts/crash.sh order-3; scripts/crash.sh order-1
target/release/toystore-client buy Risk 1 --key alone
scripts/crash.sh catalog
curl -s 127.0.0.1:6060/orders/1
curl -s 127.0.0.1:6060/orders/2
scripts/restart.sh catalog; scripts/restart.sh order-1; scripts/restart.sh order-3
until target/release/toystore-client status --check >/dev/null 2>&1; do sleep 0.1; done
target/release/toystore-client buy Risk 1 --key alone
END
    session "What operators see" rough "Readiness one by one, the cluster for programs, some metrics of the leader." <<'END'
target/release/toystore-client buy Tux 1 --key one
curl -s '127.0.0.1:6060/readyz?verbose'
scripts/status.sh --json
curl -s 127.0.0.1:10012/metrics | grep -E '^toystore_(role|commit_number|in_sync|epoch)'
END
    session "Looking into the data" rough "Of running processes first, then of what they left on disk." <<'END'
target/release/toystore-client run --clients 1 --iterations 20 --seed 7 | tail -1
target/release/toystore-inspect dump http://127.0.0.1:10010 --to 3
target/release/toystore-inspect stats http://127.0.0.1:10012 | head -9
scripts/stop.sh
target/release/toystore-inspect verify data/run/catalog data/run/order-1 data/run/order-2 data/run/order-3
target/release/toystore-inspect diff data/run/order-1 data/run/order-2
END
} >"$work/page.md"
mv -- "$work/page.md" "$page"
echo "Wrote $page."
