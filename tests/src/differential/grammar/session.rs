//! What depends on the session that runs it: its path, its role, its triggers, its transaction. Each piece has tables of its own.

use super::types::one;
use super::{Gen, Piece};

/// A piece with its own number and the place of its objects.
type Make = fn(&mut Gen, u64, &str);

const PIECES: [Make; 22] = [
    default_by_path,
    names_as_values,
    default_by_role,
    upsert,
    foreign_keys,
    large_objects,
    documents,
    commits,
    sets,
    casts,
    cached,
    made_triggers,
    explained,
    granted,
    replica_trigger,
    shadowed_type,
    partitions,
    statement_rows,
    refreshed,
    checked,
    reached,
    own_sequence,
];

pub(super) fn any(g: &mut Gen) {
    let (_, place) = g.place();
    let n = g.next();
    let make = one(&PIECES, &mut g.rng);
    make(g, n, &place);
}

fn text(g: &mut Gen, sql: String) {
    g.pieces.push(Piece::text(format!("{sql};\n")));
}

fn default_by_path(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}base{n} (n integer)"));
    text(g, format!("INSERT INTO {at}base{n} VALUES (1), (2)"));
    let body = one(&["LANGUAGE sql", "LANGUAGE sql STABLE", "LANGUAGE plpgsql"], &mut g.rng);
    let query = match body.ends_with("plpgsql") {
        true => format!("BEGIN RETURN (SELECT count(*) FROM base{n}); END"),
        false => format!("SELECT count(*) FROM base{n}"),
    };
    text(g, format!("CREATE FUNCTION {at}count{n}() RETURNS bigint {body} AS $f$ {query} $f$"));
    let column =
        one(&["DEFAULT {f}", "CHECK ({c} <= {f} + 99)", "DEFAULT 5", "DEFAULT {f} NOT NULL"], &mut g.rng);
    let column = column.replace("{f}", &format!("{at}count{n}()")).replace("{c}", "c");
    text(g, format!("CREATE TABLE {at}by_path{n} (id integer, c bigint {column})"));
    g.statement(format!("INSERT INTO {at}by_path{n} (id) VALUES (1), (2)"));
    if g.rng.one_in(2) {
        g.pieces.push(Piece::text(format!("COPY {at}by_path{n} (id) FROM stdin;\n3\n\\.\n")));
    }
    g.statement(format!("INSERT INTO {at}by_path{n} VALUES (4, 4)"));
}

fn names_as_values(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}names{n} (t regclass, y regtype)"));
    g.statement(format!("INSERT INTO {at}names{n} VALUES ('{at}names{n}', 'integer')"));
    g.statement(format!("INSERT INTO {at}names{n} (t) VALUES ('names{n}')"));
    g.pieces.push(Piece::text(format!("COPY {at}names{n} FROM stdin;\nnames{n}\tnames{n}\n\\.\n")));
}

fn default_by_role(g: &mut Gen, n: u64, at: &str) {
    let what = one(
        &["current_user", "session_user", "current_setting('TimeZone')", "current_setting('DateStyle')"],
        &mut g.rng,
    );
    text(g, format!("CREATE TABLE {at}who{n} (id integer, w text DEFAULT {what})"));
    if g.rng.one_in(2) {
        text(g, "SET TIME ZONE 'Asia/Tokyo'".into());
    }
    g.statement(format!("INSERT INTO {at}who{n} (id) VALUES (1), (2)"));
    g.pieces.push(Piece::text(format!("COPY {at}who{n} (id) FROM stdin;\n3\n\\.\n")));
}

fn upsert(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}keyed{n} (id integer PRIMARY KEY, n integer)"));
    g.statement(format!("INSERT INTO {at}keyed{n} VALUES (1, 10)"));
    text(
        g,
        format!(
            "CREATE FUNCTION {at}add{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.n := NEW.n + 100; RETURN NEW; END $f$"
        ),
    );
    let when = one(&["UPDATE", "INSERT", "INSERT OR UPDATE"], &mut g.rng);
    text(
        g,
        format!(
            "CREATE TRIGGER add{n} BEFORE {when} ON {at}keyed{n} FOR EACH ROW EXECUTE FUNCTION {at}add{n}()"
        ),
    );
    g.statement(format!(
        "INSERT INTO {at}keyed{n} VALUES (1, 20), (2, 30) ON CONFLICT (id) DO UPDATE SET n = excluded.n"
    ));
    if g.rng.one_in(2) {
        g.statement(format!("INSERT INTO {at}keyed{n} SELECT 3, 3 RETURNING id"));
    }
}

