#!/usr/bin/env bash
# Shows what runs, and what the front end says: who leads, the epoch, who is in sync, the last order
# of each, and why no orders are taken, if so. Ends with 0 when every process runs and orders are
# taken, else with 1.
#
# Usage: scripts/status.sh [--json] [--data DIR]
#   --json        {"processes":[{"name":…,"state":"running|paused|down","pid":…}],"ready":…,
#                 "cluster":…} where cluster is the data of GET /cluster, or null
#   --data DIR    where the store runs from (default data/run, or $TOYSTORE_DATA)
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

json=
while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --json) json=1; shift ;;
        --data) use_data "${2-}"; shift 2 ;;
        *) misuse "there is no option $1" ;;
    esac
done
mapfile -t known < <(names)
((${#known[@]})) || die "nothing was started from $data; scripts/start.sh does that"

exit=0 rows=()
for name in "${known[@]}"; do
    state=$(state_of "$name")
    [[ $state == running ]] || exit=1
    pid=$(pid_of "$name") || pid=null
    rows+=("{\"name\":\"$name\",\"state\":\"$state\",\"pid\":$pid}")
    if [[ ! $json ]]; then show "$name"; fi
done

ready=true reply=$(get front-end /readyz)
[[ $reply == *200 ]] || ready=false exit=1
credentials
client=("$bin/toystore-client" status --front-end "$(url_of front-end)" "${ca[@]}")
if [[ ! $json ]]; then
    echo
    "${client[@]}" || exit 1
    [[ $ready == true ]] || printf '\nNot ready: %s\n' "$(reason "$reply")"
else
    cluster=$("${client[@]}" --json 2>/dev/null) || cluster='' exit=1
    case $cluster in
        '{"data":'*'}') cluster=${cluster#'{"data":'} cluster=${cluster%'}'} ;;
        *) cluster=null ;;
    esac
    IFS=,
    printf '{"processes":[%s],"ready":%s,"cluster":%s}\n' "${rows[*]}" "$ready" "$cluster"
fi
exit "$exit"
