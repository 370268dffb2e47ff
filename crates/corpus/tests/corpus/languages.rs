//! A whole dump of a small wiki in another language than English.

use ragdex_core::Document;
use ragdex_corpus::{PageKinds, ReadOptions, Source, SplitOptions, SplitRule, Splitter};

use crate::{Reading, data, threads};

const SINGLE: &str = "ltgwiki-pages-articles.xml.bz2";
const MULTISTREAM: &str = "ltgwiki-pages-articles-multistream.xml.bz2";

fn latgalian(name: &str, options: ReadOptions<'_>) -> Reading {
    Reading::of(Source::open(&[data(name)], options)).expect()
}

fn namespaces(namespaces: impl IntoIterator<Item = i32>) -> ReadOptions<'static> {
    ReadOptions {
        pages: PageKinds {
            namespaces: namespaces.into_iter().collect(),
            ..PageKinds::default()
        },
        ..threads(2)
    }
}

#[test]
fn one_stream_and_many_give_the_same_documents_and_passages_on_any_threads() {
    let single = latgalian(SINGLE, threads(1));
    for n in [1, 2, 5] {
        let many = latgalian(MULTISTREAM, threads(n));
        assert_eq!(many.documents, single.documents, "{n} threads");
        assert_eq!(many.summary, single.summary, "{n} threads");
        for rule in [SplitRule::Plain, SplitRule::Dpr] {
            let options = SplitOptions {
                rule,
                ..SplitOptions::default()
            };
            let splitter = Splitter::new(options).unwrap();
            let cut = |documents: &[Document]| -> Vec<_> {
                documents.iter().flat_map(|d| splitter.split(d)).collect()
            };
            assert_eq!(cut(&many.documents), cut(&single.documents));
        }
    }
}

#[test]
fn pages_are_counted_by_namespace_and_kind() {
    let articles = latgalian(SINGLE, threads(2)).summary;
    assert_eq!((articles.records, articles.documents), (2004, 903));
    assert_eq!((articles.redirects, articles.other_namespaces), (195, 906));
    assert_eq!((articles.empty, articles.bad_records), (0, 0));

    let categories = latgalian(SINGLE, namespaces([14])).summary;
    assert_eq!((categories.documents, categories.empty), (536, 3));
    // Modules, style sheets and scripts are no prose, even when their namespaces are asked for.
    let all = latgalian(SINGLE, namespaces([0, 4, 8, 10, 14, 828])).summary;
    assert_eq!((all.records, all.other_models), (2004, 28 + 4 + 4));
    assert_eq!(all.documents + all.empty, 903 + 539 + 303 + 24 + 4);
    assert_eq!((all.redirects, all.other_namespaces), (147 + 44 + 4, 0));
}

#[test]
fn pages_that_lost_blanks_do_not_match_their_checksums() {
    // 655 of all pages, 29 of which are modules and the like, whose text is not looked at.
    let articles = latgalian(MULTISTREAM, threads(2)).summary;
    assert_eq!(articles.checksum_mismatches, 490);
    let all = latgalian(MULTISTREAM, namespaces([0, 4, 8, 10, 14, 828])).summary;
    assert_eq!(all.checksum_mismatches, 490 + 121 + 14 + 1);
}

#[test]
fn documents_keep_what_tells_of_their_revision() {
    let reading = latgalian(MULTISTREAM, threads(2));
    let told = |document: &Document| -> [Option<String>; 3] {
        let Document {
            revision,
            timestamp,
            sha1,
            ..
        } = document.clone();
        [revision, timestamp, sha1]
    };
    let expected = |fields: [&str; 3]| fields.map(|field| Some(field.to_owned()));
    let first = [
        "29433",
        "2013-03-22T09:37:03Z",
        "disnkv72gqngow52boaebr7ctrxhsri",
    ];
    let last = [
        "32129",
        "2017-08-04T10:45:28Z",
        "6mu10wynim18pf32m4nrdl2f0gf0ivh",
    ];
    let documents = &reading.documents;
    assert_eq!(told(&documents[0]), expected(first));
    assert_eq!(told(&documents[902]), expected(last));
    assert_eq!((&*documents[0].key, &*documents[902].key), ("1", "3332"));
    let url = "https://ltg.wikipedia.org/wiki/Suoku_puslopa";
    assert_eq!(documents[0].url.as_deref(), Some(url));
    assert!(
        documents
            .iter()
            .all(|d| told(d).iter().all(Option::is_some))
    );
}

#[test]
fn names_of_namespaces_in_the_language_of_the_wiki_are_known() {
    let reading = latgalian(SINGLE, threads(2));
    for document in &reading.documents {
        for paragraph in document.paragraphs() {
            for name in [
                "Fails:",
                "Attēls:",
                "Kategoreja:",
                "File:",
                "Category:",
                "thumb|",
            ] {
                assert!(!paragraph.contains(name), "{}: {paragraph}", document.title);
            }
        }
    }
}
