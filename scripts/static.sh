#!/usr/bin/env bash
# Builds the store's programs so that each is one file that wants nothing else on a machine, not
# even a C library, and checks that it is so.
#
# Usage: scripts/static.sh [DIR]
#   DIR  where the programs go (default target/static)
#
# The GNU C library is linked into them: on Debian and Ubuntu it comes with libc6-dev, elsewhere it
# may be a package of its own (glibc-static).
set -euo pipefail
# shellcheck source=SCRIPTDIR/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=SCRIPTDIR/lib-launch.sh
source "$root/scripts/lib-launch.sh"

case ${1-} in
    -h | --help) usage ;;
    -*) misuse "there is no option $1" ;;
esac
(($# < 2)) || misuse "one DIR at a time"
target=$(realpath -m -- "$root/${CARGO_TARGET_DIR:-target}")
[[ ${CARGO_TARGET_DIR-} != /* ]] || target=$CARGO_TARGET_DIR
to=${1:-$target/static}

want_rust
host=$(rustc -vV | sed -n 's/^host: //p')
programs=(toystore-{catalog,order,front-end,client,inspect})
# With a target named, the flag is not for what runs during the build.
(cd -- "$root" && RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" CARGO_TARGET_DIR=$target \
    cargo build --release --locked --target "$host" --bins "${programs[@]/#/--package=}")
mkdir -p -- "$to"
for program in "${programs[@]}"; do
    install -m 755 "$target/$host/release/$program" "$to/$program"
    said=$(ldd "$to/$program" 2>&1) || true
    [[ $said == *"statically linked"* || $said == *"not a dynamic executable"* ]] ||
        die "$program is not static: $said"
    "$to/$program" --version >/dev/null || die "$program does not run"
    printf '%-19s  %5.1f MiB  static\n' "$program" \
        "$(awk -v bytes="$(stat -c %s "$to/$program")" 'BEGIN { print bytes / 1048576 }')"
done
echo "They are in $to."
