//! A made-up dump in pg_dump's form: any number of rows, and the same bytes for the same number.
//!
//! It contains things that can go wrong when a load is interrupted: many statements before and after the data,
//! settings that are sent with statements, narrow and very wide rows, NULLs, escapes and empty strings, a table
//! without rows, a table that is left out, identity columns that are GENERATED ALWAYS, sequences, large objects.

use std::fmt::Write;

use crate::rng::Rng;

macro_rules! put {
    ($out:expr, $($text:tt)*) => { let _ = writeln!($out, $($text)*); };
}

/// Statements of each kind before the data, and after it.
const STATEMENTS: u64 = 120;

/// A dump with about `rows` rows, never fewer.
pub fn dump(rows: u64) -> Vec<u8> {
    let mut out = String::with_capacity(rows as usize * 100);
    let mut rng = Rng::new(rows);
    before(&mut out);
    // The parts of the whole, in hundredths.
    events(&mut out, &mut rng, rows * 45 / 100);
    large_objects(&mut out);
    people(&mut out, &mut rng, rows * 30 / 100);
    left_out(&mut out, rows / 100);
    wide(&mut out, &mut rng, rows * 5 / 100);
    numbers(&mut out, &mut rng, rows * 20 / 100 + 10);
    after(&mut out);
    out.into_bytes()
}

/// How many rows of [`large`] are larger than a change may be.
pub const LARGE_ROWS: u64 = 8;

/// Rows and statements that no change can hold, among others, and large objects: some 30 MB.
pub fn large() -> Vec<u8> {
    let noise = |seed: u64, megabytes: usize| {
        let mut rng = Rng::new(seed);
        let mut text = String::new();
        while text.len() < megabytes << 20 {
            let _ = write!(text, "{:x}'é ", rng.below(u64::MAX));
        }
        text
    };
    let mut dump = String::from("CREATE TABLE public.t (a integer, b text);\n");
    for block in 0..4 {
        let oid = 9000 + block;
        let _ = writeln!(dump, "SELECT pg_catalog.lo_create('{oid}');");
        dump += "COPY public.t (a, b) FROM stdin;\n";
        for row in 0..80 {
            let text = if row % 40 == 7 { noise(block * 80 + row, 7) } else { format!("row {row}") };
            let _ = writeln!(dump, "{row}\t{text}");
        }
        dump += "\\.\n\n";
        let _ = writeln!(dump, "BEGIN;\nSELECT pg_catalog.lo_open('{oid}', 131072);");
        for _ in 0..40 {
            let _ =
                writeln!(dump, "SELECT pg_catalog.lowrite(0, '\\x{}');", "5a".repeat(2000 + block as usize));
        }
        dump += "SELECT pg_catalog.lo_close(0);\nCOMMIT;\n";
        let _ = writeln!(dump, "COMMENT ON TABLE public.t IS '{}';", noise(block, 5).replace('\'', "''"));
    }
    dump.into_bytes()
}

/// The same dump with its rows by INSERT, as many in each statement.
pub fn as_inserts(dump: &[u8], rows_per_statement: usize) -> Vec<u8> {
    let text = String::from_utf8_lossy(dump);
    let mut out = String::with_capacity(dump.len() * 2);
    // What the statements begin with, inside of a block; and the rows in the statement that is open.
    let (mut head, mut open): (Option<String>, usize) = (None, 0);
    for line in text.lines() {
        let Some(begin) = &head else {
            match line.strip_prefix("COPY ").and_then(|rest| rest.strip_suffix(" FROM stdin;")) {
                Some(target) => head = Some(format!("INSERT INTO {target} VALUES")),
                None => {
                    put!(out, "{line}");
                }
            }
            continue;
        };
        if line == "\\." {
            out.push_str(if open > 0 { ";\n\n" } else { "\n" });
            (head, open) = (None, 0);
            continue;
        }
        if open == rows_per_statement {
            out.push_str(";\n");
            open = 0;
        }
        let values: Vec<_> = line.split('\t').map(literal).collect();
        let _ = write!(out, "{}\n\t({})", if open == 0 { begin } else { "," }, values.join(", "));
        open += 1;
    }
    out.into_bytes()
}

