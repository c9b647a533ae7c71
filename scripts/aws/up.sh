#!/usr/bin/env bash
# Makes the machines of a store on AWS: a key pair, a security group, one instance or five. What is
# there already is left as it is, so that a second run goes on where one was cut off. The group lets
# in SSH and the public port only; rules that were added by hand are taken out of it.
#
# Usage: scripts/aws/up.sh [--spread] [--type TYPE] [--ssh-from CIDR] [--subnet ID]
#                          [--ami ID --user NAME] [COMMON…]
#   --spread             an instance for each of the five processes, in place of one for all; their
#                        internal ports are open to each other
#   --type TYPE          the kind of instance (default m5a.xlarge)
#   --ssh-from CIDR      who may use SSH (default: the address from which this is called, alone)
#   --subnet ID          where the instances are (default: AWS chooses in the default VPC)
#   --ami ID --user NAME another image, for x86-64 and with systemd, and who logs in there (default:
#                        the newest Amazon Linux 2023, ec2-user)
# COMMON, for every script of this folder:
#   --name NAME          which store; everything is tagged toystore=NAME (default lab)
#   --region REGION      (default us-east-1, or the one in which NAME was made)
#   --endpoint-url URL   a stand-in for the EC2 API, on this machine; also $AWS_ENDPOINT_URL
#   --dry-run            prints each call of the API, ssh, scp and curl, and does none of them
#
# Credentials are the AWS CLI's own matter: its environment variables and files.
# From here on it costs money; scripts/aws/down.sh ends that. Next: scripts/aws/deploy.sh.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

wanted=(all) type=m5a.xlarge ssh_from='' subnet='' ami='' login=''
while (($#)); do
    case $1 in
        --spread) wanted=("${services[@]}"); shift ;;
        --type) type=${2-}; shift; shift || true ;;
        --ssh-from) ssh_from=${2-}; shift; shift || true ;;
        --subnet) subnet=${2-}; shift; shift || true ;;
        --ami) ami=${2-}; shift; shift || true ;;
        --user) login=${2-}; shift; shift || true ;;
        *) take_common "$@"; shift "$taken" ;;
    esac
done
byte='[0-9]{1,3}'
[[ ! $ssh_from || $ssh_from =~ ^($byte\.){3}$byte/[0-9]{1,2}$ ]] ||
    misuse "--ssh-from wants a CIDR, as 192.0.2.7/32"
[[ ${ami:+x} == "${login:+x}" ]] || misuse "--ami and --user go together"

tags_of() { # KIND HOST: as the API wants them
    printf 'ResourceType=%s,Tags=[{Key=toystore,Value=%s},{Key=Name,Value=%s}' "$1" "$name" \
        "toystore-$name${2:+-$2}"
    printf '%s]' "${2:+,{Key=toystore-host,Value=$2\}}"
}
tagged="Name=tag:toystore,Values=$name"

remember() {
    [[ $dry ]] && return
    [[ -s $state/run ]] || new_run
    printf '%s\n' "region=$region" "endpoint=$endpoint" "user=${login:-$user}" >"$state/settings.new"
    mv -- "$state/settings.new" "$state/settings"
    [[ -s $state/key ]] && return
    want ssh-keygen openssh-client
    rm -f -- "$state"/key.new{,.pub}
    ssh-keygen -q -t ed25519 -N '' -C "toystore-$name" -f "$state/key.new"
    mv -- "$state/key.new.pub" "$state/key.pub"
    mv -- "$state/key.new" "$state/key"
}
new_run() { od -An -v -tx1 -N8 /dev/urandom | tr -d ' \n' >"$state/run"; }

ensure_key() {
    local theirs
    theirs=$(ec2 describe-key-pairs --include-public-key --filters "$tagged" \
        --query 'KeyPairs[].PublicKey')
    if [[ $theirs ]]; then
        [[ $(cut -d ' ' -f 2 <<<"$theirs") == "$(cut -d ' ' -f 2 "$state/key.pub")" ]] && return
        [[ ! $known ]] || die "$state lacks the key to the hosts of $name; only down.sh helps"
        ec2 delete-key-pair --key-name "toystore-$name" >/dev/null
    fi
    ec2 import-key-pair --key-name "toystore-$name" --public-key-material "fileb://$state/key.pub" \
        --tag-specifications "$(tags_of key-pair)" >/dev/null
    say "The key pair toystore-$name is there."
}

# Sets $group.
ensure_group() {
    group=$(ec2 describe-security-groups --filters "$tagged" --query 'SecurityGroups[].GroupId')
    [[ $group != *[[:space:]]* ]] || die "$name has several security groups: $group"
    [[ $group ]] && return
    local vpc=()
    if [[ $subnet ]]; then
        vpc=(--vpc-id "$(ec2 describe-subnets --subnet-ids "$subnet" --query 'Subnets[0].VpcId')")
        [[ ! $dry ]] || vpc=(--vpc-id "VPC-OF-$subnet")
    fi
    group=$(ec2 create-security-group --group-name "toystore-$name" --description \
        "Toystore: SSH and the public port" "${vpc[@]}" --tag-specifications \
        "$(tags_of security-group)" --query GroupId)
    group=${group:-GROUP}
    within 60 "the security group" knows_group
    say "The security group $group is there."
}
knows_group() { ec2 describe-security-groups --group-ids "$group" --query 'length(@)' >/dev/null; }