fn foreign_keys(g: &mut Gen, n: u64, at: &str) {
    let late = one(&["", "", " DEFERRABLE INITIALLY DEFERRED"], &mut g.rng);
    let action = one(&["ON DELETE CASCADE", "ON UPDATE CASCADE", "ON DELETE SET NULL"], &mut g.rng);
    text(g, format!("CREATE TABLE {at}parent{n} (id integer PRIMARY KEY)"));
    text(g, format!("CREATE TABLE {at}child{n} (p integer REFERENCES {at}parent{n} {action}{late})"));
    if late.is_empty() || g.rng.one_in(2) {
        g.statement(format!("INSERT INTO {at}parent{n} VALUES (1), (2)"));
        g.statement(format!("INSERT INTO {at}child{n} VALUES (1), (2)"));
    } else {
        text(g, "BEGIN".into());
        g.statement(format!("INSERT INTO {at}child{n} SELECT 1"));
        g.statement(format!("INSERT INTO {at}parent{n} VALUES (1), (2)"));
        text(g, "COMMIT".into());
    }
    let change = one(&["DELETE FROM {t} WHERE id = 2", "UPDATE {t} SET id = 7 WHERE id = 1"], &mut g.rng);
    g.statement(change.replace("{t}", &format!("{at}parent{n}")));
}

fn large_objects(g: &mut Gen, n: u64, _: &str) {
    let (first, second) = (70_000 + 2 * n, 70_001 + 2 * n);
    text(g, format!("SELECT pg_catalog.lo_create('{first}')"));
    text(g, "BEGIN".into());
    text(g, format!("SELECT pg_catalog.lo_open('{first}', 131072)"));
    text(g, "SELECT pg_catalog.lowrite(0, '\\x616263')".into());
    match g.rng.below(4) {
        0 => {
            text(g, format!("SELECT lo_create({second})"));
            text(g, format!("SELECT lo_open({second}, 131072)"));
            text(g, "SELECT lowrite(1, '\\x646566')".into());
        }
        1 => text(g, "SELECT lo_lseek(0, 1, 0)".into()),
        _ => {}
    }
    text(g, "SELECT pg_catalog.lowrite(0, '\\x676869')".into());
    text(g, "SELECT pg_catalog.lo_close(0)".into());
    text(g, "COMMIT".into());
}

fn documents(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}docs{n} (x xml, y xml[])"));
    let option = one(&["DOCUMENT", "CONTENT"], &mut g.rng);
    text(g, format!("SET XML OPTION {option}"));
    g.statement(format!("INSERT INTO {at}docs{n} VALUES ('<a>1</a>', '{{<b/>}}')"));
    g.pieces.push(Piece::text(format!("COPY {at}docs{n} FROM stdin;\n<c/>\t\\N\n\\.\n")));
    text(g, "SET XML OPTION CONTENT".into());
}

fn commits(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}steps{n} (n integer)"));
    let end = one(&["COMMIT;", "", "ROLLBACK;"], &mut g.rng);
    let body =
        format!("BEGIN INSERT INTO {at}steps{n} VALUES (1); {end} INSERT INTO {at}steps{n} VALUES (2); END");
    if g.rng.one_in(2) {
        text(g, format!("DO $f$ {body} $f$"));
    } else {
        text(g, format!("CREATE PROCEDURE {at}step{n}() LANGUAGE plpgsql AS $f$ {body} $f$"));
        text(g, format!("CALL {at}step{n}()"));
    }
}

