//! The pages of the documentation, taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A piece of a page, the line that it begins in, and the heading of second level that it is under.
#[derive(Clone, Debug)]
pub struct Piece {
    pub line: usize,
    pub section: String,
    pub text: String,
}

/// A block of code: what its fence says, and the heading of second level that it is under.
#[derive(Clone, Debug)]
pub struct Block {
    pub line: usize,
    pub kind: String,
    pub section: String,
    pub text: String,
}

/// One page.
#[derive(Default)]
pub struct Page {
    /// From the root of the repository.
    pub path: String,
    pub anchors: BTreeSet<String>,
    pub links: Vec<Piece>,
    pub spans: Vec<Piece>,
    pub blocks: Vec<Block>,
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(self::files(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// README.md and every page in docs, by path.
pub fn pages() -> BTreeMap<String, Page> {
    let root = root();
    let docs =
        files(&root.join("docs")).into_iter().filter(|p| p.extension().is_some_and(|e| e == "md"));
    let pages = [root.join("README.md")].into_iter().chain(docs).map(|file| {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        (path.clone(), Page { path, ..read(&text) })
    });
    pages.collect()
}

/// Takes a page apart.
pub fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut reader = Reader::default();
    let starts: Vec<_> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let line = starts.partition_point(|start| *start <= range.start);
        reader.take(event, line, &mut page);
    }
    page
}

/// What is under way.
#[derive(Default)]
struct Reader {
    heading: Option<String>,
    section: String,
    block: Option<Block>,
}

impl Reader {
    fn take(&mut self, event: Event, line: usize, page: &mut Page) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(level)) => {
                let heading = self.heading.take().unwrap();
                if level as usize <= 2 {
                    self.section.clone_from(&heading);
                }
                add_anchor(&mut page.anchors, &heading);
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let section = self.section.clone();
                page.links.push(Piece { line, section, text: dest_url.to_string() });
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let kind = match kind {
                    CodeBlockKind::Fenced(kind) => kind.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let section = self.section.clone();
                self.block = Some(Block { line, kind, section, text: String::new() });
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(self.block.take()),
            Event::Code(text) => {
                self.heading.iter_mut().for_each(|heading| heading.push_str(&text));
                let section = self.section.clone();
                page.spans.push(Piece { line, section, text: text.to_string() });
            }
            Event::Text(text) => {
                self.heading.iter_mut().for_each(|heading| heading.push_str(&text));
                self.block.iter_mut().for_each(|block| block.text.push_str(&text));
            }
            _ => {}
        }
    }
}

/// The anchor that GitHub gives a heading; the second of the same words gets a number.
fn add_anchor(anchors: &mut BTreeSet<String>, heading: &str) {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
    let numbered = (1..).map(|n| format!("{slug}-{n}"));
    let free = std::iter::once(slug.clone()).chain(numbered).find(|slug| !anchors.contains(slug));
    anchors.extend(free);
}

#[test]
fn a_page_is_taken_apart() {
    let page =
        read("# A `b`, c!\n\n## D\n\n[x](y.md#z) `w`\n\n```console run\n$ v\nu\n```\n\n## D\n");
    assert_eq!(page.anchors.iter().collect::<Vec<_>>(), ["a-b-c", "d", "d-1"]);
    assert_eq!((page.links[0].line, page.links[0].text.as_str()), (5, "y.md#z"));
    assert_eq!(page.spans[1].text, "w");
    let block = &page.blocks[0];
    let (kind, section, text) = (&block.kind[..], &block.section[..], &block.text[..]);
    assert_eq!((block.line, kind, section, text), (7, "console run", "D", "$ v\nu\n"));
}
