//! What a choice takes of a whole dump is what pg_dump dumps by the same choice.

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{
    Reference, Source, compare, expect_same_errors, load, replicate, strict_options,
};
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::kit::{Input, LIMIT, expect, runner};

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
        &["--schema-only"],
        &["--section=pre-data", "--section=data"],
    ];
    for choice in choices {
        let chosen = Source::of_bytes(&format!("{choice:?}"), &server.pg_dump(&source, choice));
        let reference = Reference::restore(server, &chosen);
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
