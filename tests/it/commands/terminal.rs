//! What somebody at a terminal sees: the program runs on one, and what it writes is drawn as a terminal draws it.

use std::io::Write as _;
use std::num::NonZero;
use std::path::Path;

use pg_bootstrap_tests::binary::{Finished, Runner, pg_bootstrap_sync};
use pg_bootstrap_tests::servers::{RedisServer, wait_until};

use crate::harness::{Input, LIMIT, dump};

const ROWS: u16 = 60;
/// With the schema, more than a line of eighty characters holds beside the bar.
const TABLE: &str = "a_table_whose_name_has_as_many_characters_as_postgresql_allows_";

/// The program on a terminal of so many columns.
fn on_a_terminal(columns: u16, program: &[&str]) -> Runner {
    let quoted: Vec<_> = program.iter().map(|word| format!("'{word}'")).collect();
    let command = format!(
        "stty rows {ROWS} columns {columns} -echoctl; exec '{}' {}",
        pg_bootstrap_sync().display(),
        quoted.join(" ")
    );
    Runner::of(Path::new("script"))
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
}

/// Each screen that was seen, as its lines, without those that are empty at its end; the last is what stays.
fn screens(finished: &Finished, columns: u16) -> Vec<Vec<String>> {
    let mut terminal = vt100::Parser::new(NonZero::new(ROWS).unwrap(), NonZero::new(columns).unwrap(), 0);
    let mut seen: Vec<Vec<String>> = Vec::new();
    for bytes in finished.stdout.chunks(16) {
        terminal.process(bytes);
        let lines: Vec<_> =
            terminal.screen().contents().lines().map(|line| line.trim_end().to_owned()).collect();
        if seen.last() != Some(&lines) {
            seen.push(lines);
        }
    }
    seen
}

/// Figures that differ from run to run, as `N`.
fn settled(lines: &[String]) -> Vec<String> {
    let figures = regex::Regex::new(r"\d+(\.\d+)?").unwrap();
    lines.iter().map(|line| figures.replace_all(line, "N").into_owned()).collect()
}

fn is_bar(line: &str) -> bool {
    line.contains("%  ") && line.contains(" rows  ")
}

#[test]
fn errors_are_one_line_without_what_machines_read() {
    let input = Input::of(&dump(3));
    let file = input.file.display().to_string();
    let refused = |args: &[&str], code| {
        let all = [&["load", file.as_str()], args].concat();
        let finished = on_a_terminal(80, &all).run(LIMIT).expect_code(code);
        // Wide enough for one line each.
        screens(&finished, 2000).pop().unwrap()
    };
    let url = refused(&["--kv-url", "redis:/nowhere", "--snapshot-lsn", "1/0"], 2);
    assert!(
        url.len() == 1 && url[0].starts_with("error: ") && url[0].contains("needs a scheme such as redis://"),
        "{url:?}"
    );
    let away =
        refused(&["--kv-url", "redis://127.0.0.1:1", "--snapshot-lsn", "1/0", "--retry-timeout", "1s"], 11);
    let [waiting, error, hint] = &away[..] else { panic!("{away:?}") };
    assert!(waiting.starts_with("warning: waiting: connect to Redis"), "{away:?}");
    assert!(error.starts_with("error: connect to Redis, tried for 1 s"), "{away:?}");
    assert_eq!(hint, "hint: this may pass: run the same command again");
}

/// A bar of one line, whatever the width and the name of the table, below what is logged; Ctrl-C; the same command again.
#[test]
fn a_load_that_is_interrupted_and_goes_on() {
    let script = String::from_utf8(dump(8000)).unwrap().replace("public.items", &format!("public.{TABLE}"));
    let input = Input::of(script.as_bytes());
    for columns in [80, 120] {
        let redis = RedisServer::start();
        let (file, url) = (input.file.display().to_string(), redis.url());
        let load = |rate: &str| {
            let args = ["load", &file, "--kv-url", &url, "--snapshot-lsn", "1/0", "--batch-size", "100"];
            on_a_terminal(columns, &[&args[..], &["--max-rate", rate]].concat())
        };
        let mut running = load("2000").stdin_pipe().spawn();
        let keyboard = running.stdin();
        let sent =
            || redis.cli(&["ZCARD", "kasho:changes"]).trim().parse::<u64>().is_ok_and(|all| all > 1500);
        assert!(wait_until(LIMIT, sent));
        (&keyboard).write_all(b"\x03").unwrap();
        let stopped = running.wait(LIMIT).expect_code(130);
        drop(keyboard);
        let seen = screens(&stopped, columns);
        let bar = seen.iter().flatten().rfind(|line| is_bar(line)).unwrap();
        assert!(bar.contains("/s  ") && bar.contains("public.a_table"), "{bar}");
        one_line(&seen);
        assert_eq!(settled(seen.last().unwrap()), stopped_lines());
        let goes_on = load("4000").run(LIMIT).expect_code(0);
        let seen = screens(&goes_on, columns);
        one_line(&seen);
        assert_eq!(settled(seen.last().unwrap()), done_lines());
    }
}

fn stopped_lines() -> [String; 8] {
    [
        "stopping: waiting for the batches in flight; a second signal ends the process at once (signal SIGINT)".to_owned(),
        "not done: N changes, N rows".to_owned(),
        "  time        N s, N rows/s, N MiB/s".to_owned(),
        "  Redis       the longest call took N s".to_owned(),
        "  left out    N setting".to_owned(),
        "  rows by table:".to_owned(),
        format!("            N  public.{TABLE}"),
        "stopped by SIGINT; run the command again, without --restart, to continue from the checkpoint".to_owned(),
    ]
}

fn done_lines() -> [String; 9] {
    [
        "continuing from the checkpoint (offset N, next N, lsn N/BOOTSTRAPN)".to_owned(),
        "done: N changes, N rows".to_owned(),
        "  positions   N/BOOTSTRAPN to N/BOOTSTRAPN".to_owned(),
        "  resumed     N changes were already there".to_owned(),
        "  time        N s, N rows/s, N MiB/s".to_owned(),
        "  Redis       the longest call took N s".to_owned(),
        "  left out    N setting".to_owned(),
        "  rows by table since the checkpoint:".to_owned(),
        format!("            N  public.{TABLE}"),
    ]
}

/// Of a bar there is one line, and it is the last.
fn one_line(seen: &[Vec<String>]) {
    for screen in seen {
        let bars = screen.iter().filter(|line| is_bar(line)).count();
        assert!(bars <= 1, "{screen:#?}");
        if bars == 1 {
            assert!(screen.last().is_some_and(|line| is_bar(line)), "{screen:#?}");
        }
    }
}
