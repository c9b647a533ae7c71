//! Reading the first products from a CSV file: `name,price,stock`, each line checked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toystore_domain::amounts::MAX_STOCK;
use toystore_domain::{Books, Cents, ProductName};

/// Why the products cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be opened or is not CSV.
    #[error("cannot read the products in {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: csv::Error,
    },
    /// A line is wrong.
    #[error("{path} line {line}: {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is no product in it.
    #[error("{0} has no products; write one line name,price,stock for each below the header")]
    Empty(PathBuf),
}

/// Reads the products and opens their books.
///
/// # Errors
/// The first line that is wrong, with its number.
pub fn read(path: &Path) -> Result<Vec<(ProductName, Books)>, SeedError> {
    let unreadable = |error| SeedError::Unreadable { path: path.to_path_buf(), error };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .has_headers(false)
        .from_path(path)
        .map_err(unreadable)?;
    let (mut products, mut names) = (Vec::new(), BTreeSet::new());
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(index as u64 + 1, csv::Position::line);
        let wrong = |what| SeedError::Line { path: path.to_path_buf(), line, what };
        if index == 0 {
            if record != vec!["name", "price", "stock"] {
                return Err(wrong("the header is name,price,stock"));
            }
            continue;
        }
        let (name, books) = parse(&record).map_err(wrong)?;
        if !names.insert(name.clone()) {
            return Err(wrong("this name was used in an earlier line"));
        }
        products.push((name, books));
    }
    if products.is_empty() { Err(SeedError::Empty(path.to_path_buf())) } else { Ok(products) }
}

fn parse(record: &csv::StringRecord) -> Result<(ProductName, Books), &'static str> {
    let mut fields = record.iter();
    let (Some(name), Some(price), Some(stock), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("three fields are needed: name,price,stock");
    };
    let name =
        ProductName::new(name).ok_or("a name has 1 to 200 bytes and no control characters")?;
    let price = Cents::parse(price).ok_or("a price is a decimal such as 25.99")?;
    let stock = stock
        .parse()
        .ok()
        .filter(|stock| *stock <= MAX_STOCK && !record[2].starts_with('+'))
        .ok_or("a stock is a whole number from 0 to 1000000000")?;
    Ok((name, Books::open(price, stock)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_text(text: &str) -> Result<Vec<(ProductName, Books)>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn good_lines_are_read() {
        let products = read_text("name,price,stock\nTux,25.99,100\n\"Yo, Yo\",5,0\n").unwrap();
        let read: Vec<_> =
            products.iter().map(|(n, b)| (n.as_str(), b.price.get(), b.stock)).collect();
        assert_eq!(read, [("Tux", 2599, 100), ("Yo, Yo", 500, 0)]);
    }

    #[test]
    fn a_bad_line_is_refused_with_its_number() {
        for (text, expected) in [
            ("Tux,25.99,100\n", "line 1: the header"),
            ("name,price,stock\nTux,25.99,100\nTux,1,1\n", "line 3: this name was used"),
            ("name,price,stock\nTux,25.999,100\n", "line 2: a price"),
            ("name,price,stock\nTux,1,100\nUno,1,-1\n", "line 3: a stock"),
            ("name,price,stock\nTux,1,1.5\n", "line 2: a stock"),
            ("name,price,stock\n,1,1\n", "line 2: a name"),
            ("name,price,stock\nTux,1\n", "line: 2"),
            ("name,price,stock\n", "has no products"),
            ("", "has no products"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
