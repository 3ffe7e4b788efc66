//! Compares the documentation with the program: options, exit codes, metrics, fields, kinds and commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

#[path = "docs/messages.rs"]
mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use convert::error::{DumpError, Error as ConvertError, RangeError};
use convert::form::RowForm;
use convert::planner::{PlanPoint, Planner};
use convert::selection::{Sections, Selection, Words};
use convert::shape::Shape;
use dump::insert::OnConflict;
use dump::{BlockPoint, Encoding, InsertPoint, Place, ScanError, ScanPoint, Scanner, Skip};
use kvbuffer::{Buffer, ConnectOptions, Keys, Sequence};
use runner::base::error::{Error, Signal};
use runner::commands::cli::Cli;
use runner::load::checkpoint::{Checkpoint, VERSION};
use source::Identity;
use source::error::Error as SourceError;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every document, by its name.
fn documents() -> Vec<(String, String)> {
    let top = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let mut names: Vec<String> = top.map(str::to_owned).into();
    for folder in ["docs", "docs/decisions"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// The cells of every table row of a section (all of the document for ""), without heads and rulers.
fn rows(text: &str, section: &str) -> Vec<Vec<String>> {
    let start = if section.is_empty() { 0 } else { text.find(&format!("\n{section}\n")).expect(section) + 1 };
    let level = section.chars().take_while(|&c| c == '#').count();
    let body = text[start..].lines().skip(usize::from(level > 0));
    let ends = |line: &&str| {
        let marks = line.chars().take_while(|&c| c == '#').count();
        level > 0 && marks > 0 && marks <= level && line[marks..].starts_with(' ')
    };
    let lines: Vec<&str> = body.take_while(|line| !ends(line)).collect();
    let is_row = |line: &str| line.starts_with("| ") && line.ends_with('|');
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let head = lines.get(index + 1).is_some_and(|next| next.starts_with("|--"));
        if is_row(line) && !head {
            out.push(line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect());
        }
    }
    out
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Words of `text` that begin with `prefix` and go on with letters of a name.
fn words<'a>(text: &'a str, prefix: &str, of_name: fn(char) -> bool) -> BTreeSet<&'a str> {
    let begins = text.match_indices(prefix).map(|(at, _)| at);
    begins
        .map(|at| {
            let end = text[at..].find(|c| !of_name(c)).map_or(text.len(), |end| at + end);
            &text[at..end]
        })
        .collect()
}

#[test]
fn every_option_is_described() {
    let text = read("docs/cli.md");
    let mut described = BTreeMap::new();
    for cells in rows(&text, "") {
        if let Some(option) = quoted(&cells[0]).into_iter().find(|name| name.starts_with("--")) {
            let name = option.split(' ').next().unwrap().to_owned();
            let before = described.insert(name, (option.to_owned(), cells.clone()));
            assert!(before.is_none(), "{option} is described twice");
        }
    }
    let command = Cli::command();
    let others = ["help", "version", "dump"];
    let load: BTreeSet<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    let apply = command.find_subcommand("apply").expect("the command apply").get_arguments();
    let of_apply = apply.filter(|arg| arg.get_long().is_some_and(|name| !load.contains(name)));
    // A former name is hidden, and no table has it.
    let shown = command.get_arguments().chain(of_apply).filter(|arg| !arg.is_hide_set());
    for arg in shown.filter(|arg| !others.contains(&arg.get_id().as_str())) {
        let name = format!("--{}", arg.get_long().expect("every option has a long name"));
        let (spelled, cells) = described.remove(&name).unwrap_or_else(|| panic!("docs/cli.md lacks {name}"));
        if let Some(letter) = arg.get_short() {
            assert!(cells[0].contains(&format!("`-{letter}`")), "{name} is also -{letter}");
        }
        let takes = arg.get_action().takes_values();
        let value = arg.get_value_names().filter(|_| takes).map(|names| names[0].to_string());
        assert_eq!(spelled.split(' ').nth(1), value.as_deref(), "the value of {name}");
        let variable = arg.get_env().expect("every option has a variable").to_str().unwrap();
        assert_eq!(quoted(&cells[1]), [variable], "the variable of {name}");
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        let defaults = if takes { defaults } else { Vec::new() };
        assert_eq!(quoted(&cells[2]), defaults, "the default of {name}");
        assert!(!defaults.is_empty() || cells[2] == "-", "{name} has no default: -");
        for possible in arg.get_possible_values().iter().filter(|_| takes) {
            assert!(
                cells[3].contains(&format!("`{}`", possible.get_name())),
                "{name} takes {}",
                possible.get_name()
            );
        }
        let heading = arg.get_help_heading().expect("every option has a heading");
        let section = rows(&text, &format!("## {heading}"));
        assert!(section.contains(&cells), "{name} belongs under {heading}");
    }
    assert!(described.is_empty(), "docs/cli.md describes what is not there: {:?}", described.keys());
}

