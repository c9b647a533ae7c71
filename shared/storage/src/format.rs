//! What a database's folder says of itself, in its FORMAT file: one line of text with a checksum.

use toystore_replication::StoreId;

use crate::Kind;

/// The version of the layout: raised whenever what is in a folder could not be read as it was.
/// 1 had a row of the log for each order and no row of the catalog's last change; 2 had the index of
/// keys on the disk.
pub const LAYOUT: u32 = 3;

/// Why a text is no FORMAT line of this layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFormat {
    /// It is one of this other layout.
    Layout(u32),
    /// It is none.
    Unreadable,
}

/// The line of a folder.
#[must_use]
pub fn line(kind: Kind, store: StoreId) -> String {
    let content = format!("toystore {LAYOUT} {kind} {store}");
    format!("{content} {:08x}\n", checksum(&content))
}

/// Reads a line.
///
/// # Errors
/// It is none of this layout. What follows the layout's number is that layout's affair.
pub fn parse(text: &str) -> Result<(Kind, StoreId), NoFormat> {
    let content = intact(text).ok_or(NoFormat::Unreadable)?;
    let rest = content.strip_prefix("toystore ").ok_or(NoFormat::Unreadable)?;
    let (layout, rest) = rest.split_once(' ').ok_or(NoFormat::Unreadable)?;
    match layout.parse() {
        Ok(LAYOUT) => fields(rest).ok_or(NoFormat::Unreadable),
        Ok(other) => Err(NoFormat::Layout(other)),
        Err(_) => Err(NoFormat::Unreadable),
    }
}

/// A line without its checksum, which fits.
fn intact(text: &str) -> Option<&str> {
    let (content, sum) = text.strip_suffix('\n')?.rsplit_once(' ')?;
    (u32::from_str_radix(sum, 16).ok()? == checksum(content)).then_some(content)
}

fn fields(text: &str) -> Option<(Kind, StoreId)> {
    let [kind, store] = text.split(' ').collect::<Vec<_>>()[..] else { return None };
    let kind = match kind.strip_prefix("order-") {
        Some(id) => Kind::Order(id.parse().ok()?),
        None if kind == "catalog" => Kind::Catalog,
        None => return None,
    };
    Some((kind, StoreId(u128::from_str_radix(store, 16).ok()?)))
}

fn checksum(content: &str) -> u32 {
    toystore_codec::checksum(content.as_bytes())
}
