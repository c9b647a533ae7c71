//! The files beside sled: FORMAT and MARK.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use toystore_storage::folder;
use toystore_storage::format::LAYOUT;
use toystore_storage::mark::{CatalogMark, Mark, MarkFile};

use crate::orders::template;
use crate::{cases, harm};

/// Texts near a FORMAT file, without and with a right checksum.
fn format() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        "toystore",
        "1",
        "catalog",
        "order-[0-9+]{0,4}",
        "[0-9a-fx+-]{0,34}",
        "[ -~]{0,9}"
    ];
    let words = vec(word, 0..6).prop_map(|words| words.join(" "));
    let right = format!("toystore {LAYOUT} (catalog|order-[1-9]) [0-9a-f]{{1,32}}");
    let right = prop::string::string_regex(&right).unwrap();
    let line = prop_oneof![words, right];
    let line = (line, any::<bool>(), "\n?").prop_map(|(content, sealed, end)| {
        let sum = toystore_codec::checksum(content.as_bytes());
        let sum = if sealed { sum } else { sum ^ 1 };
        let text = format!("{content} {sum:08x}{end}");
        text.into_bytes()
    });
    prop_oneof![3 => line, 1 => vec(any::<u8>(), 0..80)]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_format_file_says_one_thing_or_nothing(bytes in format(), cut in any::<prop::sample::Index>()) {
        let temp = harm::folder();
        let path = temp.path().to_path_buf();
        let sound = fs::read(template().join("FORMAT")).unwrap();
        fs::create_dir(path.join("sled")).unwrap();
        fs::write(path.join("FORMAT"), &bytes).unwrap();
        if let Ok((kind, store)) = folder::read_format(&path, None) {
            let text = String::from_utf8(bytes).unwrap();
            let (content, sum) = text.trim_end().rsplit_once(' ').unwrap();
            prop_assert!(content.starts_with(&format!("toystore {LAYOUT} ")), "{text}");
            let right = toystore_codec::checksum(content.as_bytes());
            prop_assert_eq!(u32::from_str_radix(sum, 16), Ok(right), "{}", text);
            prop_assert_eq!(folder::read_format(&path, Some(kind)).unwrap(), (kind, store));
        }
        let cut = cut.index(sound.len());
        fs::write(path.join("FORMAT"), &sound[..cut]).unwrap();
        prop_assert!(folder::read_format(&path, None).is_err(), "{cut} bytes were enough");
    }

    #[test]
    fn a_mark_is_the_last_one_written_or_the_one_before(
        flips in vec((any::<prop::sample::Index>(), 1_u8..), 0..4),
        noise in vec(any::<u8>(), 0..300),
    ) {
        let temp = harm::folder();
        MarkFile::create(temp.path(), CatalogMark(1)).unwrap();
        let mut file = MarkFile::<CatalogMark>::open(temp.path()).unwrap();
        file.put(CatalogMark(2)).unwrap();
        drop(file);
        let path = temp.path().join("MARK");
        let mut bytes = fs::read(&path).unwrap();
        for (at, bits) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        fs::write(&path, &bytes).unwrap();
        if let Ok(mut file) = MarkFile::<CatalogMark>::open(temp.path()) {
            prop_assert!([CatalogMark(1), CatalogMark(2)].contains(&file.last()));
            file.put(CatalogMark(3)).unwrap();
            drop(file);
            prop_assert_eq!(MarkFile::<CatalogMark>::open(temp.path()).unwrap().last(), CatalogMark(3));
        } else {
            prop_assert!(!flips.is_empty());
        }
        fs::write(&path, &noise).unwrap();
        prop_assert!(MarkFile::<Mark>::open(temp.path()).is_err());
    }
}

/// As when another file was copied over it.
#[test]
fn a_huge_format_file_costs_no_memory() {
    let temp = harm::folder();
    fs::create_dir(temp.path().join("sled")).unwrap();
    let file = fs::File::create(temp.path().join("FORMAT")).unwrap();
    file.set_len(256 << 20).unwrap();
    let used = allocation_counter::measure(|| {
        assert!(folder::read_format(temp.path(), None).is_err());
    });
    assert!(used.bytes_max < 1 << 20, "{used:?}");
}
