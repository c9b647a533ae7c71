#!/usr/bin/env bash
# Removes everything of a store on AWS, the databases on its machines too: the instances, the
# security group, the key pair; here its keys and tokens. What is found by the tag goes, whatever
# up.sh came to; a second run finds nothing. The figures in data/aws/NAME/evaluation stay.
#
# Usage: scripts/aws/down.sh [--name NAME] [--region REGION] [--endpoint-url URL] [--dry-run]
#   up.sh --help says what these are
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

while (($#)); do take_common "$@"; shift "$taken"; done
begin
begin_change
tagged="Name=tag:toystore,Values=$name" found=

# list WHAT QUERY [FILTER]: ids, one a line.
list() {
    local ids
    ids=$(ec2 "describe-$1" --filters "$tagged" "${@:3}" --query "$2") || return
    tr -s '[:space:]' '\n' <<<"${ids:-${dry:+$1-OF-$name}}" | sed '/^$/d'
}
instances() {
    list instances 'Reservations[].Instances[].InstanceId' "Name=instance-state-name,Values=$1"
}

ended() {
    local left
    left=$(instances pending,running,stopping,stopped,shutting-down) || return
    [[ $dry || -z $left ]]
}

# gone WHAT QUERY DELETE OPTION: deletes what is found; whether nothing was. A group or a disk may be
# in use a moment longer than its instance.
gone() {
    local left id
    left=$(list "$1" "$2") || return
    for id in $left; do
        found=1
        ec2 "$3" "$4" "$id" >/dev/null || true
    done
    [[ $dry || -z $left ]]
}

living=$(instances pending,running,stopping,stopped)
if [[ $living ]]; then
    found=1
    mapfile -t living <<<"$living"
    ec2 terminate-instances --instance-ids "${living[@]}" >/dev/null
    say "${#living[@]} instance(s) are being terminated."
fi
within 600 "the instances to end" ended
within 300 "the security group to go" \
    gone security-groups 'SecurityGroups[].GroupId' delete-security-group --group-id
within 300 "the disks to go" gone volumes 'Volumes[].VolumeId' delete-volume --volume-id
within 60 "the key pair to go" \
    gone key-pairs 'KeyPairs[].KeyName' delete-key-pair --key-name
[[ $dry ]] && exit
# Credentials of another account see nothing of it, and the only keys to its hosts must not go.
[[ $found || ! -s $state/settings ]] || die "these credentials see nothing of $name in $region, and" \
    "$state says that it was made there; use those of its account, or remove that folder yourself"
rm -rf -- "$state"/{settings,key,run}{,.new} "$state"/key{,.new}.pub "$state"/known_hosts{,.old} \
    "$state"/{admin,cluster}.token "$state"/{payload,tls}
rmdir -- "$state" 2>/dev/null || true
if [[ $found ]]; then
    echo "Nothing of $name is left in $region."
else
    echo "There is nothing of $name in $region."
fi
