//! Packed rows: PostgreSQL reads back exactly the rows of the dump, whatever the types, and nothing else changes.

use pg_bootstrap_tests::consumer::{Consumer, Options, RedisEntries, Report};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{Reference, Source, compare, load, replicate, strict_options};
use pg_bootstrap_tests::loads::{seeded, times};
use pg_bootstrap_tests::rng::Rng;
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer};

use crate::harness::{Input, LIMIT, expect, expect_discreet, runner};

const PACKED: &[&str] = &["--rows", "packed"];

/// What is there before any table.
const TYPES: &str = r#"
    CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', 'a\b', '');
    CREATE TYPE pair AS (a integer, b text, c text[]);
    CREATE DOMAIN short AS varchar(9) DEFAULT 'x';
    CREATE DOMAIN whole AS bigint CHECK (VALUE <> 13);
"#;

/// Text that stumbles over quotes, escapes, what arrays and rows mean, NULL, and other things than ASCII.
const TEXTS: [&str; 24] = [
    "",
    "NULL",
    "null",
    "\\N",
    "\\.",
    "'",
    "''",
    "\"",
    "\\",
    "\\\\'\"",
    "{}",
    "{1,NULL}",
    "(,\"a\")",
    "a,b",
    " a ",
    "\t\n\r\u{b}\u{c}\u{8}",
    "\u{1}\u{1f}\u{7f}",
    "\u{e9}\u{4e2d}\u{1f600}\u{2028}",
    "E'\\x41'",
    "$$;$1",
    "'); DROP TABLE t0; --",
    "t",
    "1e5",
    "--\n\\connect x\n;",
];

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn text(rng: &mut Rng) -> String {
    let parts: String = (0..rng.below(4)).map(|_| TEXTS[rng.below(24) as usize]).collect();
    if rng.one_in(40) { parts.repeat(400) } else { parts }
}

fn one_of(rng: &mut Rng, values: &[&str]) -> String {
    values[rng.below(values.len() as u64) as usize].to_owned()
}

/// A value as SQL, of the type at `kind` in [`KINDS`].
fn value(kind: &str, rng: &mut Rng) -> String {
    if rng.one_in(6) {
        return "NULL".to_owned();
    }
    let number = rng.bits() as i64 >> rng.below(63);
    match kind {
        "smallint" => format!("{}", number as i16),
        "integer" => format!("{}", number as i32),
        "bigint" | "whole" if number == 13 => "14".to_owned(),
        "bigint" | "whole" => format!("'{number}'"),
        "oid" | "xid" => format!("'{}'", number as u32),
        "real" => format!("'{:e}'", f32::from_bits((rng.bits() as u32) & 0x7f7f_ffff)),
        "double precision" if rng.one_in(3) => {
            one_of(rng, &["'NaN'", "'-0'", "'Infinity'", "'-Infinity'", "'1e-300'", "'0.1'"])
        }
        "double precision" => format!("'{:e}'", f64::from_bits(rng.bits() & 0x7fe7_ffff_ffff_ffff)),
        "boolean" => one_of(rng, &["true", "false"]),
        "numeric" if rng.one_in(4) => one_of(rng, &["'NaN'", "1e100", "-0.000", "1e-30"]),
        "numeric" => format!("'{number}.{}00'", rng.bits()),
        "numeric(12,3)" => format!("{}.{}", number as i16, rng.below(1000)),
        "varchar(40)" => format!("left({}, 40)", literal(&text(rng))),
        "short" => format!("left({}, 9)", literal(&text(rng))),
        "char(9)" => format!("left({}, 9)", literal(&text(rng))),
        "\"char\"" => literal(&one_of(rng, &["a", "", "'", "\\"])),
        "name" => format!("left({}, 15)", literal(&text(rng))),
        "mood" => literal(&one_of(rng, &["sad", "it's \"ok\"", "a\\b", ""])),
        "date" => one_of(rng, &["'2024-02-29'", "'infinity'", "'0044-03-15 BC'", "'12024-01-01'"]),
        "time(2)" => format!("'12:34:56.{}'", rng.below(1000)),
        "time with time zone" => one_of(rng, &["'24:00:00-12'", "'01:02:03.4+05:30'"]),
        "timestamp(3)" => format!("'2024-01-02 03:04:05.{}'", rng.below(10_000)),
        "timestamp with time zone" => {
            one_of(rng, &["'2024-01-02T03:04:05.678901+02'", "'infinity'", "'0001-01-01 BC'"])
        }
        "interval" => format!("'{} months {} seconds'", rng.below(30), number as i16),
        "interval day to second(2)" => format!("'{} seconds'", number as i32),
        "uuid" => format!("'{:032x}'", u128::from(rng.bits()) << 60),
        "json" | "jsonb" => {
            format!("json_build_object({}, {number}, 'b', {})", literal("k\"\\'"), array(rng))
        }
        "bytea" => format!("decode('{:x}00ff5c27', 'hex')", rng.bits() | 1 << 63),
        "integer[]" => format!("ARRAY[{}, NULL, {}]::integer[]", number as i32, rng.below(9)),
        "text[]" => array(rng),
        "text[][]" => format!("ARRAY[{}, {}]", array(rng), array(rng)),
        "pair" => format!("ROW({}, {}, {})::pair", number as i32, literal(&text(rng)), array(rng)),
        "pair[]" => format!("ARRAY[ROW({}, {}, NULL)::pair, NULL]", rng.below(9), literal(&text(rng))),
        "int4range" => format!("int4range({}, NULL)", number as i16),
        "bit(9)" => format!("B'{:09b}'", rng.below(512)),
        "bit varying(9)" => format!("B'{:b}'", rng.below(512)),
        "inet" => one_of(rng, &["'10.0.0.1/8'", "'::1'"]),
        "macaddr" => "'08:00:2b:01:02:03'".to_owned(),
        "point" => format!("point({}, 0.1)", number as i16),
        "path" => "'[(1,2),(3,4)]'".to_owned(),
        "money" => format!("'{}.07'", number as i16),
        "xml" => "xmlparse(content '<a b=\"''\">\\</a>')".replace("''", "&quot;"),
        "tsvector" => format!("to_tsvector('simple', {})", literal(&text(rng))),
        "pg_lsn" => "'16/B374D848'".to_owned(),
        _ => literal(&text(rng)),
    }
}

