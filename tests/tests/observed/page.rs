//! Reads a page of metrics as strictly as OpenMetrics 1.0 is written: whatever a lenient reader
//! would let pass is a failure here.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: Labels,
    pub value: f64,
}

/// All lines of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

/// A page, by the names of its metrics.
pub type Page = BTreeMap<String, Family>;

/// Reads a page.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(text: &str) -> Result<Page, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF")?;
    let (mut page, mut last) = (Page::new(), None::<String>);
    for line in body.split_terminator('\n') {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(about) = line.strip_prefix("# ") {
            let [keyword, name, rest] = about.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                return Err(wrong("a comment"));
            };
            if !is_name(name) {
                return Err(wrong("no name of a metric"));
            }
            if last.as_deref() != Some(name)
                && page.insert(name.into(), Family::default()).is_some()
            {
                return Err(wrong("its lines are not together"));
            }
            last = Some(name.to_owned());
            let family = page.get_mut(name).ok_or_else(|| wrong("unknown"))?;
            let text = match keyword {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                _ => return Err(wrong("neither HELP nor TYPE")),
            };
            if !text.is_empty() || rest.is_empty() || !family.samples.is_empty() {
                return Err(wrong("said twice, late, or not at all"));
            }
            rest.clone_into(text);
        } else {
            let sample = sample(line).ok_or_else(|| wrong("no sample"))?;
            let name = last.as_ref().ok_or_else(|| wrong("a sample of nothing"))?;
            let family = page.get_mut(name).ok_or_else(|| wrong("unknown"))?;
            if !suffixes(&family.kind).iter().any(|s| sample.name == format!("{name}{s}")) {
                return Err(wrong("not a name of this metric and type"));
            }
            family.samples.push(sample);
        }
    }
    page.iter().try_for_each(|(name, family)| check(name, family))?;
    Ok(page)
}

fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total"],
        "gauge" => &[""],
        "info" => &["_info"],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &[],
    }
}

fn is_name(text: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().all(valid) && !text.is_empty() && !text.as_bytes()[0].is_ascii_digit()
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    let value = number(rest.strip_prefix(' ')?)?;
    is_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.e".contains(&b));
    text.parse().ok().filter(|_| plain)
}

/// The labels, and what follows the closing brace.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut chars) = (String::new(), quoted.chars());
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(match chars.next()? {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    _ => return None,
                }),
                other => value.push(other),
            }
        }
        if !is_name(name) || labels.insert(name.to_owned(), value).is_some() {
            return None;
        }
        rest = chars.as_str();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((labels, rest.strip_prefix('}')?)),
        }
    }
}

/// What must hold of one metric: its type, the conventions for its name, its values.
fn check(name: &str, family: &Family) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {name} {family:?}"));
    if suffixes(&family.kind).is_empty() || family.help.is_empty() || family.samples.is_empty() {
        return wrong("no known type, no help, or no sample");
    }
    if !name.starts_with("toystore_") {
        return wrong("no prefix");
    }
    // Base units, at the end of the name; `_total` and the like are added to it.
    for unit in ["seconds", "bytes"] {
        if name.contains(unit) && !name.ends_with(&format!("_{unit}")) {
            return wrong("the unit is not at the end");
        }
    }
    for part in name.split('_') {
        if ["total", "count", "sum", "bucket", "info", "ms", "millis", "micros", "kb", "percent"]
            .contains(&part)
        {
            return wrong("a word that a name must not have");
        }
    }
    let mut known = BTreeSet::new();
    for sample in &family.samples {
        if !known.insert((&sample.name, &sample.labels)) {
            return wrong("said twice");
        }
        if family.kind != "gauge" && sample.value < 0.0 {
            return wrong("below zero");
        }
        if family.kind == "info" && sample.value != 1.0 {
            return wrong("an info that is not 1");
        }
    }
    if family.kind == "histogram" { buckets(name, family) } else { Ok(()) }
}

/// The buckets, the sum and the count of a histogram with the same labels.
type Series = (Vec<(f64, f64)>, Option<f64>, Option<f64>);

/// A histogram's buckets rise, in their bounds and their counts, up to the count of all.
fn buckets(name: &str, family: &Family) -> Result<(), String> {
    let mut series: BTreeMap<Labels, Series> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le");
        let (buckets, sum, count) = series.entry(labels).or_default();
        match (sample.name.strip_prefix(name), bound.as_deref()) {
            (Some("_bucket"), Some("+Inf")) => buckets.push((f64::INFINITY, sample.value)),
            (Some("_bucket"), Some(bound)) => {
                let bound = number(bound).ok_or_else(|| format!("no bound: {sample:?}"))?;
                buckets.push((bound, sample.value));
            }
            (Some("_sum"), None) => *sum = Some(sample.value),
            (Some("_count"), None) => *count = Some(sample.value),
            _ => return Err(format!("not of a histogram: {sample:?}")),
        }
    }
    for (labels, (buckets, sum, count)) in series {
        let rises = buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let all = buckets.last().filter(|(bound, _)| *bound == f64::INFINITY);
        if !rises || sum.is_none() || count.is_none() || all.map(|(_, all)| *all) != count {
            return Err(format!("no histogram: {name} {labels:?} {buckets:?} {sum:?} {count:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_no_page_is_refused() {
    let good = "# HELP toystore_a A.\n# TYPE toystore_a counter\ntoystore_a_total{x=\"\\\"\"} 1\n";
    let histogram = "# HELP toystore_h H.\n# TYPE toystore_h histogram\ntoystore_h_sum 1.5\n\
        toystore_h_count 2\ntoystore_h_bucket{le=\"1.0\"} 1\ntoystore_h_bucket{le=\"+Inf\"} 2\n";
    let page = read(&format!("{good}{histogram}# EOF\n")).unwrap();
    assert_eq!(page["toystore_a"].samples[0].labels["x"], "\"");
    for (from, to) in [
        ("# EOF\n", ""),
        ("toystore_a_total", "toystore_a"),
        ("counter", "summary"),
        ("toystore_a", "store_a"),
        ("# HELP toystore_a A.\n", ""),
        ("\"} 1\n", "\"} 1\ntoystore_a_total{x=\"\\\"\"} 2\n"),
        ("\"} 1\n", "\"} NaN\n"),
        ("\"} 1\n", "\"} -1\n"),
        ("\\\"", "\\q"),
        ("+Inf\"} 2", "+Inf\"} 3"),
        ("le=\"1.0\"} 1", "le=\"1.0\"} 3"),
        ("toystore_h_sum 1.5\n", ""),
        ("toystore_h", "toystore_h_millis"),
        ("toystore_h", "toystore_seconds_h"),
        ("# TYPE toystore_h", "# TYPE toystore_a counter\n# TYPE toystore_h"),
    ] {
        let bad = format!("{good}{histogram}# EOF\n").replace(from, to);
        assert!(read(&bad).is_err(), "{from} → {to}: {bad}");
    }
}
