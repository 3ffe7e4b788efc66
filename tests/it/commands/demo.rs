//! What the demo shows is what it says: two loads that were killed, resumed, and equal to the dump.

use std::path::Path;

use pg_bootstrap_tests::binary::{Runner, pg_bootstrap_sync};

use crate::harness::LIMIT;

#[test]
fn the_demo_shows_what_it_says() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/demo");
    let shown = Runner::of(&script).env("SYNC", pg_bootstrap_sync()).env("ROWS", "300000").run(LIMIT);
    let shown = shown.expect_code(0);
    let text = String::from_utf8_lossy(&shown.stdout);
    for line in [
        "equal: 302437 changes from 0/BOOTSTRAP00000001 on",
        "equal: 15 tables, 302331 rows, 6 sequences, 1 materialized view; 98 definitions",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}:\n{text}\n{}", shown.stderr);
    }
    assert_eq!(text.lines().filter(|line| line.ends_with("kill -9")).count(), 2, "{text}");
    assert_eq!(text.matches("were already there").count(), 2, "{text}");
    assert!(!text.contains("  resumed     0 rows"), "{text}");
    // The original on one side, and only there.
    assert_eq!(text.matches("Björn Blumenkohl").count(), 1, "{text}");
}
