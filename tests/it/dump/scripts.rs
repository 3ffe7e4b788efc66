//! Scripts that other tools, or people, wrote: the replica is equal to a database that psql filled, or they are
//! refused by name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{Reference, SNAPSHOT_LSN, Source, compare, replicate, strict_options};
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::LIMIT;

mod rows;

/// Scripts that arrive as psql restores them, in both forms of rows.
const EQUAL: &[&str] = &[
    "empty_path.sql",
    "generated_asks.sql",
    "ranges_by_settings.sql",
    "words_in_texts.sql",
    "refresh_fires.sql",
    "checks_ask.sql",
    "words_in_code.sql",
    "code_after_settings.sql",
    "events.sql",
    "explain_off.sql",
    "kasho_index.sql",
    "names_of_classes.sql",
    "own_casts.sql",
    "own_types.sql",
    "path_defaults.sql",
    "role_defaults.sql",
    "statements_fire.sql",
    "upsert_fires.sql",
    "set_role_changes.sql",
    "datestyle_halves.sql",
    "quoted_settings.sql",
    "owner_among_others.sql",
    "like_identity.sql",
    "copy_options.sql",
    "lf_head_crlf_data.sql",
    "names_unicode.sql",
    "psql_passing.sql",
    "expressions.sql",
    "literals.sql",
    "tails.sql",
    "add_if_not_exists.sql",
    "cascading_delete.sql",
    "code_changes_tables.sql",
    "copy_comment_after.sql",
    "copy_options.sql",
    "crlf_head_lf_data.sql",
    "dbeaver.sql",
    "e_surrogates.sql",
    "e_unicode_latin1.sql",
    "function_changes_tables.sql",
    "gz_zero_tail.sql.gz",
    "inherit_alter.sql",
    "insert_bool_text.sql",
    "insert_default.sql",
    "insert_fewer.sql",
    "insert_into_view.sql",
    "insert_mixed_row.sql",
    "insert_num_int.sql",
    "insert_onconflict_packed.sql",
    "lf_head_crlf_data.sql",
    "like_only.sql",
    "like_silent.sql",
    "made_by_query.sql",
    "names_long.sql",
    "names_unicode.sql",
    "part_alter.sql",
    "path_concurrently.sql",
    "psql_passing.sql",
    "reset_all_path.sql",
    "rolled_back_settings.sql",
    "set_config_case.sql",
    "set_role_pgrestore.sql",
    "settings_of_literals.sql",
    "timezone_set.sql",
    "tools/adminer.sql",
    "tools/datagrip.sql",
    "tools/dbeaver_export.sql",
    "tools/navicat.sql",
    "tools/ora2pg.sql",
    "tools/pandas.sql",
    "tools/pg_restore_role.sql",
    "tools/rails_structure.sql",
    "tools/supabase.sql",
    "tx_set_local.sql",
    "type_if_not_exists.sql",
    "type_renamed.sql",
    "type_set_schema.sql",
];

