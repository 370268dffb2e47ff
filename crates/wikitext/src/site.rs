//! What depends on the wiki: names of namespaces, language, language variants.

use std::collections::HashMap;

/// What the dump's `<siteinfo>` says and the user configures.
///
/// [`Default`] knows the English names only, which work on every wiki.
#[derive(Debug, Clone)]
pub struct SiteInfo {
    namespaces: HashMap<String, Namespace>,
    variants: bool,
}

/// The namespaces that the extraction treats apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// Files and media: dropped with their captions.
    File,
    Category,
    Template,
}

impl Namespace {
    fn from_number(number: i32) -> Option<Self> {
        match number {
            -2 | 6 => Some(Self::File),
            10 => Some(Self::Template),
            14 => Some(Self::Category),
            _ => None,
        }
    }
}

/// Names that MediaWiki accepts everywhere, and local names that `<siteinfo>` does not list: old ones,
/// and those that a small language takes over from its neighbour (Latgalian from Latvian).
const CANONICAL_NAMES: &[(&str, Namespace)] = &[
    ("file", Namespace::File),
    ("image", Namespace::File),
    ("media", Namespace::File),
    ("category", Namespace::Category),
    ("template", Namespace::Template),
    ("afbeelding", Namespace::File),
    ("bild", Namespace::File),
    ("immagine", Namespace::File),
    ("imagem", Namespace::File),
    ("imagen", Namespace::File),
    ("изображение", Namespace::File),
    ("attēls", Namespace::File),
    ("slika", Namespace::File),
    ("kép", Namespace::File),
    ("kuva", Namespace::File),
    ("pilt", Namespace::File),
    ("bilde", Namespace::File),
    ("billede", Namespace::File),
    ("grafika", Namespace::File),
    ("картинка", Namespace::File),
    ("зображення", Namespace::File),
    ("kategorija", Namespace::Category),
];

/// Languages whose wikis convert between scripts or standards with `-{…}-`.
const LANGUAGES_WITH_VARIANTS: &[&str] = &[
    "ban", "crh", "gan", "iu", "kk", "ku", "shi", "sr", "sh", "tg", "tly", "uz", "wuu", "zgh", "zh",
];

/// The codes that Wikipedias have in links to each other. `Foo` is not a code, `fr` is.
const LANGUAGE_CODES: &str = include_str!("languages.table");

impl Default for SiteInfo {
    fn default() -> Self {
        Self::new([], None)
    }
}

impl SiteInfo {
    /// Takes the numbers and local names of the namespaces, and the language code of the wiki.
    ///
    /// Only the namespaces −2, 6, 10 and 14 matter; the others may be left out. Several names of
    /// one number (aliases) all count.
    #[must_use]
    pub fn new(
        namespaces: impl IntoIterator<Item = (i32, String)>,
        language: Option<&str>,
    ) -> Self {
        let mut names: HashMap<String, Namespace> = CANONICAL_NAMES
            .iter()
            .map(|&(name, namespace)| (name.to_owned(), namespace))
            .collect();
        for (number, name) in namespaces {
            if let Some(namespace) = Namespace::from_number(number) {
                names.insert(normal_name(&name), namespace);
            }
        }
        let variants = language.is_some_and(|code| LANGUAGES_WITH_VARIANTS.contains(&code));
        Self {
            namespaces: names,
            variants,
        }
    }

    /// Finds the namespace by its local or canonical name, in any case.
    pub(crate) fn namespace(&self, name: &str) -> Option<Namespace> {
        self.namespaces.get(&normal_name(name)).copied()
    }

    /// Tells whether `name` is the local or canonical name of the namespace of templates.
    pub(crate) fn is_template_namespace(&self, name: &str) -> bool {
        self.namespace(name) == Some(Namespace::Template)
    }

    /// Tells whether pages of this wiki hold `-{…}-`.
    pub(crate) fn has_variants(&self) -> bool {
        self.variants
    }
}

/// Tells whether `prefix` in `[[prefix:Title]]` is the code of a Wikipedia.
pub(crate) fn is_language_code(prefix: &str) -> bool {
    let code_like = (2..=16).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    code_like
        && LANGUAGE_CODES
            .split_ascii_whitespace()
            .any(|code| code.eq_ignore_ascii_case(prefix))
}

/// Brings a name of a namespace, section or template to the form in which names are compared:
/// lower case, `_` equal to space, spaces trimmed and single.
pub(crate) fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for word in name
        .split(|c: char| c == '_' || c.is_whitespace())
        .filter(|w| !w.is_empty())
    {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_added_to_the_canonical_ones() {
        let site = SiteInfo::new([(6, "Datei".into()), (0, String::new())], Some("de"));
        assert_eq!(site.namespace(" DATEI"), Some(Namespace::File));
        assert_eq!(site.namespace("File"), Some(Namespace::File));
        assert_eq!(site.namespace("Category"), Some(Namespace::Category));
        assert_eq!(site.namespace(""), None);
        assert!(!site.has_variants());
    }

    #[test]
    fn names_are_compared_without_case_and_underscores() {
        assert_eq!(normal_name(" Birth__date and_age "), "birth date and age");
    }

    #[test]
    fn only_codes_of_wikipedias_are_language_codes() {
        assert!(is_language_code("fr") && is_language_code("zh-min-nan") && is_language_code("De"));
        assert!(!is_language_code("wikt") && !is_language_code("help") && !is_language_code(""));
    }
}
