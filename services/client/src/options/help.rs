//! What `--help` teaches below the options.

pub const EXAMPLES: &str = "\
EXAMPLES:
    toystore-client get Tux
    toystore-client buy \"Etch A Sketch\" 2
    toystore-client order 17
    toystore-client status --json
    toystore-client run --clients 5 --iterations 200 -p 0.6 --seed 7 --report out.json

EXIT CODES:
    0  done, and after `run` every acknowledged order matches
    1  a wrong or lost order, or the store refused the request
    2  usage
    3  the store could not be reached, or not long enough to check";

pub const RUN_EXAMPLES: &str = "\
EXAMPLES:
    Five customers who buy six times out of ten:
        toystore-client run --clients 5 --iterations 200 -p 0.6
    The same choices again, with the details kept (the seed is printed by every run):
        toystore-client run --seed 7 --report out.json
    Two front ends, each the other's spare:
        toystore-client run --front-end http://127.0.0.1:6060,http://127.0.0.1:6061
    Every error final, to measure what an impatient customer sees:
        toystore-client run --patience 0

Ctrl-C ends the shopping and goes on to the check; a second one leaves at once.";

pub const LOAD_EXAMPLES: &str = "\
EXAMPLES:
    Cached look-ups as fast as they are answered:
        toystore-client load --connections 64
    Purchases only:
        toystore-client load -p 1 --connections 256 --product Tux,Whale,Risk
    A thousand requests per second, whatever the store does; a fifth are purchases:
        toystore-client load --rate 1000 -p 0.2 --seconds 60

In a closed loop (without --rate) a connection sends its next request when the last is answered. In
an open loop requests are due at fixed instants, and their time counts from then: a store that
stalls does not hide it. Every purchase has a key of its own, and is sent once.

Exit code 3: nothing was answered.";

pub const GET_HELP: &str = "\
EXAMPLES:
    toystore-client get \"Etch A Sketch\"
    toystore-client get Tux --json

EXIT CODES: 0 there it is, 1 the store has no such toy or refused, 3 not reached";

pub const BUY_HELP: &str = "\
The key is printed with the order. An order whose outcome is unknown is repeated with the same key:
it is placed once, and its number is told. Ctrl-C leaves the outcome unknown, and tells the key.

EXAMPLES:
    toystore-client buy Tux 1
    toystore-client buy Tux 1 --key breakfast-7
    toystore-client buy Tux 1 --json

EXIT CODES: 0 bought, 1 refused or unknown (with what to do), 3 not reached or not heard of";

pub const ORDER_HELP: &str = "\
EXAMPLES:
    toystore-client order 17
    toystore-client order 17 --json

EXIT CODES: 0 there it is, 1 there is no such order or the store refused, 3 not reached";

pub const STATUS_HELP: &str = "\
A row for each process behind the front end. `in sync` are the replicas that acknowledge each order,
`last order` is the last that a replica knows to be committed.

EXAMPLES:
    toystore-client status
    toystore-client status --json
    Wait until orders are taken:
        until toystore-client status --check >/dev/null 2>&1; do sleep 1; done

EXIT CODES:
    0  the front end told what it sees; with --check: and orders can be placed
    1  it refused; with --check: no order can be placed now
    3  no front end was reached";