/// Three elements, so that arrays of it have one shape.
fn array(rng: &mut Rng) -> String {
    format!("ARRAY[{}, NULL, {}]::text[]", literal(&text(rng)), literal(&text(rng)))
}

const KINDS: [&str; 46] = [
    "smallint",
    "integer",
    "bigint",
    "whole",
    "oid",
    "xid",
    "real",
    "double precision",
    "boolean",
    "numeric",
    "numeric(12,3)",
    "text",
    "varchar(40)",
    "varchar",
    "short",
    "char(9)",
    "\"char\"",
    "name",
    "mood",
    "date",
    "time(2)",
    "time with time zone",
    "timestamp(3)",
    "timestamp with time zone",
    "interval",
    "interval day to second(2)",
    "uuid",
    "json",
    "jsonb",
    "bytea",
    "integer[]",
    "text[]",
    "text[][]",
    "pair",
    "pair[]",
    "int4range",
    "bit(9)",
    "bit varying(9)",
    "inet",
    "macaddr",
    "point",
    "path",
    "money",
    "xml",
    "tsvector",
    "pg_lsn",
];
/// So many of them have arrays of their own in a pack; a table of these only is packed in that form.
const PLAIN: [usize; 18] = [0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 15, 19, 20, 22, 23, 26, 29];

/// Tables of one type each, and of several at random.
fn tables(rng: &mut Rng, random: usize) -> Vec<Vec<usize>> {
    let mut tables: Vec<Vec<usize>> = (0..KINDS.len()).map(|kind| vec![kind]).collect();
    for table in 0..random {
        let columns = 1 + rng.below(12);
        let kind = |rng: &mut Rng| match table % 2 {
            0 => PLAIN[rng.below(PLAIN.len() as u64) as usize],
            _ => rng.below(KINDS.len() as u64) as usize,
        };
        tables.push((0..columns).map(|_| kind(rng)).collect());
    }
    tables
}

/// A database of random values, as statements.
fn database(rng: &mut Rng, random: usize, rows: usize) -> String {
    let mut sql = TYPES.to_owned();
    for (number, kinds) in tables(rng, random).iter().enumerate() {
        let columns: Vec<_> = (0..).zip(kinds).map(|(at, kind)| format!("c{at} {}", KINDS[*kind])).collect();
        sql += &format!("CREATE TABLE t{number} ({});\nINSERT INTO t{number} VALUES ", columns.join(", "));
        let row = |rng: &mut Rng| {
            let values: Vec<_> = kinds.iter().map(|kind| value(KINDS[*kind], rng)).collect();
            format!("({})", values.join(", "))
        };
        // One by one: a list of VALUES has one type for each column, which may be none that can be assigned.
        let rows: Vec<_> = (0..rows).map(|_| row(rng)).collect();
        sql += &rows.join(&format!(";\nINSERT INTO t{number} VALUES "));
        sql += ";\n";
    }
    sql
}