/// The page that `-h` prints fits a screen; the pages are in `tests/snapshots`, so that a change of one is seen.
/// PGBOOTSTRAP_TEST_WRITE=1 writes them.
#[test]
fn pages_of_help_are_as_they_were() {
    let folder = root().join("runner/tests/snapshots");
    let mut command = runner::commands::cli::command();
    command.build();
    let mut pages = vec![("help".to_owned(), command.clone())];
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let manual = runner::commands::cli::manual(Some(verb.get_name()));
        assert!(manual.contains(&format!(".TH pg-bootstrap-sync-{} 1", verb.get_name())));
        pages.push((format!("help-{}", verb.get_name()), verb.clone()));
    }
    for (name, page) in pages {
        // Not as wide as the terminal that runs this, and without what its environment holds.
        let page = page.term_width(80).mut_args(|arg| arg.hide_env_values(true));
        let short = page.clone().render_help().to_string();
        assert!(name != "help" || short.lines().count() <= 60, "-h has {} lines", short.lines().count());
        for (file, text) in [
            (format!("{name}-short.txt"), short),
            (format!("{name}.txt"), page.clone().render_long_help().to_string()),
        ] {
            let file = folder.join(file);
            if std::env::var_os("PGBOOTSTRAP_TEST_WRITE").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, &text).unwrap();
            }
            let was = std::fs::read_to_string(&file).unwrap_or_default();
            assert_eq!(text, was, "{} is another page", file.display());
        }
    }
}

#[test]
fn options_that_shape_changes_are_marked() {
    let shape = Shape { selection: selection(), ..shape() }.parts();
    for cells in rows(&read("docs/cli.md"), "") {
        let Some(option) = quoted(&cells[0]).into_iter().find(|name| name.starts_with("--")) else {
            continue;
        };
        let name = option.split(' ').next().unwrap();
        // Two that say the same as sections.
        let part_of = if ["--schema-only", "--data-only"].contains(&name) { "--section" } else { name };
        let shapes = shape.keys().any(|part| part.split(' ').next() == Some(part_of));
        assert_eq!(cells[3].ends_with("**shapes**"), shapes, "{name}");
    }
}

#[test]
fn no_document_names_a_variable_that_is_not_there() {
    let command = Cli::command();
    let apply = command.find_subcommand("apply").expect("the command apply");
    let arguments = command.get_arguments().chain(apply.get_arguments());
    let known: BTreeSet<_> =
        arguments.filter_map(|arg| arg.get_env()).map(|name| name.to_str().unwrap()).collect();
    for (name, text) in documents() {
        let name_of = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let variables = words(&text, "PGBOOTSTRAP_", name_of);
        // The operator's are held to its own code.
        for variable in variables
            .into_iter()
            .filter(|name| !name.starts_with("PGBOOTSTRAP_OPERATOR_") && *name != "PGBOOTSTRAP_")
        {
            assert!(known.contains(variable), "{name} names {variable}");
        }
    }
}

/// Commands in the documents' blocks of code are such that the program takes them.
#[test]
fn every_command_can_be_typed() {
    let mut count = 0;
    for (name, text) in documents() {
        let mut fenced = false;
        // A command may go on in the next line.
        let joined = text.replace("\\\n", " ");
        for line in joined.lines() {
            fenced ^= line.starts_with("```");
            let code = if fenced { line.trim() } else { line.strip_prefix("    ").unwrap_or("") };
            let Some(at) = code.find("pg-bootstrap-sync ").filter(|at| !code[..*at].contains(['`', '/']))
            else {
                continue;
            };
            let typed = code[at..].split(['|', ';', '#', '>']).next().unwrap();
            let arguments = typed.split_whitespace().map(|word| word.trim_matches('\''));
            if let Err(error) = Cli::try_parse_from(arguments) {
                panic!("{name}: {typed}\n{error}");
            }
            count += 1;
        }
    }
    assert!(count > 5, "only {count} commands were found");
}

