//! psql's language in scripts: for commands that are followed, the replica is equal to a database that psql filled.
//! All others end the run with a message that names the line.

use pg_bootstrap_tests::consumer::Options;
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{
    Reference, Source, compare, expect_same_errors, load, replicate, strict_options,
};
use pg_bootstrap_tests::fixtures::{self, Packing};
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::{self, CELL, COPY, Input, LIMIT, dump, dump_of, expect, runner};

const FORMS: [&[&str]; 2] = [&[], &["--rows", "packed"]];

fn script(name: &str) -> Vec<u8> {
    std::fs::read(fixtures::path(&format!("scripts/{name}.sql"))).unwrap()
}

/// The replica is what psql makes of the script, which it takes without an error.
#[track_caller]
fn same(name: &str) {
    same_bytes(name, &script(name));
}

#[track_caller]
fn same_bytes(name: &str, bytes: &[u8]) {
    let server = PostgresServer::shared();
    let source = Source::of_bytes(name, bytes);
    let reference = Reference::restore(server, &source);
    assert_eq!(reference.restore.errors, [], "{name}");
    replicates(server, &source, &reference);
    server.drop_database(&reference.database);
}

#[track_caller]
fn replicates(server: &PostgresServer, source: &Source, reference: &Reference) {
    for rows in FORMS {
        let redis = RedisServer::start();
        load(&redis, &source.plain, rows);
        let options = Options { replace_every: 0, ..strict_options(29) };
        let (replica, report) = replicate(server, &redis, options);
        expect_same_errors(reference, &report, &[]);
        compare(server, reference, &replica, RowOrder::Exact).expect_same();
        server.drop_database(&replica);
    }
}

/// The run ends with the code for a dump that cannot be loaded and this message, in both forms.
#[track_caller]
fn refused(bytes: &[u8], said: &[&str]) {
    let input = Input::of(bytes);
    for rows in FORMS {
        let redis = RedisServer::start();
        let finished = expect(runner(&redis, &input.file).args(rows).run(LIMIT), 3, said);
        assert!(finished.stderr.contains(&input.file.display().to_string()), "{}", finished.stderr);
    }
}

#[test]
fn what_changes_nothing_is_passed_over() {
    same("psql_passing");
}

#[test]
fn commands_in_place_of_a_semicolon() {
    refused(
        &script("psql_g"),
        &["psql's \\g at byte 34, line 1 cannot be followed", "end each statement with `;`"],
    );
    refused(&script("psql_gset"), &["psql's \\gset at byte 64, line 2", "set variables"]);
    refused(&script("gexec_classic"), &["psql's \\gexec at byte 47, line 1", "what a query gives"]);
    refused(
        &script("semi_backslash_insert"),
        &["psql's \\; at byte 67, line 2", "several statements at once"],
    );
    for (end, command) in [
        ("\\gx", "\\gx"),
        ("\\g out.txt", "\\g"),
        ("\\crosstabview", "\\crosstabview"),
        ("\\watch 1", "\\watch"),
        ("\\gdesc", "\\gdesc"),
        ("\\bind 1 \\g", "\\bind"),
        ("\n\\i rows.sql\n;", "\\i"),
        ("\n\\r\nSELECT 2;", "\\r"),
        ("\\\\", "backslash"),
    ] {
        let bytes = dump_of(format!("SELECT 1 AS \"a;\" {end}\n").as_bytes());
        refused(&bytes, &[&format!("psql's {command} at byte 2"), ", line 1"]);
    }
    // In rows of INSERT and at the end of COPY's head too.
    let middle = format!("INSERT INTO public.items VALUES (1, '{CELL}'), (2, 'b')\\g\n");
    refused(&dump_of(middle.as_bytes()), &["psql's \\g at byte ", "line 15"]);
    refused(
        &dump_of(b"COPY public.items (id, name) FROM stdin \\g\n1\ta\n\\.\n"),
        &["psql's \\g at byte ", "line 15"],
    );
}

