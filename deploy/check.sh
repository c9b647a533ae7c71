#!/usr/bin/env bash
# Checks the files of this folder as far as that goes without installing or running them: systemd's
# own check of the units, the syntax of the compose file, and the configurations, each as its
# program reads it.
#
# Usage: deploy/check.sh [BIN]
#   BIN  the folder with the programs (default target/debug)
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
bin=$(realpath -- "${1:-$here/../target/debug}")
for tool in systemd-analyze python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

# systemd-analyze wants the programs to be there.
for unit in "$here"/systemd/*; do
    sed "s|/usr/bin/toystore-|$bin/toystore-|" "$unit" >"$scratch/${unit##*/}"
done
ln -s toystore-order@.service "$scratch/toystore-order@1.service"
said=$(SYSTEMD_UNIT_PATH=$scratch: systemd-analyze verify --recursive-errors=no \
    "$scratch"/toystore-{catalog,front-end,order@1}.service "$scratch/toystore.target" 2>&1) ||
    { echo "$said" >&2; exit 1; }
[[ -z $said ]] || { echo "$said" >&2; exit 1; }
echo "The units are sound."

# The configurations name files of a machine that has the store; here they are elsewhere.
for token in cluster admin; do
    od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$scratch/$token.token"
done
chmod 600 "$scratch"/*.token
"$here/../scripts/certs.sh" "$scratch/tls" --only own >/dev/null
for file in store compose; do
    sed -e "s|/etc/toystore/catalog.csv|$here/../data/catalog.csv|" \
        -e "s#/etc/toystore/\|/run/secrets/#$scratch/#" -e "s|_token\"|.token\"|" -e "s|/run/tls/|$scratch/tls/|" \
        -e "s|/var/lib/toystore|$scratch|" "$here/$file.toml" >"$scratch/$file.toml"
    "$bin/toystore-catalog" serve --config "$scratch/$file.toml" --check-config
    "$bin/toystore-front-end" --config "$scratch/$file.toml" --check-config
    "$bin/toystore-order" --id 1 --data "$scratch/order-1" --config "$scratch/$file.toml" \
        --check-config
done
python3 - "$here/compose.yaml" <<'PYTHON'
import sys

try:
    import yaml
except ImportError:
    sys.exit("SKIPPED: the compose file, since Python's yaml is missing")
store = yaml.safe_load(open(sys.argv[1]))
for name, service in store["services"].items():
    assert service["command"][0].startswith("toystore-"), name
    assert all(v.split(":")[0] in store["volumes"] or v.startswith("./")
               for v in service["volumes"]), name
    assert all(s in store["secrets"] for s in service["secrets"]), name
print("The compose file names what it has.")
PYTHON
