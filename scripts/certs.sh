#!/usr/bin/env bash
# Makes certificates to try TLS with: an authority of its own, and a certificate with its key for
# each process of a store. FOR TESTS ONLY: the authority's key lies beside them, unencrypted, and
# whoever reads it can pass for any process. Installs openssl where it is missing.
#
# Usage: scripts/certs.sh DIR [--hosts NAME,…] [--days N] [--only PROCESS,…]
#   DIR            where they go; made if it is not there
#   --hosts NAME,… names and addresses that the certificates are valid for, beside the process's
#                  own name, localhost, 127.0.0.1 and ::1
#   --days N       how long they are valid, 1 to 3650 (default 30); the authority is for 20 years
#   --only PROCESS,…
#                  only for these processes, which may have any name (default: catalog, order-1 to
#                  order-9, front-end, and operator for toystore-inspect and curl)
#
# DIR then holds ca.crt and ca.key, and PROCESS.crt and PROCESS.key for each. A ca.crt with its key
# that is there already is used again, the rest is made anew.
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

dir='' hosts='' days=30
only=catalog,$(printf 'order-%s,' {1..9})front-end,operator
while (($#)); do
    case $1 in
        -h | --help) usage ;;
        --hosts) hosts=${2-}; [[ $hosts ]] || misuse "--hosts wants names"; shift 2 ;;
        --days) days=${2-}; shift; shift || true ;;
        --only) only=${2-}; [[ $only ]] || misuse "--only wants names"; shift 2 ;;
        -*) misuse "there is no option $1" ;;
        *) [[ -z $dir ]] || misuse "one DIR at a time"; dir=$1; shift ;;
    esac
done
[[ $dir ]] || misuse "DIR is missing"
if ! [[ $days =~ ^[1-9][0-9]{0,3}$ ]] || ((days > 3650)); then
    misuse "--days wants a number from 1 to 3650"
fi
[[ $only =~ ^[A-Za-z0-9-]+(,[A-Za-z0-9-]+)*$ ]] || misuse "--only wants names with commas between"
[[ $hosts =~ ^[A-Za-z0-9.:,_-]*$ ]] || misuse "--hosts wants names or addresses with commas between"

want openssl openssl
umask 077
mkdir -p -- "$dir"
cd -- "$dir"

# Prints nothing unless something is wrong.
quiet() {
    local said
    said=$("$@" 2>&1) || die "$said"
}

# One entry of a certificate's names.
entry() {
    if [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; then echo "IP:$1"; else echo "DNS:$1"; fi
}

if [[ ! -s ca.crt || ! -s ca.key ]]; then
    # It outlives what it signs, also what it signs years later.
    quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
        -keyout ca.key -out ca.crt -days 7300 -subj "/CN=toystore test authority" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign"
fi
openssl x509 -in ca.crt -noout -checkend "$((days * 86400))" >/dev/null ||
    die "the authority in $PWD ends within $days days; remove ca.crt and ca.key for a new one"
IFS=,
for process in $only; do
    names=$(entry "$process"),DNS:localhost,IP:127.0.0.1,IP:::1
    for host in $hosts; do names+=,$(entry "$host"); done
    quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
        -keyout "$process.key" -out "$process.csr" -subj "/CN=$process"
    quiet openssl x509 -req -in "$process.csr" -CA ca.crt -CAkey ca.key -sha256 \
        -set_serial "0x$(openssl rand -hex 16)" -days "$days" -out "$process.crt" -extfile <(
            echo "basicConstraints=critical,CA:FALSE"
            echo "keyUsage=critical,digitalSignature"
            echo "extendedKeyUsage=serverAuth,clientAuth"
            echo "subjectAltName=$names"
        )
    rm -f -- "$process.csr"
done
echo "Certificates for tests are in $PWD, valid for $days days: ca.crt, and for ${only//,/, }."
