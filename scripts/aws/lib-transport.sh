# shellcheck shell=bash
# How the services talk to each other and to customers: this file alone says it; it is sourced. By
# TLS, each caller inside the store with a certificate of its own, signed by an authority that
# scripts/certs.sh makes for this store; or in the clear. $state/tls is there in the first case.
# shellcheck disable=SC2154 # lib.sh sets what it reads
: "${root:?comes from lib.sh}"

with_tls() { [[ -s $state/tls/ca.crt ]]; }

# choose_transport [plain]: makes what TLS wants, unless it is to be plain; certificates that are good for
# a week and for these addresses stay.
choose_transport() {
    if [[ ${1-} == plain ]]; then
        rm -rf -- "$state/tls"
        return
    fi
    local host names list
    mapfile -t list < <(hosts_in_order)
    mkdir -p -- "$state/tls"
    for host in "${list[@]}" operator; do
        names=${public[$host]-127.0.0.1},${private[$host]-127.0.0.1}
        [[ $(cat "$state/tls/$host.names" 2>/dev/null) == "$names" ]] &&
            openssl x509 -checkend 604800 -noout -in "$state/tls/$host.crt" >/dev/null && continue
        "$root/scripts/certs.sh" "$state/tls" --only "$host" --hosts "$names" --days 365 >/dev/null
        echo "$names" >"$state/tls/$host.names"
    done
}

# In the words of store.toml. In the clear, what is said between machines stays in the security group,
# and internal requests carry the cluster token.
transport() {
    if with_tls; then
        printf '%s\n' 'tls-ca = "/etc/toystore/ca.crt"' 'tls-cert = "/etc/toystore/host.crt"' \
            'tls-key = "/etc/toystore/host.key"' 'mutual-tls = true'
    else
        echo 'insecure = true'
    fi
}

# pack_transport HOST FOLDER: what HOST needs for it.
pack_transport() {
    with_tls || return 0
    cp -- "$state/tls/ca.crt" "$2/ca.crt"
    cp -- "$state/tls/$1.crt" "$2/host.crt"
    cp -- "$state/tls/$1.key" "$2/host.key"
}

scheme() { if with_tls; then echo https; else echo http; fi; }

# The store as its customers reach it.
public_url() { echo "$(scheme)://${public[$(host_of front-end)]}:$public_port"; }

# Sets $trust to the options by which PROGRAM, or curl, believes the store.
trust_of() {
    trust=()
    with_tls || return 0
    case $1 in
        curl) trust=(--cacert "$state/tls/ca.crt") ;;
        *) trust=(--tls-ca "$state/tls/ca.crt") ;;
    esac
}

# fetch PAGE: of the public API.
fetch() {
    local trust
    trust_of curl
    connect "${public[$(host_of front-end)]}" curl -fsS -m 5 --noproxy '*' "${trust[@]}" \
        "$(public_url)$1"
}

# customer WORD…: toystore-client, from here.
customer() {
    local trust
    trust_of toystore-client
    connect "${public[$(host_of front-end)]}" "$client" "$@" --front-end "$(public_url)" "${trust[@]}"
}