/// Scripts that are refused, and what is said: the place, what it is, what to do.
const REFUSED: &[(&str, &[&str])] = &[
    ("partition_disabled_alone.sql", &["rows of public.q, for which trigger g fires", "line 6"]),
    ("partition_like.sql", &["rows of public.q, for which trigger g fires", "line 6"]),
    (
        "sequence_cached_later.sql",
        &["rows of public.t that leave columns to defaults", "sequence with CACHE", "line 4"],
    ),
    ("temporary_path_alone.sql", &["a search_path with pg_temp in front of others", "line 1"]),
    ("upsert_deferred.sql", &["INSERT in a transaction, where constraints are deferrable", "line 7"]),
    ("cascade_fires.sql", &["DELETE with code that changes settings of the session", "line 11"]),
    ("partition_fires.sql", &["UPDATE with code that changes settings of the session", "line 10"]),
    ("view_before_trigger.sql", &["UPDATE with code that changes settings of the session", "line 10"]),
    ("operator_sets.sql", &["INSERT with code that changes settings of the session", "line 8"]),
    (
        "serial_cached.sql",
        &["rows of public.t that leave columns to defaults", "sequence with CACHE", "line 3"],
    ),
    ("code_currval.sql", &["DO with code that asks by currval or lastval", "line 4"]),
    ("deferred_trigger.sql", &["UPDATE in a transaction, where constraints are deferrable", "line 10"]),
    (
        "forgotten_triggers.sql",
        &["rows of public.t1, for which a trigger or rule that code may have made", "line 6"],
    ),
    ("setval_calls.sql", &["SETVAL with code that changes settings of the session", "line 3"]),
    ("code_commits.sql", &["CALL with code that ends transactions", "line 3", "write the statements"]),
    ("code_files.sql", &["INSERT with code that reads or writes files of the server", "line 2"]),
    ("code_in_values.sql", &["row 1 of public.u", "line 4", "their code changes definitions"]),
    ("code_nonstandard.sql", &["DO with code while standard_conforming_strings is off", "line 3"]),
    ("code_sets.sql", &["DO with code that changes settings of the session", "line 2", "SET statements"]),
    ("code_sets_hidden.sql", &["INSERT with code that changes settings of the session", "line 4"]),
    ("code_temporary.sql", &["DO with code that makes or uses temporary objects", "line 1"]),
    (
        "code_triggers.sql",
        &["rows of public.t, for which a trigger or rule that code may have made fires", "--silent-triggers"],
    ),
    (
        "default_cached.sql",
        &["rows of public.t that leave columns to defaults", "sequence with CACHE", "line 4"],
    ),
    (
        "default_in_row.sql",
        &["row 2 of public.t", "line 3", "sequence with CACHE", "write the values themselves"],
    ),
    (
        "default_writes.sql",
        &["rows of public.t that leave columns to defaults: their code writes rows", "line 5"],
    ),
    ("row_sets.sql", &["row 1 of public.t", "line 2", "their code changes settings"]),
    ("deferred.sql", &["UPDATE in a transaction, where constraints are deferrable", "line 4"]),
    ("event_changes.sql", &["CREATE TABLE with code that changes settings of the session", "line 3"]),
    ("explain_quoted.sql", &["EXPLAIN ANALYZE", "line 3"]),
    ("kasho_among_others.sql", &["objects named kasho_…", "line 3", "two statements"]),
    ("large_object_seek.sql", &["lo_lseek", "line 5", "lo_put"]),
    ("large_objects_open.sql", &["lo_open of a large object while another one is open", "line 5"]),
    ("read_only.sql", &["a transaction that is READ ONLY", "line 2"]),
    ("settings_by_update.sql", &["UPDATE with code that changes settings of the session", "line 2"]),
    ("temporary_path.sql", &["a search_path with pg_temp in front of others", "line 1", "put pg_temp last"]),
    ("replica_trigger.sql", &["rows of public.t, for which trigger g fires", "line 5"]),
    ("view_over_trigger.sql", &["rows of public.v, for which trigger g fires", "line 5"]),
    ("copy_from_file.sql", &["a COPY of a file, a program or a query at byte 44, line 2", "FROM stdin"]),
    (
        "copy_without_names_unknown.sql",
        &["the rows of public.derived at byte 98, line 3 name no columns", "name the columns"],
    ),
    ("current_value.sql", &["currval or lastval", "line 4", "write the value itself"]),
    ("cut_with_junk.sql", &["line 3 stands within a statement", "remove it"]),
    ("gexec_classic.sql", &["psql's \\gexec at byte 47, line 1", "write those statements themselves"]),
    ("gz_gz.sql.gz", &["it is compressed twice, the second time by gzip"]),
    ("insert_int_bool.sql", &["row 1 of public.t, column ok, at byte 48, line 2", "a number without quotes"]),
    ("open_transaction.sql", &["a transaction that is open where the script ends", "line 2", "write COMMIT"]),
    (
        "path_user_exists.sql",
        &["other, a name that leads into a schema of the user", "line 6", "write its schema"],
    ),
    ("psql_g.sql", &["psql's \\g at byte 34, line 1", "end each statement with `;`"]),
    ("psql_gset.sql", &["psql's \\gset at byte 64, line 2"]),
    ("psql_var.sql", &["psql's variable :sch at byte 46, line 3", "write the value itself"]),
    ("roles_globals.sql", &["it holds roles and tablespaces alone", "--globals-only"]),
    ("rolled_back.sql", &["a ROLLBACK, which would take back what is loaded", "line 4"]),
    ("rule_before_rows.sql", &["rows of public.t, for which rule r fires", "line 7", "--silent-triggers"]),
    ("semi_backslash_insert.sql", &["psql's \\; at byte 67, line 2"]),
    ("temp_table.sql", &["a temporary table, view or sequence at byte 48, line 2", "make it a table"]),
    (
        "trigger_before_rows.sql",
        &["rows of public.t, for which trigger g fires", "line 4", "--silent-triggers"],
    ),
];