fn sets(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}days{n} (d date, s text)"));
    let setting = "set_config('DateStyle', 'SQL, DMY', false)";
    match g.rng.below(4) {
        0 => g.statement(format!("INSERT INTO {at}days{n} (s) VALUES ({setting})")),
        1 => g.statement(format!("CREATE TABLE {at}made{n} AS SELECT {setting} AS s")),
        2 => {
            text(
                g,
                format!(
                    "CREATE FUNCTION {at}sets{n}() RETURNS text LANGUAGE sql AS $f$ SELECT {setting} $f$"
                ),
            );
            text(g, format!("CREATE VIEW {at}seen{n} AS SELECT {at}sets{n}() AS s"));
            g.statement(format!("INSERT INTO {at}days{n} (s) SELECT s FROM {at}seen{n}"));
        }
        _ => {
            let name = one(&["\"DateStyle\"", "DATESTYLE", "\"datestyle\""], &mut g.rng);
            text(g, format!("SET {name} = 'DMY'"));
        }
    }
    g.statement(format!("INSERT INTO {at}days{n} (d) VALUES ('03/04/2024')"));
    text(g, "SET DateStyle = 'ISO, MDY'".into());
}

fn casts(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TYPE {at}pair{n} AS (a integer, b text)"));
    text(
        g,
        format!(
            "CREATE FUNCTION {at}pair{n}(integer) RETURNS {at}pair{n} LANGUAGE sql IMMUTABLE AS $f$ SELECT ROW($1, 'cast')::{at}pair{n} $f$"
        ),
    );
    text(g, format!("CREATE CAST (integer AS {at}pair{n}) WITH FUNCTION {at}pair{n}(integer) AS ASSIGNMENT"));
    text(g, format!("CREATE TABLE {at}pairs{n} (p {at}pair{n})"));
    g.statement(format!("INSERT INTO {at}pairs{n} VALUES (5), ('(6,x)')"));
}

fn cached(g: &mut Gen, n: u64, at: &str) {
    let cache = one(&["", " CACHE 1", " CACHE 10"], &mut g.rng);
    text(g, format!("CREATE SEQUENCE {at}seq{n}{cache}"));
    text(g, format!("CREATE TABLE {at}numbered{n} (id bigint DEFAULT nextval('{at}seq{n}'), a text)"));
    g.statement(format!("INSERT INTO {at}numbered{n} (a) VALUES ('x'), ('y')"));
    g.statement(format!("INSERT INTO {at}numbered{n} VALUES (50, 'z')"));
    g.statement(format!("INSERT INTO {at}numbered{n} VALUES (DEFAULT, 'w')"));
}

fn made_triggers(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}hidden{n} (a integer)"));
    text(
        g,
        format!(
            "CREATE FUNCTION {at}seven{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.a := 7; RETURN NEW; END $f$"
        ),
    );
    let make = format!(
        "CREATE TRIGGER seven{n} BEFORE INSERT ON {at}hidden{n} FOR EACH ROW EXECUTE FUNCTION {at}seven{n}()"
    );
    if g.rng.one_in(2) {
        text(g, format!("DO $f$ BEGIN EXECUTE $g$ {make} $g$; END $f$"));
    } else {
        text(
            g,
            format!(
                "CREATE FUNCTION {at}make{n}() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN {make}; END $f$"
            ),
        );
        text(g, format!("SELECT {at}make{n}()"));
    }
    g.statement(format!("INSERT INTO {at}hidden{n} VALUES (1)"));
}

fn explained(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}plans{n} (a integer)"));
    g.statement(format!("INSERT INTO {at}plans{n} VALUES (1), (2)"));
    let options = one(
        &["", "ANALYZE ", "(ANALYZE) ", "(\"analyze\") ", "(ANALYZE off) ", "(COSTS off, analyze true) "],
        &mut g.rng,
    );
    g.statement(format!("EXPLAIN {options}DELETE FROM {at}plans{n} WHERE a = 1"));
}

fn granted(g: &mut Gen, n: u64, _: &str) {
    let word = one(&["database", "publication", "role", "tablespace"], &mut g.rng);
    text(g, format!("CREATE SCHEMA words{n}"));
    text(g, format!("CREATE TABLE words{n}.{word} (a integer)"));
    text(g, format!("SET LOCAL search_path = words{n}"));
    g.statement(format!("GRANT SELECT ON words{n}.{word} TO app_reader"));
    g.statement(format!("COMMENT ON TABLE words{n}.{word} IS 'x'"));
}