/// Packs the dump, lets the consumer apply it, and compares with what psql makes of the dump.
fn comes_back(source: &Source) {
    let server = PostgresServer::shared();
    let reference = Reference::restore(server, source);
    reference.restore.expect_clean();
    let redis = RedisServer::start();
    load(&redis, &source.plain, PACKED);
    let (replica, report) = replicate(server, &redis, strict_options(1));
    report.expect_clean();
    assert_eq!(report.applied_dml, 0, "{}", source.name);
    compare(server, &reference, &replica, RowOrder::Exact).expect_same();
    server.drop_database(&replica);
    server.drop_database(&reference.database);
}

#[test]
fn what_postgresql_reads_back_is_what_was_packed() {
    let server = PostgresServer::shared();
    let mut rng = seeded("packed values");
    for _ in 0..times(1, 20) {
        let statements = database(&mut rng, 40, 60);
        let source = server.fresh_database();
        server.run_sql(&source, &statements);
        for args in [&[] as &[&str], &["--inserts"], &["--column-inserts", "--rows-per-insert=9"]] {
            comes_back(&Source::of_bytes(&format!("{args:?}"), &server.pg_dump(&source, args)));
        }
        server.drop_database(&source);
    }
}

/// As many columns as a table can have, and as few.
#[test]
fn tables_of_any_width() {
    let server = PostgresServer::shared();
    let source = server.fresh_database();
    let mut sql =
        "CREATE TABLE none (); INSERT INTO none DEFAULT VALUES; INSERT INTO none DEFAULT VALUES;".to_owned();
    for width in [1, 90, 91, 1600] {
        let columns: Vec<_> =
            (0..width).map(|at| format!("\"C {at}\" {}", ["text", "int"][at % 2])).collect();
        let values: Vec<_> = (0..width).map(|at| ["NULL", "'1'", "'2'"][at % 3]).collect();
        let values = values.join(", ");
        sql += &format!("CREATE TABLE w{width} ({});", columns.join(", "));
        sql += &format!("INSERT INTO w{width} VALUES ({values}), ({values});");
    }
    server.run_sql(&source, &sql);
    for args in [&[] as &[&str], &["--inserts"]] {
        comes_back(&Source::of_bytes(&format!("{args:?}"), &server.pg_dump(&source, args)));
    }
}

/// The consumer sets owned sequences to the highest value of their column: some seconds after its start, and after rows
/// of their own. Of packed rows it sees none, and what it did before the dump's own `setval` is undone by that.
#[test]
fn sequences_and_identities_are_exact_though_the_consumer_sets_them() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut sql = "CREATE TABLE s (id serial, t text);
        CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY, t text, g text GENERATED ALWAYS AS (t || '!') STORED);
        CREATE TABLE d (id int GENERATED BY DEFAULT AS IDENTITY (START 5 INCREMENT 3), t text);
        CREATE TABLE untouched (id serial);
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it fired'; END $$;"
        .to_owned();
    for table in ["s", "a", "d"] {
        sql += &format!("INSERT INTO {table} (t) SELECT 'x' || n FROM generate_series(1, 9000) n;");
        // The values of a sequence are not those of its column.
        sql += &format!("DELETE FROM {table} WHERE id % 7 = 0 OR id > 8000;");
        sql += &format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();"
        );
    }
    server.run_sql(&database, &sql);
    for args in [&[] as &[&str], &["--inserts"]] {
        let source = Source::of_bytes(&format!("{args:?}"), &server.pg_dump(&database, args));
        let reference = Reference::restore(server, &source);
        let redis = RedisServer::start();
        load(&redis, &source.plain, PACKED);
        let entries = RedisEntries::all(redis.client()).in_large_pages().count() as u64;
        for limit in [0, entries / 3, entries / 2, entries * 2 / 3] {
            let (replica, report) = synchronized_at(server, &redis, limit);
            assert_eq!((report.applied_dml, report.sequence_syncs), (0, 0));
            compare(server, &reference, &replica, RowOrder::AnyWithinTable("another session goes on"))
                .expect_same();
        }
    }
}