/// A field of COPY as SQL has it.
fn literal(field: &str) -> String {
    if field == "\\N" {
        return "NULL".to_owned();
    }
    let mut text = String::from("'");
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                other => text.extend(other),
            },
            '\'' => text.push_str("''"),
            other => text.push(other),
        }
    }
    text + "'"
}

fn before(out: &mut String) {
    put!(out, "--\n-- PostgreSQL database dump\n--\n");
    put!(
        out,
        "SET statement_timeout = 0;\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;"
    );
    put!(out, "SELECT pg_catalog.set_config('search_path', '', false);\nSET check_function_bodies = false;");
    put!(
        out,
        "SET default_table_access_method = heap;\n\nCREATE SCHEMA shop;\nALTER SCHEMA shop OWNER TO postgres;"
    );
    put!(out, "CREATE TYPE public.mood AS ENUM ('sad', 'it''s \"ok\"', 'glad');");
    for n in 0..STATEMENTS {
        put!(out, "--\n-- Name: f{n}(); Type: FUNCTION\n--\n");
        put!(
            out,
            "CREATE FUNCTION public.f{n}() RETURNS integer\n    LANGUAGE sql\n    AS $$\n  SELECT {n}; -- ;\n$$;\n"
        );
        put!(out, "COMMENT ON FUNCTION public.f{n}() IS 'the; {n}th\n\\. one';\n");
    }
    put!(
        out,
        "CREATE TABLE public.events (\n    id bigint NOT NULL,\n    kind smallint,\n    at timestamp with time zone DEFAULT now()\n);\n"
    );
    put!(
        out,
        "ALTER TABLE public.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME public.events_id_seq\n    START WITH 1\n    INCREMENT BY 1\n    NO MINVALUE\n    NO MAXVALUE\n    CACHE 1\n);\n"
    );
    put!(
        out,
        "CREATE TABLE shop.\"People\" (\n    id integer NOT NULL,\n    \"Name\" text,\n    email character varying(200),\n    active boolean,\n    mood public.mood,\n    note text\n);\n"
    );
    put!(
        out,
        "CREATE SEQUENCE shop.people_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;\n"
    );
    put!(out, "CREATE TABLE public.kasho_ddl_log (\n    id integer,\n    ddl text\n);\n");
    let columns: Vec<_> = (0..40).map(|n| format!("    c{n} text")).collect();
    put!(out, "CREATE TABLE public.wide (\n    id integer NOT NULL,\n{}\n);\n", columns.join(",\n"));
    put!(
        out,
        "CREATE TABLE public.numbers (\n    a integer,\n    b double precision,\n    c numeric(20,5),\n    d real\n);\n"
    );
    put!(out, "CREATE TABLE public.empty (\n    a integer\n);\n");
    put!(out, "SELECT pg_catalog.lo_create('16400');\nALTER LARGE OBJECT 16400 OWNER TO postgres;\n");
    put!(out, "SELECT pg_catalog.lo_create('16401');\n");
}

fn events(out: &mut String, rng: &mut Rng, rows: u64) {
    put!(out, "COPY public.events (id, kind, at) FROM stdin;");
    for id in 1..=rows {
        let kind = rng.below(9).checked_sub(1).map_or("\\N".to_owned(), |kind| kind.to_string());
        put!(out, "{id}\t{kind}\t2024-01-{:02} {:02}:00:00.{:03}+00", id % 28 + 1, id % 24, rng.below(1000));
    }
    put!(out, "\\.\n");
}