/// Scripts of which nothing may reach Redis that is to be transformed: no `secret@…`.
const MASKED: &[(&str, i32)] = &[
    ("mask_routed_statement.sql", 3),
    ("mask_routed_unknown.sql", 3),
    ("mask_view_by_rule.sql", 3),
    ("mask_view_changes.sql", 3),
    ("mask_unknown_column.sql", 3),
    ("mask_own_setting.sql", 0),
    ("mask_query.sql", 3),
    ("mask_reads.sql", 3),
    ("mask_reads_in_row.sql", 3),
    ("mask_owner_after_key.sql", 0),
    ("mask_by_view.sql", 3),
    ("mask_within_insert.sql", 3),
    ("mask_by_call.sql", 3),
    ("mask_by_call_of_view.sql", 3),
    ("mask_by_query.sql", 2),
    ("mask_inherit_owner.sql", 0),
    ("mask_inherited.sql", 0),
    ("mask_key_by_index.sql", 2),
    ("mask_quoted_path.sql", 0),
    ("mask_routed.sql", 3),
    ("mask_expression.sql", 3),
    ("mask_other_columns.sql", 0),
    ("mask_renamed.sql", 3),
    ("mask_set_schema.sql", 0),
    ("mask_view.sql", 3),
];

/// Scripts that psql restores into a database of another name, which a test of their own loads.
const ELSEWHERE: &[&str] = &["connect_semicolon.sql"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scripts")
}

fn load(redis: &RedisServer, script: &str, more: &[&str]) -> Finished {
    Runner::new()
        .arg("--dump-file")
        .arg(folder().join(script))
        .args(["--snapshot-lsn", SNAPSHOT_LSN, "--kv-url", &redis.url()])
        .args(more)
        .run(LIMIT)
}

/// psql reads no gzip.
fn source(script: &str) -> Source {
    let bytes = std::fs::read(folder().join(script)).unwrap();
    let plain = if script.ends_with(".gz") {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut plain).ok();
        plain
    } else {
        bytes
    };
    Source::of_bytes(script, &plain)
}

#[test]
fn every_script_has_its_line() {
    let mut found = BTreeSet::new();
    for sub in ["", "tools"] {
        for entry in std::fs::read_dir(folder().join(sub)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder()).unwrap().display().to_string();
            if name.contains(".sql") {
                found.insert(name);
            }
        }
    }
    let told = EQUAL.iter().chain(ELSEWHERE).copied();
    let told = told.chain(REFUSED.iter().map(|(name, _)| *name)).chain(MASKED.iter().map(|(name, _)| *name));
    assert_eq!(told.map(str::to_owned).collect::<BTreeSet<_>>(), found);
}

/// The page of what can be loaded names scripts that are there, each of the tools' among them.
#[test]
fn the_page_names_its_scripts() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/input.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 4);
    let mut named = BTreeSet::new();
    for line in lines {
        let last = line.split('|').nth(3).unwrap();
        for name in last
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| !name.contains('.') && !name.ends_with("fixtures"))
        {
            let there = ["sql", "sql.gz"].iter().any(|end| folder().join(format!("{name}.{end}")).exists());
            assert!(there, "{name}: {line}");
            named.insert(name.to_owned());
        }
    }
    for tool in EQUAL.iter().filter(|name| name.starts_with("tools/")) {
        assert!(named.contains(tool.trim_end_matches(".sql")), "{tool}");
    }
}