/// A replica that nobody can reach.
async fn replica() -> Error {
    let address = replica::Address::parse("postgres://x@127.0.0.1:1/x", &|_| None).unwrap();
    let connected = replica::Replica::connect(replica::ConnectOptions::new(address)).await;
    Error::Replica { context: "x".into(), error: Box::new(connected.err().unwrap()) }
}

/// One of each error that can be made without a server.
async fn errors() -> Vec<Error> {
    let io = || std::io::Error::other("x");
    let place = Place::default();
    let dump = |error| Error::from(ConvertError::Dump { source_name: "x".into(), error });
    let redis = async |url: &str| {
        let connected =
            Buffer::connect(ConnectOptions::new(url), Keys::default(), Duration::from_secs(1)).await;
        Error::Redis { context: "x".into(), error: Box::new(connected.err().unwrap()) }
    };
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("redis://{}", listener.local_addr().unwrap())
    };
    vec![
        Error::Usage("x".into()),
        dump(DumpError::Scan(ScanError::Empty)),
        dump(DumpError::Unsupported { what: "x".into(), at: place, advice: "x" }),
        ConvertError::Range(RangeError::Exhausted(1)).into(),
        ConvertError::NothingChosen("x".into()).into(),
        Error::Checkpoint("x".into()),
        Error::TooManyRejected { rejected: 2, allowed: 1 },
        redis("http://x").await,
        redis(&closed).await,
        Error::Refused { address: "x".into(), what: "x".into() },
        Error::Unfit { address: "x".into(), what: "x".into() },
        replica().await,
        Error::Skipped("x".into()),
        Error::TooManySkipped { place: "x".into(), said: "x".into(), skipped: 2, allowed: 1 },
        Error::Verification("x".into()),
        Error::File { action: "x", path: "x".into(), error: io() },
        SourceError::Usage("x".into()).into(),
        SourceError::UnknownCompression { name: "x".into(), format: "x" }.into(),
        SourceError::OtherDump("x".into()).into(),
        SourceError::Read { action: "x", name: "x".into(), error: io() }.into(),
        Error::Busy("x".into()),
        Error::Lost("x".into()),
        Error::Full { waited: 1 },
        Error::ChangeStreamState("x".into()),
        Error::ChangeStreamAway { action: "x", address: "x".into(), waited: 1, why: "x".into() },
        Error::Internal("x".into()),
        Error::ReaderGone,
        Error::Stopped(Signal::Interrupt),
        Error::Stopped(Signal::Terminate),
    ]
}

#[tokio::test]
async fn every_exit_code_is_described() {
    let text = read("docs/exit-codes.md");
    let mut described = BTreeMap::new();
    // What is reserved is given by no error yet.
    for cells in rows(&text, "").into_iter().filter(|cells| !cells[1].starts_with("Reserved: ")) {
        let code: u8 = cells[0].parse().unwrap();
        let before = described.insert(code, cells.get(2).cloned().unwrap_or_default());
        assert!(before.is_none(), "{code} is described twice");
    }
    let mut given = BTreeMap::from([(0, String::new())]);
    for error in errors().await {
        let retry = match error {
            Error::Stopped(_) => "resume",
            _ if error.is_retryable() => "yes",
            _ => "no",
        };
        let before = given.insert(error.exit_code(), retry.to_owned());
        assert!(before.is_none_or(|before| before == retry), "{error}");
    }
    assert_eq!(described, given);
    let help = runner::commands::cli::command().get_after_long_help().unwrap().to_string();
    let words: BTreeSet<_> = help.split_whitespace().collect();
    for code in given.keys().filter(|&&code| code != 101) {
        assert!(words.contains(code.to_string().as_str()), "--help lacks exit code {code}");
    }
}