fn people(out: &mut String, rng: &mut Rng, rows: u64) {
    put!(out, "COPY shop.\"People\" (id, \"Name\", email, active, mood, note) FROM stdin;");
    const NOTES: [&str; 8] = [
        "\\N",
        "",
        "tab\\there, line\\nend, back\\\\slash",
        "\u{e9}\u{4e2d}\u{1f600} \"quoted\" it's",
        "2024-01-02T03:04:05Z",
        "\\\\.",
        "true",
        "00123",
    ];
    for id in 1..=rows {
        let note = NOTES[rng.below(8) as usize];
        let active = ["t", "f", "\\N"][rng.below(3) as usize];
        let mood = ["sad", "it's \"ok\"", "glad", "\\N"][rng.below(4) as usize];
        put!(out, "{id}\tN\u{e4}me {:x}\tuser{id}@example.com\t{active}\t{mood}\t{note}", rng.bits());
    }
    put!(out, "\\.\n");
}

/// One row in a hundred is larger than a batch's usual share.
fn wide(out: &mut String, rng: &mut Rng, rows: u64) {
    let columns: Vec<_> = (0..40).map(|n| format!("c{n}")).collect();
    put!(out, "COPY public.wide (id, {}) FROM stdin;", columns.join(", "));
    for id in 1..=rows {
        let _ = write!(out, "{id}");
        let large = rng.one_in(400);
        for column in 0..40 {
            match rng.below(3) {
                0 => out.push_str("\t\\N"),
                1 => {
                    let _ = write!(out, "\t{:x}", rng.bits());
                }
                _ if large && column < 4 => {
                    let _ = write!(out, "\t{}", "x".repeat(30_000));
                }
                _ => out.push_str("\ta\\\\b\\tc"),
            }
        }
        out.push('\n');
    }
    put!(out, "\\.\n");
}

fn numbers(out: &mut String, rng: &mut Rng, rows: u64) {
    put!(out, "COPY public.empty (a) FROM stdin;\n\\.\n");
    put!(out, "COPY public.numbers (a, b, c, d) FROM stdin;");
    for id in 0..rows {
        let b = ["1e-07", "NaN", "-0", "3.25", "Infinity", "\\N"][rng.below(6) as usize];
        put!(out, "{id}\t{b}\t{}.{:05}\t{}.5", rng.below(1 << 40), rng.below(100_000), rng.below(100));
    }
    put!(out, "\\.\n");
}

fn left_out(out: &mut String, rows: u64) {
    put!(out, "COPY public.kasho_ddl_log (id, ddl) FROM stdin;");
    for id in 0..rows {
        put!(out, "{id}\tCREATE TABLE t{id} ()");
    }
    put!(out, "\\.\n");
}

fn large_objects(out: &mut String) {
    put!(out, "BEGIN;\n");
    for (oid, pieces) in [(16400, 60), (16401, 1)] {
        put!(out, "SELECT pg_catalog.lo_open('{oid}', 131072);");
        for piece in 0..pieces {
            put!(out, "SELECT pg_catalog.lowrite(0, '\\x{}');", format!("{piece:02x}cafe00").repeat(500));
        }
        put!(out, "SELECT pg_catalog.lo_close(0);\n");
    }
    put!(out, "COMMIT;\n");
}

fn after(out: &mut String) {
    put!(out, "SELECT pg_catalog.setval('public.events_id_seq', 100000, true);\n");
    put!(out, "SELECT pg_catalog.setval('shop.people_id_seq', 70000, true);\n");
    put!(out, "ALTER TABLE ONLY public.events\n    ADD CONSTRAINT events_pkey PRIMARY KEY (id);\n");
    for n in 0..STATEMENTS {
        put!(out, "CREATE INDEX people_{n} ON shop.\"People\" USING btree (\"Name\") WHERE (id > {n});\n");
        put!(out, "CREATE VIEW public.v{n} AS\n SELECT id,\n    {n} AS n\n   FROM public.events;\n");
    }
    put!(out, "GRANT SELECT ON TABLE public.events TO PUBLIC;\n");
    put!(out, "--\n-- PostgreSQL database dump complete\n--\n");
}
