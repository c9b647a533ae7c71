//! Rows as a table, as JSON lines, as CSV. They are printed as they come: widths are fixed.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::options::Format;

/// A column: its name, and its width in a table; negative for numbers, which stand to the right.
pub type Column = (&'static str, i16);

/// Prints rows that share their columns.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    format: Format,
    columns: &'static [Column],
    /// What every row begins with, where there are several sources.
    source: Option<&'a str>,
}

impl<'a> Printer<'a> {
    /// Prints the head, where the format has one and `head` wants it.
    ///
    /// # Errors
    /// It cannot be printed.
    pub fn new(
        out: &'a mut dyn Write,
        format: Format,
        columns: &'static [Column],
        source: Option<&'a str>,
        head: bool,
    ) -> io::Result<Self> {
        let mut printer = Self { out, format, columns, source };
        if head && format != Format::JsonLines {
            let names = columns.iter().map(|(name, _)| Value::from(*name));
            let source = source.map(|_| Value::from("source"));
            printer.line(source.into_iter().chain(names).collect())?;
        }
        Ok(printer)
    }

    /// Prints one row; a column that is `null` is left out.
    ///
    /// # Errors
    /// It cannot be printed.
    pub fn row(&mut self, cells: Vec<Value>) -> io::Result<()> {
        let source = self.source.map(Value::from);
        if self.format != Format::JsonLines {
            return self.line(source.into_iter().chain(cells).collect());
        }
        let mut object = Map::new();
        object.extend(source.map(|source| ("source".to_owned(), source)));
        let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
        object.extend(names.zip(cells).filter(|(_, cell)| !cell.is_null()));
        serde_json::to_writer(&mut self.out, &object)?;
        self.out.write_all(b"\n")
    }

    fn line(&mut self, cells: Vec<Value>) -> io::Result<()> {
        if self.format == Format::Csv {
            let mut line = csv::Writer::from_writer(&mut *self.out);
            line.write_record(cells.iter().map(text)).map_err(io::Error::other)?;
            return line.flush();
        }
        let source = self.source.map(|_| ("source", 10));
        let columns = source.iter().chain(self.columns);
        let mut line = String::new();
        for ((_, width), cell) in columns.zip(&cells) {
            let (cell, wide) = (text(cell), usize::from(width.unsigned_abs()));
            line +=
                &if *width < 0 { format!("{cell:>wide$}  ") } else { format!("{cell:<wide$}  ") };
        }
        writeln!(self.out, "{}", line.trim_end())
    }
}

fn text(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[("name", 6), ("left", -5), ("note", 4)];

    fn printed(format: Format, source: Option<&str>) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, format, COLUMNS, source, true).unwrap();
        printer.row(vec!["Tux".into(), 7.into(), Value::Null]).unwrap();
        printer.row(vec!["a,\"b\"".into(), 100.into(), "x".into()]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_lines_up() {
        assert_eq!(
            printed(Format::Table, None),
            "name     left  note\nTux         7\na,\"b\"     100  x\n"
        );
    }

    #[test]
    fn csv_is_quoted_and_json_leaves_nothing_empty() {
        assert_eq!(printed(Format::Csv, None), "name,left,note\nTux,7,\n\"a,\"\"b\"\"\",100,x\n");
        let lines = printed(Format::JsonLines, Some("order-1"));
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first, serde_json::json!({"left": 7, "name": "Tux", "source": "order-1"}));
    }
}
