//! Whether two outputs look the same, but for what differs from run to run.

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Those of one or two digits must be the same.
    Exact,
    /// Any number will do for another.
    Rough,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Space,
    /// Digits, perhaps with decimals.
    Number(&'a str),
    /// The same, as a value in JSON.
    Value(&'a str),
    /// A word of so many hexadecimal digits that it is a hash, a key or an id; or a process's number.
    Hash,
    Text(char),
    Anything,
}

/// Where the output differs from what is shown, if it does.
pub fn difference(shown: &[String], seen: &[String], strictness: Strictness) -> Option<String> {
    let (Some(expected), rest) = (shown.first(), shown.get(1..).unwrap_or_default()) else {
        return seen.first().map(|line| format!("shown: nothing more\nseen:  {line}"));
    };
    if expected.trim() == "…" {
        let same = (0..=seen.len()).any(|at| difference(rest, &seen[at..], strictness).is_none());
        return (!same)
            .then(|| format!("shown: {} after any lines\nseen: something else", rest.join("\n")));
    }
    match seen.split_first() {
        Some((line, others)) if alike(expected, line, strictness) => {
            difference(rest, others, strictness)
        }
        Some((line, _)) => Some(format!("shown: {expected}\nseen:  {line}")),
        None => Some(format!("shown: {expected}\nseen:  nothing more")),
    }
}

fn alike(shown: &str, seen: &str, strictness: Strictness) -> bool {
    fit(&tokens(shown.trim()), &tokens(seen.trim()), strictness)
}

fn fit(shown: &[Token], seen: &[Token], strictness: Strictness) -> bool {
    match (shown, seen) {
        ([], []) => true,
        ([Token::Anything, rest @ ..], _) => {
            (0..=seen.len()).any(|at| fit(rest, &seen[at..], strictness))
        }
        ([one, rest @ ..], [other, others @ ..]) => {
            let volatile = match one {
                Token::Hash => true,
                Token::Number(digits) => strictness == Strictness::Rough || digits.len() > 2,
                Token::Value(_) => strictness == Strictness::Rough,
                _ => false,
            };
            let number = matches!(other, Token::Number(_) | Token::Value(_) | Token::Hash);
            (one == other || volatile && number) && fit(rest, others, strictness)
        }
        _ => false,
    }
}

fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let run = |keep: &dyn Fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
        let hash = run(&|c| c.is_ascii_hexdigit());
        let digits = run(&|c| c.is_ascii_digit());
        let before = &line[..line.len() - rest.len()];
        let (token, length) = if first.is_whitespace() {
            (Token::Space, run(&char::is_whitespace))
        } else if hash >= 8 {
            (Token::Hash, hash)
        } else if digits > 0 && before.ends_with("pid ") {
            (Token::Hash, digits)
        } else if digits > 0 {
            let decimals = rest[digits..].strip_prefix('.').map_or(0, |after| {
                let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                if digits > 0 { digits + 1 } else { 0 }
            });
            let length = digits + decimals;
            let value = before.ends_with("\":");
            let number = if value { Token::Value } else { Token::Number };
            (number(&rest[..length]), length)
        } else if first == '…' {
            (Token::Anything, first.len_utf8())
        } else {
            (Token::Text(first), first.len_utf8())
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

#[test]
fn what_differs_from_run_to_run_is_passed_over_and_nothing_else() {
    let exact = |shown, seen| alike(shown, seen, Strictness::Exact);
    assert!(exact("order-1  pid 19965", "order-1    pid 7"));
    assert!(exact("Key 30b1ab6c1da6778973207cd8aca61d67", "Key 00000000000000001111111111111111"));
    assert!(exact("Logs are in …/data/run.", "Logs are in /tmp/x/data/run."));
    assert!(!exact("order_number\":1}", "order_number\":2}"));
    assert!(!exact("\"code\":409,", "\"code\":408,"));
    assert!(!exact("Epoch 2, leader 2", "Epoch 12, leader 2"));
    assert!(!exact("equal: 603 orders", "equal: no orders"));
    assert!(alike("Epoch 2, leader 2", "Epoch 12, leader 3", Strictness::Rough));
    assert!(!alike("ok order 2", "damaged order 2", Strictness::Rough));
}

#[test]
fn lines_may_be_left_out_where_it_says_so() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let same = |shown: &str, seen: &str| {
        difference(&lines(shown), &lines(seen), Strictness::Exact).is_none()
    };
    assert!(same("a\n…\nd", "a\nb\nc\nd"));
    assert!(same("a\n…", "a\nb"));
    assert!(!same("a\n…\nd", "a\nb\nc"));
    assert!(!same("a", "a\nb") && !same("a\nb", "a") && !same("a\nb", "b\na"));
}
