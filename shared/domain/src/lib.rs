//! What the store is, and nothing of how it runs. Pure: no clock, no disk, no network.
//!
//! | file | rule |
//! |---|---|
//! | [`amounts`] | cents, quantities, stock: whole numbers with bounds |
//! | [`names`] | what a product name and an idempotency key may be |
//! | [`product`] | a product and the books kept on its stock |
//! | [`stock`] | the stock rule: what each change does to the books |
//! | [`order`] | a numbered order, and what a customer asks for |
//! | [`refusal`] | every way to say no, and its HTTP status |
//! | [`api`] | the public JSON |

pub mod amounts;
pub mod api;
pub mod names;
pub mod order;
pub mod product;
pub mod refusal;
pub mod stock;

pub use amounts::{Cents, Quantity, Version};
pub use names::{OrderKey, ProductName};
pub use order::{Order, OrderNumber, Purchase};
pub use product::{Books, Product};
pub use refusal::Refusal;