#[test]
fn commands_between_statements() {
    for (line, said) in [
        ("\\i x.sql", "another file"),
        ("\\copy public.items from stdin", "write it as `COPY … FROM stdin;`"),
        ("\\copy public.items from 'x.csv'", "read or write a file"),
        ("\\! true", "run a program"),
        ("\\o x", "run a program or write a file"),
        ("\\g", "the last one again"),
        ("\\q", "psql would end here"),
        ("\\if true", "only some of what is here"),
        ("\\echo `true`", "run a program"),
        ("\\echo a \\\\ SELECT 1;", "on the same line"),
        ("\\set AUTOCOMMIT off", "another way"),
        ("\\set SINGLELINE on", "another way"),
        ("\\connect shop other", "as another user or at another server"),
        ("\\connect postgresql://u:p@h/shop", "as another user or at another server"),
        ("\\c :DBNAME", "refers to a variable"),
        ("\\nonsense", "not known here"),
        ("\\.", "none were begun"),
    ] {
        // What is no command may be a value.
        let name = match line.split(' ').next().unwrap() {
            "\\nonsense" => "backslash command",
            name => name,
        };
        refused(
            &dump_of(format!("{line}\n").as_bytes()),
            &[&format!("psql's {name} at byte 258, line 15"), said],
        );
    }
    // Rows of a COPY that is not there may say what nobody is to read.
    let finished_without = format!("\\N\t{CELL}\n");
    refused(&dump_of(finished_without.as_bytes()), &["psql's backslash command at byte 258, line 15"]);
    // psql follows none of them in what pg_dump writes.
    refused(
        b"\\restrict abc\n\\connect other\nSELECT 1;\n\\unrestrict abc\n",
        &["psql's \\connect at byte 14, line 2", "\\unrestrict"],
    );
}

#[test]
fn variables() {
    refused(&script("psql_var"), &["psql's variable :sch at byte 46, line 3", "write the value itself"]);
    for (text, name) in [
        ("\\set t items\nSELECT * FROM public.:t;", ":t"),
        ("\\set v 1\nINSERT INTO public.items VALUES (1, :'v');", ":'v'"),
        ("\\set v 1\nINSERT INTO public.items VALUES (1, 'a'), (:v, 'b');", ":v"),
        ("\\set v 1\nSELECT '1'::int, 1:::v;", ":v"),
        ("SELECT :'USER';", ":'USER'"),
        ("SELECT :{?v};", ":{?v}"),
    ] {
        refused(&dump_of(format!("{text}\n").as_bytes()), &[&format!("psql's variable {name} at byte ")]);
    }
}

/// A run that goes on behind `\set` knows the variable.
#[test]
fn variables_after_a_resume() {
    let rows: String = (1..=20_000).map(|row| format!("{row}\t{CELL}\n")).collect();
    let bytes = dump_of(format!("\\set v 1\n{COPY}{rows}\\.\nSELECT :v;\n").as_bytes());
    let (redis, input) = (RedisServer::start(), Input::of(&bytes));
    let said = ["psql's variable :v at byte ", "line 20018"];
    expect(runner(&redis, &input.file).run(LIMIT), 3, &said);
    let loaded = harness::snapshot(&redis);
    assert!(loaded.count > 1_000, "{loaded:?}");
    // What was loaded is kept, and the same command goes on behind it.
    expect(runner(&redis, &input.file).run(LIMIT), 3, &said);
    assert_eq!(harness::snapshot(&redis), loaded);
}

#[test]
fn databases_by_psqls_rules() {
    let server = PostgresServer::start();
    let source = Source::of_bytes("connect_semicolon", &script("connect_semicolon"));
    let mut reference = Reference::restore(&server, &source);
    assert_eq!(reference.restore.errors, []);
    reference.database.name = "shopdb".to_owned();
    replicates(&server, &source, &reference);
    let redis = RedisServer::start();
    load(&redis, &source.plain, &["--database", "shopdb"]);
    let changes = redis.cli(&["ZRANGE", pg_bootstrap_tests::zset::KEY, "0", "-1"]);
    assert!(changes.contains("\"shopdb\"") && !changes.contains("shopdb;"), "{changes}");
}

#[test]
fn copy_of_files_and_queries() {
    let said = ["a COPY of a file, a program or a query at byte 44, line 2", "behind `COPY … FROM stdin;`"];
    refused(&script("copy_from_file"), &said);
    for statement in [
        "COPY public.items FROM PROGRAM 'true';",
        "COPY public.items TO '/tmp/x';",
        "COPY (SELECT 1) TO stdout;",
    ] {
        refused(
            &dump_of(statement.as_bytes()),
            &["a COPY of a file, a program or a query at byte 258, line 15"],
        );
    }
}

