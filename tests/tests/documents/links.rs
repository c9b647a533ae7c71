//! Links: into the repository to a file and a heading that are there, elsewhere in the form of one.

use std::path::{Component, Path, PathBuf};

use crate::pages::{Page, pages, root};

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages.values() {
        for link in &page.links {
            seen += 1;
            let anchors = |path: &str| pages.get(path).map(|page| page.anchors.clone());
            let outcome = match link.text.contains("://") {
                true => outside(&link.text),
                false => inside(page, &link.text, &|path, anchor| {
                    anchors(path).is_some_and(|anchors| anchors.contains(anchor))
                }),
            };
            wrong.extend(outcome.err().map(|why| format!("{}:{}: {why}", page.path, link.line)));
        }
    }
    assert!(seen > 100, "only {seen} links");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A link into the repository, from a page.
fn inside(page: &Page, link: &str, has: &dyn Fn(&str, &str) -> bool) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(p, a)| (p, Some(a)));
    let folder = Path::new(&page.path).parent().unwrap();
    let target = match path {
        "" => Some(PathBuf::from(&page.path)),
        path => plain(&folder.join(path)),
    };
    let target = target.ok_or_else(|| format!("{link} leaves the repository"))?;
    if !root().join(&target).exists() {
        return Err(format!("{link}: there is no such file"));
    }
    match anchor {
        Some(anchor) if !has(target.to_str().unwrap(), anchor) => {
            Err(format!("{link}: there is no such heading"))
        }
        _ => Ok(()),
    }
}

/// A path without `..`, if it stays below where it begins.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}

/// A link elsewhere: whether somebody is there, `scripts/links.sh` asks.
fn outside(link: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(link).map_err(|error| format!("{link}: {error}"))?;
    let named = url.domain().is_some_and(|domain| domain.contains('.'));
    let plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    match url.scheme() == "https" && named && plain {
        true => Ok(()),
        false => Err(format!("{link} is no https link to a public host")),
    }
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let page = Page { path: "docs/web/a.md".to_owned(), ..Page::default() };
    let has = |path: &str, anchor: &str| (path, anchor) == ("README.md", "toystore");
    for good in ["../../README.md", "../../README.md#toystore", "../protocol.md", "../../services/"]
    {
        assert_eq!(inside(&page, good, &has), Ok(()));
    }
    for bad in ["README.md", "../../README.md#toys", "../../../README.md", "/README.md"] {
        assert!(inside(&page, bad, &has).is_err(), "{bad}");
    }
    assert_eq!(outside("https://docs.rs/stateright"), Ok(()));
    for bad in ["http://docs.rs/", "https://docs", "https://a@docs.rs/", "https://127.0.0.1/"] {
        assert!(outside(bad).is_err(), "{bad}");
    }
}
