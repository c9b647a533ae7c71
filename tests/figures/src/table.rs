//! Tables in Markdown.

/// Rows below a head; the first column is text, the others are figures.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<_> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule: Vec<_> =
        (0..head.len()).map(|index| if index == 0 { "---" } else { "---:" }.to_owned()).collect();
    let body = rows.iter().map(|row| line(row));
    [line(&head), line(&rule)].into_iter().chain(body).collect()
}

/// What is wanted, what was measured, whether it is met.
pub type Want = (String, String, bool);

/// What is wanted, beside what was measured.
pub fn wanted(rows: &[Want]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|(wanted, measured, met)| {
            let met = if *met { "yes" } else { "**no**" };
            vec![wanted.clone(), measured.clone(), met.to_owned()]
        })
        .collect();
    table(&["wanted", "measured", "met"], &rows)
}