#[test]
fn options_of_copy() {
    same("copy_options");
    same("copy_comment_after");
    for (options, said) in [
        ("WITH (FORMAT csv)", "its option FORMAT"),
        ("CSV", "its option CSV"),
        ("DELIMITER ','", "its option DELIMITER"),
        ("WITH (NULL '')", "its option NULL"),
        ("WITH (ENCODING 'LATIN1')", "its option ENCODING"),
        ("WITH (FREEZE)", "FREEZE"),
        ("WHERE id > 1", "its WHERE"),
    ] {
        let middle = format!("COPY public.items (id, name) FROM stdin {options};\n1\t{CELL}\n\\.\n");
        refused(
            &dump_of(middle.as_bytes()),
            &["the COPY statement at byte 258, line 15 cannot be read", said],
        );
    }
    let middle = format!("COPY public.items (id, name) FROM stdin; SELECT 1;\n1\t{CELL}\n\\.\n");
    refused(&dump_of(middle.as_bytes()), &["something follows it on its line"]);
    let middle = format!("{COPY}1\ta\\.\n2\t{CELL}\n\\.\n");
    refused(&dump_of(middle.as_bytes()), &["row 1 of public.items, column name", "which ends the rows"]);
}

#[test]
fn line_ends_of_either_kind() {
    same("crlf_head_lf_data");
    same("lf_head_crlf_data");
    // PostgreSQL takes none of them.
    for (rows, said) in [
        ("1\ta\n\\.\r\n", "line 17 is to end its rows"),
        ("1\ta\r\n\\.\n", "line 17 is to end its rows"),
        ("1\ta\r\n2\tb\n\\.\r\n", "row 2 of public.items"),
        ("1\ta\n2\tb\r\n\\.\n", "row 2 of public.items"),
    ] {
        refused(&dump_of(format!("{COPY}{rows}").as_bytes()), &[said]);
    }
    let table = "CREATE TABLE public.items (id integer, name text);\n";
    refused(format!("{table}{COPY}1\ta\n\\.").as_bytes(), &["cut off"]);
    same_bytes("no rows", format!("{table}{COPY}\\.\r\n{}\\.\n", COPY.replace('\n', "\r\n")).as_bytes());
    let comment =
        "-- begins\rCREATE TABLE public.c (a text);\nINSERT INTO public.c VALUES -- a row\r('x');\n";
    same_bytes("carriage returns", comment.as_bytes());
}

#[test]
fn names_as_postgresql_keeps_them() {
    same("names_long");
    same("names_unicode");
}

#[test]
fn a_dump_that_is_cut_off_behind_junk() {
    let said = [
        "pg_dump's line at byte 14, line 3 stands within a statement, which began at byte 0, line 1",
        "remove it",
    ];
    refused(&script("cut_with_junk"), &said);
    // Whole or not: psql would refuse the first SET with it.
    let whole = [b"Password: \n".as_slice(), &dump(3)].concat();
    refused(&whole, &["pg_dump's line at byte 14, line 3"]);
    let quote = [b"pg_dump: warning: don't\n".as_slice(), &dump(3)].concat();
    refused(&quote, &["pg_dump's line at byte 27, line 3"]);
    // A dump of a cluster behind whose first database nothing follows, and one dump behind another that is cut off.
    let cluster = [b"-- PostgreSQL database cluster dump\n\\connect shop\n".as_slice(), &dump(3)].concat();
    let input = Input::of(&cluster);
    let redis = RedisServer::start();
    let finished = runner(&redis, &input.file).args(["--database", "shop"]).run(LIMIT);
    expect(finished, 3, &["its closing line, `-- PostgreSQL database cluster dump complete`, is missing"]);
    let cut = dump(3);
    let cut = &cut[..cut.windows(8).rposition(|line| line == b"\n--\n-- P").unwrap() + 1];
    refused(
        &[cut, b"\n\n", &dump(3)].concat(),
        &["its closing line, `-- PostgreSQL database dump complete`, is missing"],
    );
}

#[test]
fn gzip_twice_and_gzip_with_padding() {
    let packed = Packing::Gzip.pack(&dump(300)).unwrap();
    let twice = Packing::Gzip.pack(&packed).unwrap();
    refused(&twice, &["compressed twice, the second time by gzip"]);
    let (redis, input) = (RedisServer::start(), Input::of(&[packed, vec![0; 10_240]].concat()));
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    assert_eq!(harness::snapshot(&redis), harness::undisturbed(&dump(300)));
}

#[test]
fn a_dump_of_roles_alone() {
    let said =
        ["it holds roles and tablespaces alone, and no database", "pg_dumpall --globals-only", "by pg_dump"];
    refused(&script("roles_globals"), &said);
}

#[test]
fn another_dump_under_the_id_of_a_run_that_is_done() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(3)));
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    let loaded = harness::snapshot(&redis);
    std::fs::write(&input.file, dump(4)).unwrap();
    let said = ["this run is done, and it loaded another dump", "another --run-id"];
    expect(runner(&redis, &input.file).run(LIMIT), 5, &said);
    assert_eq!(harness::snapshot(&redis), loaded);
}