#[test]
fn every_metric_is_described() {
    let name = |c: char| c.is_ascii_lowercase() || c == '_';
    let rendered = runner::show::metrics::render(&Arc::default());
    let kinds: BTreeMap<_, _> = rendered
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(metric, kind)| (metric.to_owned(), kind.to_owned()))
        .collect();
    let text = read("docs/metrics.md");
    let described: BTreeMap<_, _> = rows(&text, "")
        .into_iter()
        .map(|cells| (quoted(&cells[0])[0].to_owned(), cells[1].clone()))
        .collect();
    assert_eq!(described, kinds);
    for (document, text) in documents() {
        let metrics = words(&text, "pg_bootstrap_", name);
        for metric in metrics.into_iter().filter(|name| !name.starts_with("pg_bootstrap_operator")) {
            assert!(kinds.contains_key(metric), "{document} names {metric}");
        }
    }
    for metric in kinds.keys() {
        assert!(text.matches(metric.as_str()).count() > 1, "{metric} is not in the example");
    }
}

/// Something of everything that a choice can be.
fn selection() -> Selection {
    let [any, gone, none] = ["*", "gone", "none"].map(|name| [name.to_owned()]);
    Selection::new(&Words {
        tables: &any,
        exclude_tables: &gone,
        schemas: &any,
        exclude_schemas: &none,
        sections: Some(Sections::ALL),
        database: Some("shop"),
        max_rows: Some(9),
        entries: Some([7].into()),
    })
    .unwrap()
}

fn shape() -> Shape {
    Shape {
        transforms: None,
        rows: RowForm::Single,
        ddl_time: "2000-01-01T00:00:00Z".to_owned(),
        no_owner: false,
        no_privileges: false,
        keep_kasho: false,
        selection: Selection::default(),
        skip_rows: false,
        silent_triggers: false,
    }
}

fn checkpoint(source: Identity) -> Checkpoint {
    let block = BlockPoint {
        statement: Arc::from("COPY t (a) FROM stdin;"),
        offset: 0,
        line: 1,
        data: 23,
        rows: 1,
        crlf: false,
        raw: Some(vec![0xe9]),
        insert: Some(InsertPoint { width: 1, open: OnConflict::Unknown }),
    };
    Checkpoint {
        version: VERSION,
        complete: false,
        lsn: None,
        first: Sequence::FIRST,
        next: Sequence::FIRST,
        table: None,
        rejected: 0,
        reject_bytes: 0,
        holes: 0,
        pieces: 1,
        output_bytes: None,
        source_name: "x".to_owned(),
        source,
        config: BTreeMap::new(),
        scan: ScanPoint {
            cluster: true,
            restricted: true,
            variables: serde_json::from_str("[\"v\"]").unwrap(),
            block: Some(block),
            ..ScanPoint::default()
        },
        plan: PlanPoint::default(),
        read: Some(1),
        entry: Some(source::EntryStart { id: 1, offset: 0 }),
    }
}

fn fields(value: &serde_json::Value, path: &str, out: &mut BTreeSet<String>) {
    let Some(map) = value.as_object() else { return };
    for (name, value) in map {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields(value, &path, out);
        out.insert(path);
    }
}

#[test]
fn every_field_of_the_checkpoint_is_described() {
    let mut there = BTreeSet::new();
    for source in [
        Identity::File { size: 0, mtime: 0, head: String::new() },
        Identity::Object { uri: String::new(), size: 0, etag: String::new() },
        Identity::Pipe { hashed: 0, hash: String::new() },
    ] {
        fields(&serde_json::from_slice(&checkpoint(source).to_bytes()).unwrap(), "", &mut there);
    }
    let text = read("docs/checkpoint.md");
    let described: BTreeSet<_> =
        rows(&text, "## Fields").iter().map(|cells| quoted(&cells[0])[0].to_owned()).collect();
    assert_eq!(described, there);
    let checked =
        &text[text.find("## What is checked on resume").unwrap()..text.find("## The file").unwrap()];
    for part in (Shape { selection: selection(), ..shape() }).parts().keys() {
        assert!(checked.contains(&format!("`{part}`")), "docs/checkpoint.md lacks the part {part}");
    }
}

