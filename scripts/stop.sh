#!/usr/bin/env bash
# Stops the store: the front end, then the order replicas, then the catalog. Each may finish what
# it is doing; what is not gone after 10 s is killed. Nothing that was acknowledged gets lost.
#
# Usage: scripts/stop.sh [--data DIR]
#   --data DIR    where the store runs from (default data/run, or $TOYSTORE_DATA)
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --data) use_data "${2-}"; shift 2 ;;
        *) misuse "there is no option $1" ;;
    esac
done

# running NAME…: those that are not down.
running() {
    local name
    for name; do
        if pid_of "$name" >/dev/null; then echo "$name"; fi
    done
}

# gone DEADLINE NAME…: waits until none of them runs, or SECONDS reaches the deadline.
gone() {
    local last=$1
    shift
    while [[ $(running "$@") ]] && ((SECONDS < last)); do sleep 0.05; done
}

mapfile -t known < <(names)
mapfile -t up < <(running "${known[@]}")
if ((${#up[@]} == 0)); then
    echo "Nothing runs from $data."
    exit 0
fi
deadline=$((SECONDS + 10))
for group in front-end order catalog; do
    mapfile -t members < <(printf '%s\n' "${up[@]}" | grep "^$group" || true)
    mapfile -t pids < <(for name in "${members[@]}"; do pid_of "$name" || true; done)
    # All at once, so that none takes another for lost; a paused one heeds it when it goes on.
    kill -TERM "${pids[@]}" 2>/dev/null || true
    kill -CONT "${pids[@]}" 2>/dev/null || true
    gone $((SECONDS + 3)) "${members[@]}"
done
gone "$deadline" "${up[@]}"
mapfile -t up < <(for group in front-end order catalog; do
    printf '%s\n' "${up[@]}" | grep "^$group" || true
done)
for name in "${up[@]}"; do
    if pid=$(pid_of "$name"); then
        kill -KILL "$pid" 2>/dev/null || true
        echo "$name was killed: it did not end in time."
        gone $((SECONDS + 5)) "$name"
    else
        echo "$name stopped."
    fi
    rm -f -- "$data/$name.pid"
done