#[test]
fn scripts_arrive_as_psql_restores_them() {
    let server = PostgresServer::shared();
    let redis = RedisServer::start();
    let mut different = Vec::new();
    for script in EQUAL {
        let reference = Reference::restore(server, &source(script));
        for rows in ["single", "packed"] {
            redis.client().command(&["FLUSHALL"]).unwrap();
            let finished = load(&redis, script, &["--rows", rows]);
            if finished.code() != Some(0) {
                different.push(format!("{script}, {rows}: refused: {}", finished.stderr));
                continue;
            }
            let (replica, report) = replicate(server, &redis, strict_options(7));
            let comparison =
                compare(server, &reference, &replica, RowOrder::AnyWithinTable("each row is by itself"));
            if !comparison.differing.is_empty() {
                different.push(format!("{script}, {rows}: {comparison}\n{report}"));
            }
            server.drop_database(&replica);
        }
        server.drop_database(&reference.database);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn what_cannot_be_certain_is_refused_by_name() {
    let redis = RedisServer::start();
    for (script, says) in REFUSED {
        for rows in ["single", "packed"] {
            redis.client().command(&["FLUSHALL"]).unwrap();
            let finished = load(&redis, script, &["--rows", rows]);
            let text = &finished.stderr;
            assert_eq!(finished.code(), Some(3), "{script}, {rows}: {text}");
            for say in *says {
                assert!(text.contains(say), "{script}, {rows} does not say {say:?}: {text}");
            }
        }
    }
}

#[test]
fn no_original_reaches_redis() {
    let redis = RedisServer::start();
    for (script, code) in MASKED {
        let config = folder().join(script.replace(".sql", ".yml"));
        let config = config.to_str().unwrap();
        for rows in ["single", "packed"] {
            redis.client().command(&["FLUSHALL"]).unwrap();
            let more = ["--rows", rows, "--transform-config", config, "--insecure-unkeyed"];
            let finished = load(&redis, script, &more);
            assert_eq!(finished.code(), Some(*code), "{script}, {rows}: {}", finished.stderr);
            let members = redis.client().command(&["ZRANGE", "kasho:changes", "0", "-1"]).unwrap().array();
            let members: Vec<_> =
                members.into_iter().map(|m| String::from_utf8(m.bytes()).unwrap()).collect();
            assert!(!members.concat().contains("secret@"), "{script}, {rows}");
        }
    }
}

/// What was refused is loaded where it is said to be meant.
#[test]
fn triggers_stay_silent_where_that_is_meant() {
    let redis = RedisServer::start();
    for script in ["trigger_before_rows.sql", "rule_before_rows.sql"] {
        redis.client().command(&["FLUSHALL"]).unwrap();
        load(&redis, script, &["--silent-triggers"]).expect_code(0);
    }
}

/// psql takes semicolons at the end of a database's name away.
#[test]
fn the_name_of_a_database_ends_before_a_semicolon() {
    let redis = RedisServer::start();
    load(&redis, "connect_semicolon.sql", &["--database", "shopdb"]).expect_code(0);
    let members = redis.client().command(&["ZRANGE", "kasho:changes", "0", "-1"]).unwrap().array();
    let members: Vec<_> = members.into_iter().map(|m| String::from_utf8(m.bytes()).unwrap()).collect();
    assert_eq!(members.len(), 2);
    assert!(members[0].contains("\"database\":\"shopdb\""), "{}", members[0]);
}

/// `ALTER DATABASE … SET` is in force in the sessions that begin afterwards.
#[test]
fn settings_of_a_database_begin_with_its_session() {
    let server = PostgresServer::shared();
    let redis = RedisServer::start();
    let database = server.create_database("with_settings", "UTF8");
    let script = b"ALTER DATABASE with_settings SET \"DateStyle\" = 'SQL, DMY';
ALTER DATABASE with_settings SET search_path = shop;
\\connect with_settings
CREATE SCHEMA shop;
CREATE TABLE t (d date);
INSERT INTO t VALUES ('03/04/2024');
COPY t FROM stdin;
05/06/2024
\\.
RESET DateStyle;
INSERT INTO t VALUES ('07/08/2024');
SET DateStyle = 'MDY';
INSERT INTO t VALUES ('09/10/2024');
ALTER DATABASE with_settings RESET ALL;
INSERT INTO t VALUES ('11/12/2024');
\\connect with_settings
CREATE TABLE public.u (d date);
INSERT INTO u VALUES ('03/04/2024');
";
    let source = Source::of_bytes("settings", script);
    let restore = server.psql(&database, &source.plain);
    let reference = Reference { database, restore };
    for rows in ["single", "packed"] {
        redis.client().command(&["FLUSHALL"]).unwrap();
        pg_bootstrap_tests::fidelity::load(&redis, &source.plain, &["--rows", rows]);
        let (replica, report) = replicate(server, &redis, strict_options(7));
        let order = RowOrder::AnyWithinTable("each row is by itself");
        let comparison = compare(server, &reference, &replica, order);
        assert!(comparison.differing.is_empty(), "{rows}: {comparison}\n{report}");
        server.drop_database(&replica);
    }
    server.drop_database(&reference.database);
}
