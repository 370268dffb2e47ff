use super::*;

fn paragraph(lines: &[&str]) -> String {
    let mut prose = Prose::default();
    for line in lines {
        prose.push_line(line);
    }
    match prose.finish() {
        Finished::Text(text) => text,
        Finished::WithoutWords => "(no words)".to_owned(),
        Finished::Empty => "(empty)".to_owned(),
    }
}

/// `§` stands for a mark.
fn repaired(line: &str) -> String {
    paragraph(&[&line.replace('§', "\u{1}")])
}

#[test]
fn white_space_is_one_space_and_the_invisible_goes() {
    assert_eq!(paragraph(&[" a  b\tc ", "d\u{a0}\u{3000}e "]), "a b c d e");
    assert_eq!(
        paragraph(&["a\u{ad}b \u{200b}\u{feff} c\u{200d}d\u{200e}"]),
        "ab c\u{200d}d"
    );
    assert_eq!(paragraph(&["a –  ‘b’ … c"]), "a – ‘b’ … c");
}

#[test]
fn gaps_close_around_brackets() {
    assert_eq!(repaired("Albedo (§) or"), "Albedo or");
    assert_eq!(repaired("Aruba (§ §; §) is"), "Aruba is");
    assert_eq!(repaired("Ayn (§;§ born)"), "Ayn (born)");
    assert_eq!(repaired("A (b, § ) c ((§)), d"), "A (b) c, d");
    assert_eq!(repaired("A [§]. (§,) b"), "A. b");
    assert_eq!(repaired("(§)a"), "a");
    assert_eq!(repaired("a (§)b"), "a b");
}

#[test]
fn gaps_close_before_separators_and_at_the_ends() {
    assert_eq!(repaired("a, §; b § , c §."), "a; b, c.");
    assert_eq!(repaired("§: a b §"), "a b");
    assert_eq!(repaired("a, §! b§c §d"), "a,! bc d");
}

#[test]
fn text_without_marks_is_left_alone() {
    for text in [
        "f(,) print() .NET ( sic ) a , b",
        "[] {} a[i] : x",
        ") a (b",
    ] {
        assert_eq!(repaired(text), text);
    }
}

#[test]
fn entities_are_characters_not_markup() {
    assert_eq!(
        paragraph(&["&lt;b&gt; &#91;&#91;x&#93;&#93; a&nbsp;&nbsp;b &amp;amp;"]),
        "<b> [[x]] a b &amp;"
    );
    assert_eq!(paragraph(&["a &x; b&c"]), "a &x; b&c");
}

#[test]
fn no_pass_leaves_markup_that_the_former_ones_made() {
    assert_eq!(
        paragraph(&["a[''[b]''] {''{c"]),
        "a[[b]] {{c"
            .replace("[[", "")
            .replace("]]", "")
            .replace("{{", "")
    );
    assert_eq!(
        paragraph(&["a <b> <''b'' x>c </span >d <foo>"]),
        "a c d <foo>"
    );
}

#[test]
fn a_paragraph_needs_words_outside_formulas() {
    assert_eq!(paragraph(&["— !"]), "(no words)");
    assert_eq!(paragraph(&["\u{5}F = ma\u{4}, \u{5}x\u{4}."]), "(no words)");
    assert_eq!(paragraph(&["\u{3}a\u{4}"]), "a");
    assert_eq!(paragraph(&["\u{1} "]), "(empty)");
    assert_eq!(paragraph(&["語"]), "語");
}

#[test]
fn text_comes_out_in_nfc() {
    assert_eq!(
        paragraph(&["Cafe\u{301} \u{1e9b}\u{323}"]),
        "Café \u{1e9b}\u{323}"
    );
    assert_eq!(paragraph(&["Привет, Ἀχιλλεύς"]), "Привет, Ἀχιλλεύς");
}

#[test]
fn a_reference_to_a_line_break_is_a_space() {
    assert_eq!(paragraph(&["a&#13;&#10;b &#xD;c&#9;d"]), "a b c d");
}