#[test]
fn the_checkpoint_file_has_two_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let source = Identity::Pipe { hashed: 0, hash: String::new() };
    runner::load::checkpoint::file::write(&path, &checkpoint(source)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with('{') && lines[1].starts_with("xxh3 "), "{text}");
}

/// Something of each kind that is left out.
const LEFT_OUT: &str = r#"\connect shop
SET statement_timeout = 0;
SET work_mem = '1MB';
BEGIN;
COMMIT;
VACUUM;
\encoding UTF8
\restrict x
\unrestrict x
CREATE PUBLICATION p;
CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p;
CREATE DATABASE d;
CREATE ROLE r;
CREATE TABLESPACE t LOCATION '/x';
SELECT * FROM pg_catalog.pg_restore_relation_stats('version', '180000'::integer);
CREATE TABLE public.kasho_x (a int);
ALTER TABLE public.t OWNER TO r;
GRANT SELECT ON TABLE public.t TO r;
COPY public.t TO stdout;
COPY public.kasho_x (a) FROM stdin;
1
\.
COPY public.gone (a) FROM stdin;
1
\.
COPY public.t (a) FROM stdin;
1
\.
CREATE INDEX i ON public.gone (a);
\connect other
CREATE VIEW public.v AS SELECT 1;
COPY public.t (a) FROM stdin;
1
\.
"#;

#[test]
fn every_kind_that_is_left_out_is_described() {
    let shape = Shape { no_owner: true, no_privileges: true, selection: selection(), ..shape() };
    let mut planner = Planner::new(Arc::new(shape), "x", Sequence::FIRST, None);
    let mut scanner = Scanner::new();
    scanner.push(LEFT_OUT.as_bytes());
    scanner.finish();
    while let Some(event) = scanner.next_event().unwrap() {
        let end = matches!(event, dump::Event::End);
        assert!(
            planner
                .plan(event, &scanner)
                .unwrap()
                .is_none_or(|(work, _)| !matches!(work, convert::planner::Work::Sql(_)))
        );
        if end {
            break;
        }
    }
    let there: BTreeSet<_> =
        planner.counters().skipped.keys().map(|kind| kind.replace("work_mem", "NAME")).collect();
    let described: BTreeSet<_> = rows(&read("docs/values.md"), "## What is left out")
        .iter()
        .flat_map(|cells| quoted(&cells[0]).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .filter(|kind| kind != "psql_NAME")
        .collect();
    assert_eq!(described, there);
    for skip in [
        Skip::Publication,
        Skip::Subscription,
        Skip::Database,
        Skip::Role,
        Skip::Tablespace,
        Skip::Statistics,
        Skip::CopyToStdout,
        Skip::Maintenance,
    ] {
        assert!(described.contains(skip.name()), "{}", skip.name());
    }
}

#[test]
fn encodings_that_are_described_are_supported() {
    let text = read("docs/values.md");
    let section =
        &text[text.find("Supported are").unwrap()..text.find("PostgreSQL's other encodings").unwrap()];
    for name in quoted(section) {
        let encoding = Encoding::from_name(name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(encoding.name(), name);
    }
    let between = |prefix: &str, numbers: std::ops::RangeInclusive<u32>| {
        for number in numbers {
            let name = format!("{prefix}{number}");
            assert_eq!(Encoding::from_name(&name).unwrap().name(), name);
        }
    };
    between("LATIN", 1..=10);
    between("ISO_8859_", 5..=8);
    between("WIN", 1250..=1258);
}

#[test]
fn sizes_and_versions_are_those_of_the_code() {
    let size = kvbuffer::MAX_WIRE_SIZE.to_string();
    let spelled = format!("{},{},{}", &size[..1], &size[1..4], &size[4..]);
    for name in ["README.md", "docs/values.md"] {
        assert!(read(name).contains(&spelled), "{name} lacks {spelled}");
    }
    let msrv =
        read("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    let msrv = msrv.unwrap().trim_matches('"').to_owned();
    assert!(read("README.md").contains(&format!("Rust version: {msrv}.")), "README.md lacks {msrv}");
    let toolchain = read("rust-toolchain.toml");
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(read("README.md").contains(&format!("({channel})")), "README.md lacks {channel}");
}
