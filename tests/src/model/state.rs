//! The whole store at one instant.

use toystore_authority::memory::{MemoryDatabase, Rows};
use toystore_domain::{Books, Cents};
use toystore_replication::{ClusterId, ReplicaId, View};

use super::bounds::{Bounds, Spent};
use super::front_ends::{Attempt, FrontEnd, Look, PRODUCT, Progress};
use super::node::Node;
use super::shared::Shared;
use super::told::{Broken, Told};
use super::wire::Wire;

/// How many replicas there are.
const REPLICAS: u8 = 3;

/// A catalog that sells one product.
fn stocked(stock: u64) -> Rows {
    let mut rows = Rows::clone(&MemoryDatabase::new(ClusterId(1)).rows());
    rows.products.insert(PRODUCT.clone(), Books::open(Cents::default(), stock));
    rows.sold_out.extend((stock == 0).then(|| PRODUCT.clone()));
    rows
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The replicas, by id from 1.
    pub nodes: Vec<Shared<Node>>,
    /// The catalog, all of it durable.
    pub rows: Shared<Rows>,
    /// On its way.
    pub wire: Wire,
    /// The front ends.
    pub front_ends: Vec<FrontEnd>,
    /// The orders' attempts.
    pub attempts: Vec<Attempt>,
    /// The look-ups sent.
    pub looks: Vec<Look>,
    /// What customers were told.
    pub told: Shared<Told>,
    /// How many replicas the operator demands.
    pub min_in_sync: usize,
    /// A leader that took over gave a reservation back.
    pub cancelled: bool,
    /// What was used up of the bounds.
    pub spent: Spent,
    /// The first rule that a step broke.
    pub broken: Option<Broken>,
}

impl State {
    /// Three replicas that start for the first time, and a catalog that never had a view.
    #[must_use]
    pub fn fresh(bounds: &Bounds) -> Self {
        let rows = stocked(bounds.stock);
        let shared = if bounds.shared { 2 } else { 1 };
        let attempt = |index: usize| Attempt {
            order: index / shared,
            front_end: index % bounds.front_ends,
            progress: Progress::Idle,
            open: false,
            copies: 0,
        };
        let ids = (1..=REPLICAS).map(ReplicaId);
        let mut state = Self {
            nodes: ids.map(|id| Shared::new(Node::new(id))).collect(),
            rows: Shared::new(rows),
            wire: Wire::default(),
            front_ends: vec![FrontEnd::default(); bounds.front_ends],
            attempts: (0..bounds.orders * shared).map(attempt).collect(),
            looks: Vec::new(),
            told: Shared::new(Told::default()),
            min_in_sync: bounds.min_in_sync,
            cancelled: false,
            spent: Spent::default(),
            broken: None,
        };
        state.ids().for_each(|id| state.start(id));
        state
    }

    /// The replicas' ids.
    pub fn ids(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (1..=self.nodes.len() as u8).map(ReplicaId)
    }

    /// A replica.
    #[must_use]
    pub fn node(&self, id: ReplicaId) -> &Shared<Node> {
        &self.nodes[usize::from(id.0) - 1]
    }

    /// Replaces a replica.
    pub fn put_node(&mut self, id: ReplicaId, node: Node) {
        self.nodes[usize::from(id.0) - 1] = Shared::new(node);
    }

    /// The view that the catalog holds.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        self.rows.view.as_ref()
    }

    /// Whether the process that leads in the view runs.
    #[must_use]
    pub fn leader_runs(&self, view: &View) -> bool {
        let node = self.node(view.leader.id);
        node.core().is_some() && node.member() == view.leader
    }

    /// Keeps the first broken rule.
    pub fn check(&mut self, result: Result<(), Broken>) {
        if let Err(broken) = result {
            self.broken.get_or_insert(broken);
        }
    }
}
