//! What `--help` teaches below the options.

pub const EXAMPLES: &str = "\
EXAMPLES:
    toystore-inspect verify data/run/catalog data/run/order-1 data/run/order-2
    toystore-inspect verify http://127.0.0.1:10086 http://127.0.0.1:10010
    toystore-inspect diff data/run/order-1 data/run/order-2
    toystore-inspect dump data/run/order-1 --from 100 --to 120 --format csv
    toystore-inspect stats http://127.0.0.1:10010 --json
    toystore-inspect backup http://127.0.0.1:10086 http://127.0.0.1:1001{0,1,2} --to store.backup

A SOURCE is a data folder, of an order replica or of the catalog; the address of one that runs; or a
file that `export` or `backup` made. A folder in use by a running process is refused: name its
address. A source is never changed.

EXIT CODES:
    0    sound, or the same, or done
    1    damaged, or different
    2    usage, or a source could not be read, or a file not be written
    130  stopped by a signal";

pub const DUMP: &str = "\
Filters narrow each other. A source without rows of a kind that is asked for prints none of them.

EXAMPLES:
    One order, wherever it is in the log:
        toystore-inspect dump http://127.0.0.1:10010 --key breakfast-7
    All orders for one toy, for a spreadsheet:
        toystore-inspect dump data/run/order-1 --product Tux --format csv
    What is reserved and not settled yet, as JSON lines:
        toystore-inspect dump http://127.0.0.1:10086 --kind reservations --format jsonl
    What was restocked:
        toystore-inspect dump data/run/catalog --kind restocks --product Tux";

pub const VERIFY: &str = "\
Each source is checked alone. Replicas are checked against each other up to what all of them have
committed. The catalog and replicas that are in sync with it are checked for the stock equation:
what the log sold is what the catalog sold and still holds. A backup is checked as a store of its own.

EXAMPLES:
    toystore-inspect verify data/run/catalog data/run/order-1 data/run/order-2 data/run/order-3
    toystore-inspect verify store.backup";

pub const DIFF: &str = "\
Replicas are compared order by order; printed are the first number under which two hold different
orders, and some orders before and after it. Equal hashes mean equal logs, though the files of two
replicas differ. Catalogs are compared row by row; some rows around the first difference are printed.

EXAMPLES:
    toystore-inspect diff http://127.0.0.1:10010 http://127.0.0.1:10011
    What happened since a backup:
        toystore-inspect diff store.backup http://127.0.0.1:10010";

pub const STATS: &str = "\
EXAMPLES:
    toystore-inspect stats data/run/order-1 data/run/catalog
    toystore-inspect stats http://127.0.0.1:10010 --json";

pub const EXPORT: &str = "\
The file has a checksum in every block and one over everything: a bit that is missing or changed is
told when it is read. It gets its name when it is whole and synced. A running replica is asked for
its orders up to the last that it knows to be committed, and goes on serving; a dump is a source of
the other commands.

EXAMPLES:
    toystore-inspect export http://127.0.0.1:10010 --to order-1.dump
    toystore-inspect verify order-1.dump

For a whole store take `backup`: an export of the catalog and one of a replica do not fit together.";

pub const IMPORT: &str = "\
A replica's folder gets a new store id: in the store it came from it catches up from where the dump
ends, and cannot lead before. The catalog's gets a new cluster id: it is there to be looked into, no
replica takes orders with it. A whole store is made by `restore`.

EXAMPLE:
    Spare replica 1, which lost its disk, most of the way to the others:
        toystore-inspect export http://127.0.0.1:10011 --to order-2.dump
        toystore-inspect import order-2.dump --replica 1 --to data/run/order-1";

pub const BACKUP: &str = "\
Every order acknowledged before the backup began is in it; so may be some that came meanwhile. The
catalog's books are those that fit exactly these orders. Name the catalog and all replicas: the one
that leads is read, and only as fast as this program writes. Nothing secret is in the file but the
customers' idempotency keys; only its owner may read it.

EXAMPLES:
    A store that goes on serving:
        toystore-inspect backup http://127.0.0.1:10086 http://127.0.0.1:10010 \\
            http://127.0.0.1:10011 http://127.0.0.1:10012 --to store.backup
    A stopped one:
        toystore-inspect backup data/run/catalog data/run/order-3 --to store.backup
    Whether a backup is sound:
        toystore-inspect verify store.backup";

pub const RESTORE: &str = "\
Stop every process of the old store first, front ends too. Orders keep their numbers and their
idempotency keys. The store is a new one: new cluster and store ids, so that leftovers of the old one
are refused. What was ordered after the backup is gone.

EXAMPLE:
    scripts/stop.sh
    mv data/run data/old
    toystore-inspect restore store.backup --to data/run
    scripts/start.sh";