/// Applies so many entries, sets the sequences as the consumer does, and applies the rest.
fn synchronized_at(server: &PostgresServer, redis: &RedisServer, limit: u64) -> (Database, Report) {
    let replica = server.fresh_database();
    let all = || RedisEntries::all(redis.client()).in_large_pages();
    let options = Options { limit: Some(limit), ..Options::default() };
    Consumer::new(server, &replica, options).run(all()).unwrap().expect_clean();
    let rest = Consumer::new(server, &replica, Options { even_with_tables: true, ..Options::default() });
    assert_eq!(rest.sync_sequences().unwrap(), [""; 0]);
    let report = rest.run(all().skip(limit as usize)).unwrap();
    report.expect_clean();
    (replica, report)
}

/// The bad rows are set aside one by one, and all others of their packs arrive.
#[test]
fn rows_that_cannot_be_loaded_cost_no_others() {
    let server = PostgresServer::shared();
    // All rows of the second pack too, whose number stays free.
    let bad = |row: &usize| row.is_multiple_of(777) || (5000..10_001).contains(row);
    let rows = 17_000;
    let copied =
        |row: usize| if bad(&row) { format!("{row}\n") } else { format!("{row}\tCell-4711-Value\n") };
    let inserted = |row: usize| match bad(&row) {
        true => format!("INSERT INTO public.t VALUES ({row}, E'\\377');\n"),
        false => format!("INSERT INTO public.t VALUES ({row}, 'Cell-4711-Value');\n"),
    };
    let copy: String = (1..=rows).map(copied).collect();
    let insert: String = (1..=rows).map(inserted).collect();
    for data in [format!("COPY public.t (id, v) FROM stdin;\n{copy}\\.\n"), insert] {
        let redis = RedisServer::start();
        let input = Input::of(format!("CREATE TABLE public.t (id integer, v text);\n{data}").as_bytes());
        let rejects = input.path("rejects");
        expect(runner(&redis, &input.file).args(PACKED).run(LIMIT), 3, &[]);
        expect(runner(&redis, &input.file).args(["--restart"]).args(PACKED).run(LIMIT), 3, &["public.t"]);
        let skip = runner(&redis, &input.file).args(PACKED).arg("--restart");
        let skip = skip.args(["--on-error", "skip", "--max-errors", "100000", "--reject-file"]).arg(&rejects);
        expect_discreet(&expect(skip.run(LIMIT), 0, &[]));
        assert_eq!(
            std::fs::read_to_string(&rejects).unwrap().lines().count(),
            (1..=rows).filter(bad).count()
        );
        let (replica, report) = replicate(server, &redis, strict_options(1));
        report.expect_clean();
        let mut session = server.connect(&replica);
        let found = session.query("SELECT id FROM t ORDER BY id").unwrap();
        let found: Vec<usize> =
            found.into_iter().map(|row| row[0].as_deref().unwrap().parse().unwrap()).collect();
        assert_eq!(found, (1..=rows).filter(|row| !bad(row)).collect::<Vec<_>>());
    }
}

/// Values without names, for columns that have another order once they are restored: each row stands for itself, as
/// with psql.
#[test]
fn a_row_that_postgresql_refuses_costs_no_others() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    server.run_sql(
        &database,
        "CREATE TABLE p (a int); CREATE TABLE c (b text) INHERITS (p);
         ALTER TABLE p ADD COLUMN n int; ALTER TABLE p ADD COLUMN z text;
         INSERT INTO c (a, b, n, z) SELECT g, CASE WHEN g % 5 = 0 THEN 'no number' ELSE '7' END, g, 'z' || g
         FROM generate_series(1, 500) g;",
    );
    let source = Source::of_bytes("another order", &server.pg_dump(&database, &["--inserts"]));
    let reference = Reference::restore(server, &source);
    assert_eq!(reference.restore.errors.len(), 100, "{:?}", reference.restore.errors.first());
    let redis = RedisServer::start();
    load(&redis, &source.plain, PACKED);
    let (replica, report) = replicate(server, &redis, strict_options(1));
    pg_bootstrap_tests::fidelity::expect_same_errors(&reference, &report, &[]);
    compare(server, &reference, &replica, RowOrder::Exact).expect_same();
    // With names they are packed, and all arrive.
    comes_back(&Source::of_bytes("names", &server.pg_dump(&database, &["--column-inserts"])));
}
