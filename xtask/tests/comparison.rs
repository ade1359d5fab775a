//! What `docs/comparison.md` says is proved by tests that are there.

use std::fs;
use std::path::Path;

/// Whether a function of this name in this source is a test.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let declared = format!("fn {name}(");
    let mut declarations = (0..lines.len()).filter(|at| lines[*at].starts_with(&declared));
    declarations.any(|at| {
        let attributes = lines[..at].iter().rev();
        attributes
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
            .any(|line| *line == "#[test]")
    })
}

/// The tests that a line links: their names and the files they are in.
fn links(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split("[`").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once("`](../")?;
        Some((name, rest.split_once(')')?.0))
    })
}

#[test]
fn every_row_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/comparison.md")).expect("the comparison");
    let rows = text.lines().filter(|line| line.starts_with("| "));
    // The table of what was looked at comes before the first row with a test.
    let mut checked = 0;
    for row in rows.skip_while(|row| !row.starts_with("| | einode")) {
        if row.starts_with("| | einode") {
            continue;
        }
        let tests: Vec<_> = links(row).collect();
        assert!(!tests.is_empty(), "nothing proves: {row}");
        for (name, file) in tests {
            let source = fs::read_to_string(root.join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(is_test(&source, name), "{file} has no test {name}");
        }
        checked += 1;
    }
    assert!(checked > 80, "only {checked} rows");
}

#[test]
fn what_is_no_test_is_noticed() {
    let source = "#[test]\n#[ignore]\nfn one() {}\n\nfn two() {}\n";
    assert!(is_test(source, "one"));
    assert!(!is_test(source, "two") && !is_test(source, "on"));
}