fn replica_trigger(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}fired{n} (a integer)"));
    text(
        g,
        format!(
            "CREATE FUNCTION {at}eight{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.a := 8; RETURN NEW; END $f$"
        ),
    );
    text(
        g,
        format!(
            "CREATE TRIGGER eight{n} BEFORE INSERT ON {at}fired{n} FOR EACH ROW EXECUTE FUNCTION {at}eight{n}()"
        ),
    );
    let state = one(&["ENABLE REPLICA", "DISABLE", "ENABLE ALWAYS"], &mut g.rng);
    g.statement(format!("ALTER TABLE {at}fired{n} {state} TRIGGER eight{n}"));
    text(g, format!("CREATE VIEW {at}over{n} AS SELECT a FROM {at}fired{n}"));
    let into = one(&["fired", "over"], &mut g.rng);
    g.statement(format!("INSERT INTO {at}{into}{n} VALUES (1)"));
}

fn shadowed_type(g: &mut Gen, n: u64, _: &str) {
    text(g, format!("CREATE SCHEMA types{n}"));
    text(g, format!("CREATE DOMAIN types{n}.int4 AS text"));
    let path = one(&[", pg_catalog", ""], &mut g.rng);
    text(g, "BEGIN".into());
    text(g, format!("SET LOCAL search_path = types{n}{path}"));
    text(g, format!("CREATE TABLE types{n}.own (v \"int4\")"));
    text(g, "COMMIT".into());
    g.statement(format!("INSERT INTO types{n}.own VALUES ('0042')"));
}

fn partitions(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}parts{n} (k integer, v text DEFAULT 'v') PARTITION BY RANGE (k)"));
    text(g, format!("CREATE TABLE {at}low{n} PARTITION OF {at}parts{n} FOR VALUES FROM (0) TO (10)"));
    text(g, format!("CREATE TABLE {at}high{n} (v text, k integer)"));
    g.statement(format!("INSERT INTO {at}high{n} VALUES ('early', 11)"));
    text(g, format!("ALTER TABLE {at}parts{n} ATTACH PARTITION {at}high{n} FOR VALUES FROM (10) TO (20)"));
    g.statement(format!("INSERT INTO {at}parts{n} VALUES (1, 'a'), (12, 'b')"));
    g.pieces.push(Piece::text(format!("COPY {at}parts{n} FROM stdin;\n2\tc\n13\td\n\\.\n")));
    g.statement(format!("INSERT INTO {at}parts{n} (k) VALUES (14)"));
}

fn statement_rows(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}noted{n} (n integer)"));
    text(g, format!("CREATE TABLE {at}taken{n} (a integer, b text)"));
    text(
        g,
        format!(
            "CREATE FUNCTION {at}take{n}() RETURNS integer LANGUAGE sql AS $f$ INSERT INTO {at}noted{n} VALUES (1) RETURNING n $f$"
        ),
    );
    let row = one(&["VALUES ({f}, 'x')", "SELECT {f}, 'x'", "VALUES (1, 'a' || 'b')"], &mut g.rng);
    let row = row.replace("{f}", &format!("{at}take{n}()"));
    g.statement(format!("INSERT INTO {at}taken{n} {row}"));
}

/// A materialized view whose code writes rows for which a trigger fires.
fn refreshed(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}written{n} (n integer)"));
    let body = "BEGIN NEW.n := NEW.n + 100; RETURN NEW; END";
    text(g, format!("CREATE FUNCTION {at}more{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ {body} $f$"));
    text(
        g,
        format!(
            "CREATE FUNCTION {at}write{n}() RETURNS integer LANGUAGE sql AS $f$ INSERT INTO {at}written{n} VALUES (1) RETURNING n $f$"
        ),
    );
    let filled = one(&["", " WITH NO DATA"], &mut g.rng);
    if g.rng.one_in(2) {
        text(g, format!("CREATE MATERIALIZED VIEW {at}filled{n} AS SELECT {at}write{n}() AS n{filled}"));
    } else {
        text(g, format!("CREATE VIEW {at}below{n} AS SELECT {at}write{n}() AS n"));
        text(g, format!("CREATE MATERIALIZED VIEW {at}filled{n} AS SELECT n FROM {at}below{n}{filled}"));
    }
    text(
        g,
        format!(
            "CREATE TRIGGER more{n} BEFORE INSERT ON {at}written{n} FOR EACH ROW EXECUTE FUNCTION {at}more{n}()"
        ),
    );
    g.statement(format!("REFRESH MATERIALIZED VIEW {at}filled{n}"));
}

