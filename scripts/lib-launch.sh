# shellcheck shell=bash
# What scripts that build or start something share beside lib.sh: tools, and bringing a process up.

: "${data:?comes from lib.sh}"
patience=60 # seconds until a process must be up

# Makes sure that a program is there; its package is $2.
want() {
    command -v "$1" >/dev/null || install_package "$2" "$1"
}

# Installs package $1, for the sake of $2.
install_package() {
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        die "$2 is missing; install it (on Debian and Ubuntu: sudo apt-get install $1)"
    fi
    echo "Installing $1, for $2 …"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

want_rust() {
    if ! command -v cargo >/dev/null && [[ -x ${HOME-}/.cargo/bin/cargo ]]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || die "Rust is missing; get it from https://rustup.rs:" \
        "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
    want cc build-essential
}

# Builds the store, and beside it program $2 of package $1.
build_with() {
    echo "Building the store and $2, which takes minutes the first time." >&2
    cd -- "${root:?comes from lib.sh}" || exit
    cargo build --release --locked --bins -p toystore-catalog -p toystore-order \
        -p toystore-front-end -p toystore-inspect
    # Apart from the services: what only tests switch on must not get into them.
    cargo build --release --locked -p "$1" --bin "$2"
}

# Keeps a second start or restart off $data until this script ends.
lock() {
    exec 9<"$data"
    flock -n 9 || die "another script is starting processes in $data"
}

port_free() {
    local address
    address=$(address_of "$1")
    if (exec 3<>"/dev/tcp/${address/://}") 2>/dev/null; then
        die "$1 needs $address, and something listens there already; stop that first"
    fi
}

# Notes how NAME is to be started: its command line, and the environment's part in it.
note() {
    local name=$1
    shift
    printf '%s\0' "$@" >"$data/$name.cmd"
    env -0 | { grep -z '^TOYSTORE_' || true; } >"$data/$name.env"
}

# Starts NAME as noted, in the background and for good; more VARIABLE=VALUE for this time only.
launch() {
    local name=$1 pid command environment
    mapfile -d '' -t command <"$data/$name.cmd"
    mapfile -d '' -t environment <"$data/$name.env"
    (
        unset "${!TOYSTORE_@}"
        exec setsid env "${environment[@]}" "${@:2}" "${command[@]}" </dev/null >>"$data/$name.log" 2>&1 9<&-
    ) &
    pid=$!
    echo "$pid" >"$data/$name.pid"
    until pid_of "$name" >/dev/null || ! kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}

# await PAGE NAME…: waits until each answers PAGE with 200. Ends the script when one of them ended
# or takes too long.
await() {
    local page=$1 deadline=$((SECONDS + patience)) reply name each
    shift
    for name; do
        until reply=$(get "$name" "$page") && [[ $reply == *200 ]]; do
            for each; do pid_of "$each" >/dev/null || ended "$each"; done
            ((SECONDS < deadline)) ||
                die "$name is not up after $patience s: $(reason "$reply"); see $data/$name.log"
            sleep 0.1
        done
    done
    for each; do pid_of "$each" >/dev/null || ended "$each"; done
}

ended() {
    echo "The last lines of $data/$1.log:" >&2
    tail -n 5 -- "$data/$1.log" | sed 's/^/    /' >&2
    die "$1 could not be kept running"
}
