//! A selection from a whole dump gives the same as a dump that pg_dump made with the same options.

use std::path::Path;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{
    Reference, Source, compare, expect_same_errors, load, replicate, strict_options,
};
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};
use pg_bootstrap_tests::zset;

use crate::harness::{CELL, Input, LIMIT, expect, expect_untouched, runner};

/// Whatever hangs on a table, in two schemas; but for statistics objects, which pg_dump 15 does not give with --table.
const DATABASE: &str = r#"
CREATE SCHEMA old;
COMMENT ON SCHEMA old IS 'what was';
CREATE TYPE public.state AS ENUM ('new', 'paid');
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := 'touched'; RETURN NEW; END$$;
CREATE FUNCTION old.f(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
CREATE TABLE public.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Name" text UNIQUE);
CREATE TABLE public.orders (id serial PRIMARY KEY, customer int REFERENCES public.customers, note text, UNIQUE (id, note));
CREATE TABLE public."Order" (id bigserial, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE public."Order_1" PARTITION OF public."Order" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE public.parted (a int) PARTITION BY LIST (a);
CREATE TABLE old.part PARTITION OF public.parted FOR VALUES IN (1);
CREATE INDEX parted_a ON public.parted (a);
INSERT INTO public.parted VALUES (1);
CREATE TABLE old.orders (id int PRIMARY KEY, total real DEFAULT 1.5);
CREATE SEQUENCE public.alone START 7;
CREATE SEQUENCE old.tickets OWNED BY old.orders.id;
CREATE INDEX orders_note ON public.orders (note);
CREATE INDEX order_day ON public."Order" (day);
CREATE INDEX old_total ON old.orders (total);
CREATE TRIGGER touch BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON public.orders USING (customer > 0);
CREATE VIEW public.notes AS SELECT id, note FROM public.orders;
CREATE MATERIALIZED VIEW old.totals AS SELECT sum(total) AS total FROM old.orders;
CREATE VIEW public.grouped AS SELECT id, note FROM public.orders GROUP BY id;
ALTER TABLE public.orders REPLICA IDENTITY FULL;
ALTER TABLE public.orders FORCE ROW LEVEL SECURITY;
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER server FOREIGN DATA WRAPPER wrapper;
GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO PUBLIC;
GRANT USAGE ON FOREIGN SERVER server TO PUBLIC;
CREATE RULE nothing AS ON DELETE TO old.orders DO INSTEAD NOTHING;
COMMENT ON TABLE public.orders IS 'a';
COMMENT ON COLUMN public.orders.note IS 'b';
COMMENT ON INDEX public.orders_note IS 'c';
COMMENT ON CONSTRAINT orders_pkey ON public.orders IS 'd';
COMMENT ON TRIGGER touch ON public.orders IS 'e';
COMMENT ON SEQUENCE public.orders_id_seq IS 'f';
GRANT SELECT ON public.orders TO PUBLIC;
GRANT USAGE ON SEQUENCE public.orders_id_seq TO PUBLIC;
GRANT UPDATE (total) ON old.orders TO PUBLIC;
INSERT INTO public.customers ("Name") SELECT 'customer ' || n FROM generate_series(1, 30) n;
INSERT INTO public.orders (customer, note) SELECT n, 'note ' || n FROM generate_series(1, 30) n;
INSERT INTO public."Order" (day) SELECT date '2024-01-01' + n FROM generate_series(1, 30) n;
INSERT INTO old.orders SELECT n FROM generate_series(1, 30) n;
REFRESH MATERIALIZED VIEW old.totals;
SELECT setval('public.alone', 70), lo_from_bytea(4711, 'x');
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;
"#;

#[test]
fn choices_are_pg_dumps() {
    let server = PostgresServer::shared();
    let source = server.fresh_database();
    let input = Input::of(DATABASE.as_bytes());
    server.psql(&source, &input.file).expect_clean();
    let whole = Source::of_bytes("the whole", &server.pg_dump(&source, &[]));
    let choices: &[&[&str]] = &[
        &["--schema=public"],
        &["--schema=pub*", "--exclude-table=public.\"Order\"*"],
        &["--exclude-schema=old"],
        &["--exclude-schema=public"],
        &["--table=public.customers", "--table=public.orders"],
        &["--table=public.\"Order\"*"],
        &["--table=public.(orders|notes)", "--exclude-table=public.notes"],
        &["--table=public.alone"],
        &["--exclude-table=public.orders", "--exclude-table=public.notes"],
        &["--exclude-table=l*", "--exclude-table=f*"],
        &["--schema=old"],
        &["--section=pre-data"],
        &["--schema-only"],
        &["--section=pre-data", "--section=data"],
    ];
    for choice in choices {
        let chosen = Source::of_bytes(&format!("{choice:?}"), &server.pg_dump(&source, choice));
        let reference = Reference::restore(server, &chosen);
        if *choice == ["--section=pre-data"] {
            // pg_dump makes large objects there, still empty; here they are data.
            server.connect(&reference.database).query("SELECT lo_unlink(4711)").unwrap();
        }
        let redis = RedisServer::start();
        load(&redis, &whole.plain, choice);
        let (replica, report) = replicate(server, &redis, strict_options(5));
        // pg_dump makes the schema that it is asked for even where every database has it.
        let made = ("schema \"public\" already exists", "a whole dump does not make it");
        expect_same_errors(&reference, &report, &[made]);
        compare(server, &reference, &replica, RowOrder::Exact).expect_same();
        server.drop_database(&replica);
        server.drop_database(&reference.database);
    }
    server.drop_database(&source);
}

const LONG: &str =
    "CREATE TABLE public.a (n int, t text); CREATE TABLE public.b (n int); CREATE TABLE public.c (n int);
    INSERT INTO public.a SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n;
    INSERT INTO public.b SELECT generate_series(1, 7);
    CREATE INDEX i ON public.a (n);";

#[test]
fn the_first_rows_of_each_table() {
    let server = PostgresServer::shared();
    let source = server.fresh_database();
    server.psql(&source, &Input::of(LONG.as_bytes()).file).expect_clean();
    for options in [&[][..], &["--inserts"], &["--rows-per-insert=7"]] {
        let dump = Source::of_bytes(&format!("{options:?}"), &server.pg_dump(&source, options));
        for rows in ["--rows=single", "--rows=packed"] {
            let redis = RedisServer::start();
            load(&redis, &dump.plain, &["--max-rows-per-table=1234", rows]);
            let verify = Runner::new().args(["verify", "--kv-url", &redis.url(), "--dump-file"]);
            verify.arg(&dump.plain).run(LIMIT).expect_code(0);
            let (replica, _) = replicate(server, &redis, strict_options(5));
            let found = server
                .connect(&replica)
                .query("SELECT count(*), sum(n), (SELECT count(*) FROM public.b), (SELECT count(*) FROM public.c), to_regclass('public.i') FROM public.a")
                .unwrap();
            let sum = (1234 * 1235 / 2).to_string();
            let text = |text: &str| Some(text.to_owned());
            assert_eq!(
                found,
                [[text("1234"), Some(sum), text("7"), text("0"), text("i")]],
                "{options:?} {rows}"
            );
            server.drop_database(&replica);
        }
    }
    server.drop_database(&source);
}

const SEVERAL: &str = "CREATE ROLE a;\n\\connect template1\nSET client_encoding = 'UTF8';\n\\connect shop\nCREATE TABLE public.t (a int, b text);\nCOPY public.t (a, b) FROM stdin;\n1\tone\n\\.\n\\connect other\nCREATE TABLE public.t (b int);\nCOPY public.t (b) FROM stdin;\n7\n\\.\nALTER TABLE ONLY public.t ADD CONSTRAINT c CHECK (b > 0);\n";

#[test]
fn one_database_of_several() {
    let input = Input::of(SEVERAL.as_bytes());
    let take = |name: &str| {
        let output = Runner::new()
            .arg("--dump-file")
            .arg(&input.file)
            .args(["--output", "-", "--quiet", "--database", name])
            .run(LIMIT);
        String::from_utf8(output.expect_code(0).stdout).unwrap()
    };
    let shop = take("shop");
    assert_eq!(shop.lines().count(), 2, "{shop}");
    assert!(shop.contains(r#""database":"shop""#) && shop.contains(r#"[1,"one"]"#), "{shop}");
    let other = take("other");
    assert_eq!(other.lines().count(), 3, "{other}");
    assert!(other.contains(r#""columnvalues":[7]"#) && !other.contains("shop"), "{other}");
}

#[test]
fn what_was_not_said_or_is_not_there() {
    let input = Input::of(SEVERAL.as_bytes());
    let dry = |args: &[&str]| {
        let runner = Runner::new().arg("--dump-file").arg(&input.file).arg("--dry-run");
        runner.args(args.iter().copied()).run(LIMIT)
    };
    expect(dry(&["--database", "shop", "--table", "nobody"]), 2, &["--table nobody"]);
    expect(dry(&["--database", "none"]), 2, &["--database none", r#""shop", "other""#]);
    expect(dry(&["--schema-only", "--data-only"]), 2, &["--data-only"]);
    expect(dry(&["--table", "a.b.c"]), 2, &["--table a.b.c", "too many dots"]);
    expect(dry(&[]), 3, &[r#"a second database, "other", after "shop""#, "--database"]);
}

#[test]
fn another_choice_is_another_load() {
    let (redis, input) = (RedisServer::start(), Input::of(DATABASE_OF_TWO.as_bytes()));
    let with = |args: &[&str]| runner(&redis, &input.file).args(args.iter().copied()).run(LIMIT);
    expect(with(&["--table", "t"]), 0, &[]);
    expect(with(&["--table", "u"]), 5, &["--table was \"t\", now it is \"u\""]);
    expect(with(&["--table", "t"]), 0, &[]);
}

const DATABASE_OF_TWO: &str = "CREATE TABLE public.t (a int);\nCREATE TABLE public.u (a int);\nCOPY public.t (a) FROM stdin;\n1\n\\.\nCOPY public.u (a) FROM stdin;\n1\n\\.\n";

const SHOP_AND_OTHER: &str = r#""shop", "other""#;

fn cluster(rows: usize) -> Vec<u8> {
    let rows: String = (1..=rows).map(|row| format!("{row}\t{CELL}\n")).collect();
    let shop =
        format!("CREATE TABLE public.t (a int, b text);\nCOPY public.t (a, b) FROM stdin;\n{rows}\\.\n");
    format!("--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE a;\n\\connect shop\n{shop}\\connect other\nCREATE TABLE public.u (b int);\n--\n-- PostgreSQL database cluster dump complete\n--\n").into_bytes()
}

/// The same without pg_dumpall's first words.
fn several(rows: usize) -> Vec<u8> {
    let text = String::from_utf8(cluster(rows)).unwrap();
    text.replace("cluster dump", "thing").into_bytes()
}

#[test]
fn of_several_databases_none_is_loaded_unasked() {
    let second = r#"a second database, "other", after "shop""#;
    for (dump, said) in [(cluster(3), SHOP_AND_OTHER), (several(3), second)] {
        let (redis, input) = (RedisServer::start(), Input::of(&dump));
        let refused = runner(&redis, &input.file).run(LIMIT);
        expect(refused, 3, &[said, "--database", "nothing was loaded"]);
        expect_untouched(&redis);
        expect(runner(&redis, &input.file).args(["--database", "shop"]).run(LIMIT), 0, &[]);
        assert_eq!(redis.cli(&["ZCARD", zset::KEY]), "4");
        // Nor is anything deleted for what cannot be loaded.
        let again = runner(&redis, &input.file).arg("--restart").run(LIMIT);
        expect(again, 3, &[said]);
        assert_eq!(redis.cli(&["ZCARD", zset::KEY]), "4");
    }
}

#[test]
fn of_a_cluster_from_a_pipe_nothing_is_loaded_unasked() {
    let redis = RedisServer::start();
    let piped = |dump: Vec<u8>| runner(&redis, Path::new("-")).stdin_bytes(dump).run(LIMIT);
    expect(piped(cluster(3)), 3, &["several databases", SHOP_AND_OTHER, "nothing was loaded"]);
    expect_untouched(&redis);
    // More than is looked at: the second one was not seen.
    expect(piped(cluster(500_000)), 3, &["several databases", r#"(seen so far: "shop")"#]);
    expect_untouched(&redis);
}

#[test]
fn a_second_database_that_shows_late() {
    let rows = 500_000;
    let (redis, input) = (RedisServer::start(), Input::of(&several(rows)));
    let said = [
        r#"a second database, "other""#,
        r#"after "shop""#,
        "1 statements and 500000 rows before it",
        "--restart",
    ];
    expect(runner(&redis, &input.file).run(LIMIT), 3, &said);
    assert_eq!(redis.cli(&["ZCARD", zset::KEY]), (rows + 1).to_string());
    expect(runner(&redis, &input.file).args(["--database", "other", "--restart"]).run(LIMIT), 0, &[]);
    assert_eq!(redis.cli(&["ZCARD", zset::KEY]), "1");
}

#[test]
fn a_choice_that_takes_nothing_leaves_nothing() {
    let (redis, input) = (RedisServer::start(), Input::of(&cluster(1_000)));
    let with = |args: &[&str]| runner(&redis, &input.file).args(args.iter().copied()).run(LIMIT);
    expect(with(&["--database", "none"]), 2, &["--database none", SHOP_AND_OTHER, "nothing was loaded"]);
    expect_untouched(&redis);
    for nothing in ["--table", "--schema"] {
        let choice = ["--database", "shop", nothing, "nobody"];
        expect(with(&choice), 2, &[&format!("{nothing} nobody"), "nothing was loaded"]);
        expect_untouched(&redis);
    }
    // The corrected command is no other configuration of a run that is there.
    expect(with(&["--database", "shop", "--table", "t"]), 0, &[]);
    assert_eq!(redis.cli(&["ZCARD", zset::KEY]), "1001");
}

#[test]
fn patterns_that_match_nothing_are_said() {
    let dump = "CREATE SCHEMA old;\nCREATE TABLE public.t (a int);\nCREATE VIEW public.v AS SELECT 1;\nCREATE SEQUENCE public.s;\nCREATE TABLE old.u (a int);\n";
    let input = Input::of(dump.as_bytes());
    let said = |args: &[&str]| {
        let runner = Runner::new().arg("--dump-file").arg(&input.file).arg("--dry-run");
        let stderr = runner.args(args.iter().copied()).run(LIMIT).expect_code(0).stderr;
        stderr.lines().filter(|line| line.contains("matches it")).count()
    };
    assert_eq!(said(&["--table", "t", "--table", "v", "--table", "s", "--exclude-table", "o*.u"]), 0);
    assert_eq!(said(&["--table", "t", "--table", "T?", "--exclude-table", "customers"]), 2);
    assert_eq!(said(&["--schema", "old", "--schema", "odl", "--exclude-schema", "public"]), 1);
}
