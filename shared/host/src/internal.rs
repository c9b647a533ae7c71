//! Which message goes to which internal endpoint, `POST /internal/NAME`.

use toystore_authority::messages::{
    CatalogPage, ExportCatalog, ExportRestocks, ForceLeader, Forced, Propose, Proposed,
    RestocksPage,
};
use toystore_coherence::messages::{
    Granted, Invalidate, ListProducts, LookUp, LookedUp, Put, PutProduct, ReadRestocks, RenewLease,
    Restocks,
};
use toystore_domain::Product;
use toystore_replication::View;
use toystore_replication::choice::Health;
use toystore_replication::messages::{
    Append, Appended, Changed, ExportOrders, Fetch, Fetched, Forward, Forwarded, Join, Joined,
    ListOrders, ListReply, ListReservations, OrderReply, OrdersPage, PlaceOrder, PlaceOrders,
    Probe, ReadOrder, ReadReply, ReadView, Reservations, Status, Transact, Transacted, ViewNotice,
};
use toystore_replication::view::MemberChange;

use crate::calls::Call;

macro_rules! endpoints {
    ($($name:literal: $message:ty => $reply:ty;)*) => {
        $(impl Call for $message {
            type Reply = $reply;
            const NAME: &'static str = $name;
        })*
    };
}

// The catalog's, for front ends and operators.
endpoints! {
    "look-up": LookUp => LookedUp;
    "list-products": ListProducts => Vec<Product>;
    "put-product": PutProduct => Put;
    "renew-lease": RenewLease => Granted;
    "read-restocks": ReadRestocks => Restocks;
    "propose": Propose => Proposed;
    "read-view": ReadView => Option<View>;
    "force-leader": ForceLeader => Forced;
    "export-catalog": ExportCatalog => CatalogPage;
    "export-restocks": ExportRestocks => RestocksPage;
}

// The catalog's, for leaders.
endpoints! {
    "transact": Transact => Transacted;
    "list-reservations": ListReservations => Reservations;
    "change-members": MemberChange => Changed;
}

// An order replica's, for front ends, the catalog and the inspector.
endpoints! {
    "place-order": PlaceOrder => OrderReply;
    "place-orders": PlaceOrders => Vec<OrderReply>;
    "read-order": ReadOrder => ReadReply;
    "list-orders": ListOrders => ListReply;
    "forward": Forward => Forwarded;
    "view-notice": ViewNotice => Health;
    "status": Status => Health;
    "probe": Probe => Health;
    "export-orders": ExportOrders => OrdersPage;
}

// An order replica's, for other replicas.
endpoints! {
    "append": Append => Appended;
    "fetch": Fetch => Fetched;
    "join": Join => Joined;
}

// A front end's, for the catalog.
endpoints! {
    "invalidate": Invalidate => ();
}