/// A constraint that asks how the session is set.
fn checked(g: &mut Gen, n: u64, at: &str) {
    let asks = one(
        &["current_setting('TimeZone') = 'Asia/Tokyo'", "current_setting('app.tenant', true) = 'x'"],
        &mut g.rng,
    );
    text(g, format!("CREATE TABLE {at}checked{n} (a integer, b text, CHECK ({asks}))"));
    if g.rng.one_in(2) {
        text(g, "SET TIME ZONE 'Asia/Tokyo'".into());
    }
    text(g, "SET app.tenant = 'x'".into());
    g.statement(format!("INSERT INTO {at}checked{n} VALUES (1, 'x'), (2, 'y')"));
    g.pieces.push(Piece::text(format!("COPY {at}checked{n} FROM stdin;\n3\tz\n\\.\n")));
    text(g, "RESET app.tenant".into());
}

/// Code that a change reaches through a key, a partition, a view or an operator.
fn reached(g: &mut Gen, n: u64, at: &str) {
    text(g, format!("CREATE TABLE {at}above{n} (id integer PRIMARY KEY) PARTITION BY RANGE (id)"));
    text(g, format!("CREATE TABLE {at}part{n} PARTITION OF {at}above{n} DEFAULT"));
    text(g, format!("CREATE TABLE {at}under{n} (p integer REFERENCES {at}above{n} ON DELETE CASCADE)"));
    text(g, format!("CREATE VIEW {at}shown{n} AS SELECT p FROM {at}under{n}"));
    text(g, format!("CREATE TABLE {at}dated{n} (d date)"));
    g.statement(format!("INSERT INTO {at}above{n} VALUES (1), (2)"));
    g.statement(format!("INSERT INTO {at}under{n} VALUES (1), (2)"));
    let act = one(&["PERFORM set_config('DateStyle', 'SQL, DMY', false);", "NULL;"], &mut g.rng);
    text(
        g,
        format!(
            "CREATE FUNCTION {at}act{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN {act} RETURN OLD; END $f$"
        ),
    );
    text(
        g,
        format!(
            "CREATE FUNCTION {at}is{n}(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN {act} RETURN true; END $f$"
        ),
    );
    text(g, format!("CREATE OPERATOR {at}=== (FUNCTION = {at}is{n}, LEFTARG = integer, RIGHTARG = integer)"));
    let on = one(&["under", "part"], &mut g.rng);
    text(
        g,
        format!(
            "CREATE TRIGGER act{n} BEFORE DELETE ON {at}{on}{n} FOR EACH ROW EXECUTE FUNCTION {at}act{n}()"
        ),
    );
    let change = one(
        &[
            "DELETE FROM {at}above{n} WHERE id = 1",
            "DELETE FROM {at}shown{n} WHERE p = 2",
            "INSERT INTO {at}above{n} SELECT 3 WHERE 1 OPERATOR({at}===) 2",
        ],
        &mut g.rng,
    );
    let change = change.replace("{at}", at).replace("{n}", &n.to_string());
    g.statement(change);
    g.statement(format!("INSERT INTO {at}dated{n} VALUES ('03/04/2024')"));
    text(g, "SET DateStyle = 'ISO, MDY'".into());
    text(g, format!("DROP OPERATOR IF EXISTS {at}=== (integer, integer)"));
}

/// The sequence of a column, which gets a cache later.
fn own_sequence(g: &mut Gen, n: u64, at: &str) {
    let column = one(&["serial", "integer GENERATED BY DEFAULT AS IDENTITY"], &mut g.rng);
    text(g, format!("CREATE TABLE {at}own{n} (id {column}, a integer)"));
    if g.rng.one_in(2) {
        text(g, format!("ALTER SEQUENCE {at}own{n}_id_seq CACHE 10"));
    }
    g.statement(format!("INSERT INTO {at}own{n} (a) VALUES (1), (2)"));
    g.statement(format!("INSERT INTO {at}own{n} (a) VALUES (3)"));
}
