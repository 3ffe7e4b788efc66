//! The tutorial's commands, as they stand there.

use std::path::Path;

use pg_bootstrap_tests::binary::pg_bootstrap_sync;
use pg_bootstrap_tests::servers::{Database, PostgresServer};

/// Commands and the first block of YAML of a page, in their order.
enum Part {
    Command(String),
    Configuration(String),
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut yaml: Option<String> = None;
    for line in page.lines() {
        match (&mut yaml, line) {
            (None, "```yaml") => yaml = Some(String::new()),
            (Some(_), "```") => parts.extend(yaml.take().map(Part::Configuration)),
            (Some(text), line) => *text += &format!("{line}\n"),
            (None, line) => {
                parts.extend(line.strip_prefix("    ").map(|command| Part::Command(command.to_owned())));
            }
        }
    }
    parts
}

#[test]
fn a_masked_staging_database() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/staging.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(root.join("examples/shop.sql"), folder.path().join("shop.sql")).unwrap();
    let (server, program) = (PostgresServer::start(), pg_bootstrap_sync());
    let clients = PostgresServer::bin_dir();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", program.parent().unwrap().display(), clients.display());
    let run = |command: &str| {
        let out = std::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", command])
            .env("PATH", &path)
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", server.port().to_string())
            .env("PGUSER", "postgres")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let mut commands = 0;
    for part in parts(&page) {
        match part {
            Part::Configuration(yaml) => std::fs::write(folder.path().join("transforms.yml"), yaml).unwrap(),
            Part::Command(command) => {
                commands += 1;
                run(&command);
            }
        }
    }
    assert_eq!(commands, 10, "commands of the page");
    let staging = Database { name: "staging".into() };
    let found = "SELECT (SELECT count(*) FROM shop.customers) || ' ' || (to_regnamespace('kasho_bootstrap') IS NULL) \
        || ' ' || (SELECT reltuples > 0 FROM pg_class WHERE oid = 'shop.customers'::regclass)";
    let found = server.connect(&staging).value(found).unwrap().unwrap();
    let (customers, rest) = found.split_once(' ').unwrap();
    assert!(customers.parse::<u64>().unwrap() > 100, "{found}");
    assert_eq!(rest, "true true");
    // Everything but what is masked is the dump's.
    let (masked, restored) = (&staging, server.fresh_database());
    server.psql(&restored, &folder.path().join("shop.sql")).expect_clean();
    let kept = "SELECT md5(string_agg(c::text, ',' ORDER BY c::text)) FROM shop.order_lines c";
    let of = |database: &Database| server.connect(database).value(kept).unwrap();
    assert_eq!(of(masked), of(&restored));
}