# FROM TO WHO for each thing that is let in.
wanted_rules() {
    echo "22 22 $ssh_from"
    echo "$public_port $public_port 0.0.0.0/0"
    if [[ ${wanted[0]} != all ]]; then
        echo "10010 10012 $group"
        echo "10086 10086 $group"
    fi
}

ensure_rules() {
    local rows id from to cidr peer rules surplus=() missing=()
    rows=$(ec2 describe-security-group-rules --filters "Name=group-id,Values=$group" --query \
        'SecurityGroupRules[?!IsEgress].[SecurityGroupRuleId,FromPort,ToPort,CidrIpv4,ReferencedGroupInfo.GroupId]')
    rules=$(wanted_rules)
    local there=$'\n'
    while read -r id from to cidr peer; do
        [[ $id ]] || continue
        [[ $cidr == None ]] && cidr=$peer
        there+="$from $to $cidr"$'\n'
        [[ $'\n'$rules$'\n' == *$'\n'"$from $to $cidr"$'\n'* ]] || surplus+=("$id")
    done <<<"$rows"
    while read -r from to cidr; do
        [[ $there == *$'\n'"$from $to $cidr"$'\n'* ]] && continue
        case $cidr in
            */*) peer="IpRanges=[{CidrIp=$cidr}]" ;;
            *) peer="UserIdGroupPairs=[{GroupId=$cidr}]" ;;
        esac
        missing+=("IpProtocol=tcp,FromPort=$from,ToPort=$to,$peer")
    done <<<"$rules"
    if ((${#missing[@]})); then
        ec2 authorize-security-group-ingress --group-id "$group" --ip-permissions "${missing[@]}" \
            --tag-specifications "$(tags_of security-group-rule)" >/dev/null
        say "The group lets in SSH from $ssh_from and everybody to port $public_port."
    fi
    if ((${#surplus[@]})); then
        ec2 revoke-security-group-ingress --group-id "$group" --security-group-rule-ids \
            "${surplus[@]}" >/dev/null
        say "The group no longer lets in ${#surplus[@]} other(s)."
    fi
}

# Sets $ami to the newest image of Amazon Linux 2023.
choose_image() {
    [[ $ami ]] && return
    ami=$(ec2 describe-images --owners amazon --filters 'Name=state,Values=available' \
        'Name=name,Values=al2023-ami-2023.*-kernel-6.1-x86_64' \
        --query 'sort_by(Images,&CreationDate)[-1].ImageId')
    if [[ $dry ]]; then ami=NEWEST-IMAGE; fi
    [[ $ami != None ]] || die "$region has no image of Amazon Linux 2023; name one with --ami"
}

start_host() { # HOST
    local place=(--security-group-ids "$group") said
    if [[ $subnet ]]; then place+=(--subnet-id "$subnet" --associate-public-ip-address); fi
    choose_image
    said=$(ec2 run-instances --image-id "$ami" --instance-type "$type" --key-name "toystore-$name" \
        "${place[@]}" --client-token "$(cat "$state/run" 2>/dev/null || echo RUN)-$1" \
        --metadata-options HttpTokens=required \
        --tag-specifications "$(tags_of instance "$1")" "$(tags_of volume "$1")" \
        "$(tags_of network-interface "$1")" --query 'Instances[0].InstanceId' 2>&1) || {
        # Somebody terminated it: its token is used up.
        [[ $said == *IdempotentInstanceTerminated* ]] || die "$said"
        new_run
        start_host "$1"
        return
    }
    say "$said is on its way, for $1."
}

# Sets $known to the hosts that are there. One machine is not made into five, nor five into one.
know_shape() {
    known=$(hosts | cut -f 1) || return
    local host
    for host in $known; do
        [[ " ${wanted[*]} " == *" $host "* ]] ||
            die "$name was made with$([[ $host == all ]] && echo out) --spread"
    done
}

ensure_hosts() {
    local host
    for host in "${wanted[@]}"; do
        [[ $'\n'$known$'\n' == *$'\n'"$host"$'\n'* ]] || start_host "$host"
    done
}

# Whether every host runs and has an address; prints a line for each when it is so.
all_run() {
    if [[ $dry ]]; then hosts; return; fi
    local list host id status outside _ up=0
    list=$(hosts) || return
    while read -r host id status outside _; do
        case $status in
            stopped) ec2 start-instances --instance-ids "$id" >/dev/null || true ;;
            running) [[ $outside == None ]] || up=$((up + 1)) ;;
        esac
    done <<<"$list"
    ((up == ${#wanted[@]})) && printf '%s\n' "$list" | awk '{printf "%-9s  %s  %s\n", $1, $2, $4}'
}

begin
begin_change
know_shape
remember
ensure_key
if [[ ! $ssh_from ]]; then
    # A stand-in's hosts are on this machine.
    caller=127.0.0.1
    [[ $stand_in ]] || { want curl curl; caller=$(connect checkip.amazonaws.com curl -sS -m 10 \
        https://checkip.amazonaws.com); }
    if [[ $dry ]]; then caller=${caller:-CALLER}; fi
    [[ $dry || $caller =~ ^($byte\.){3}$byte$ ]] || die "own address unknown; give --ssh-from CIDR"
    ssh_from=$caller/32
fi
ensure_group
ensure_rules
ensure_hosts
within 300 "the instances to run" all_run
