use super::*;
use crate::kind::classify;

fn code(script: &[&str]) -> Code {
    let mut code = Code::default();
    for text in script {
        code.add(code.read(&classify(text, true), text));
    }
    code
}

fn effects(script: &[&str], text: &str) -> Effects {
    code(script).effects(&classify(text, true), text, &Links::default())
}

/// Every effect, by the body of a DO that has it.
#[test]
fn bodies_say_what_they_may_do() {
    for (body, effect) in [
        ("BEGIN SET search_path = a; END", Some(Effect::Settings)),
        ("BEGIN PERFORM set_config('a.b', 'x', false); END", Some(Effect::Settings)),
        ("BEGIN EXECUTE 'RESET ALL'; END", Some(Effect::Settings)),
        ("BEGIN IF true THEN SET LOCAL work_mem = 1; END IF; END", Some(Effect::LocalSettings)),
        ("BEGIN PERFORM set_config('a.b', f(1, 'x'), true); END", Some(Effect::LocalSettings)),
        ("BEGIN CREATE TEMP TABLE x (a int); END", Some(Effect::Temporary)),
        ("BEGIN DELETE FROM pg_temp.x; END", Some(Effect::Temporary)),
        ("BEGIN COMMIT; END", Some(Effect::Transaction)),
        ("BEGIN EXECUTE format('CREATE TRIGGER t AFTER INSERT ON %I …', x); END", Some(Effect::Firing)),
        ("BEGIN ALTER TABLE t DISABLE TRIGGER g; END", Some(Effect::Firing)),
        ("BEGIN CREATE TABLE x (a int); END", Some(Effect::Definitions)),
        ("BEGIN EXECUTE x; END", Some(Effect::Definitions)),
        ("BEGIN EXECUTE x; END", Some(Effect::Schemas)),
        ("BEGIN EXECUTE format('%s', x); END", Some(Effect::Schemas)),
        ("BEGIN EXECUTE format('DROP TABLE %I', x); END", Some(Effect::Definitions)),
        ("BEGIN EXECUTE 'CREATE SCHEMA ' || x; END", Some(Effect::Schemas)),
        ("BEGIN EXECUTE 'SELECT 1' INTO x; END", None),
        ("BEGIN UPDATE t SET a = 1; END", Some(Effect::Rows)),
        ("BEGIN x := pg_read_file('a'); END", Some(Effect::Files)),
        ("BEGIN x := current_user; END", Some(Effect::Reads)),
        ("BEGIN RAISE NOTICE 'CREATE it'; END", None),
        ("BEGIN NEW.note := 'Set by hand'; END", None),
        ("BEGIN RAISE USING MESSAGE = 'Set it', HINT = 'Commit later'; END", None),
        ("BEGIN q := 'SET a = 1'; EXECUTE q; END", Some(Effect::Settings)),
        ("BEGIN EXECUTE 'SET ' || x; END", Some(Effect::Settings)),
        ("BEGIN EXECUTE 'SELECT 1'; x := 'Reset it'; END", None),
        ("BEGIN SELECT a INTO temp FROM t; END", None),
        ("BEGIN SELECT a INTO TEMP x FROM t; END", Some(Effect::Temporary)),
        ("BEGIN set := 1; END", None),
        ("DECLARE a text; set integer := 1; BEGIN NULL; END", None),
        ("DECLARE a text; BEGIN SET a = 1; END", Some(Effect::Settings)),
        ("BEGIN PERFORM \"set_config\"('a', 'b', false); END", Some(Effect::Settings)),
        ("BEGIN PERFORM set_config('a', 'b', NOT true); END", Some(Effect::Settings)),
        ("BEGIN UPDATE pg_catalog.pg_settings SET setting = 1; END", Some(Effect::Settings)),
        ("BEGIN PERFORM rule FROM t; END", None),
        ("BEGIN UPDATE t SET reset = 1; -- COMMIT; CREATE TABLE\n END", None),
        ("BEGIN PERFORM 1 FROM t FOR UPDATE; END", None),
        ("BEGIN SET CONSTRAINTS ALL IMMEDIATE; END", None),
    ] {
        let found = effects(&[], &format!("DO $$ {body} $$;"));
        let all = [
            Effect::Settings,
            Effect::LocalSettings,
            Effect::Temporary,
            Effect::Transaction,
            Effect::Firing,
            Effect::Schemas,
            Effect::Files,
            Effect::Reads,
        ];
        match effect {
            Some(effect) => assert!(found.has(effect), "{body}: {found:?}"),
            None => assert!(!found.has_any(&all) && !found.has(Effect::Definitions), "{body}: {found:?}"),
        }
    }
}

#[test]
fn what_a_statement_reaches() {
    let script = [
        "CREATE FUNCTION s.inner() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE x (a int); RETURN 1; END $$;",
        "CREATE FUNCTION outer() RETURNS int LANGUAGE sql BEGIN ATOMIC; SELECT s.inner(); END;",
        "CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "CREATE VIEW v AS SELECT outer();",
        "CREATE DOMAIN d AS int CHECK (outer() > 0);",
        "CREATE TABLE t (a d, b int);",
        "CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET a.b = 1; RETURN NEW; END $$;",
        "CREATE TRIGGER g BEFORE UPDATE ON u FOR EACH ROW EXECUTE FUNCTION fired();",
        "ALTER TABLE u RENAME TO w;",
        "CREATE AGGREGATE agg(int) (sfunc = inner, stype = int);",
    ];
    for (text, effect, has) in [
        ("SELECT outer();", Effect::Definitions, true),
        ("SELECT * FROM v;", Effect::Definitions, true),
        ("SELECT agg(a) FROM z;", Effect::Definitions, true),
        ("SELECT plain();", Effect::Definitions, false),
        ("SELECT plain();", Effect::Calls, true),
        ("SELECT outer FROM z;", Effect::Definitions, false),
        ("SELECT z.outer FROM z;", Effect::Definitions, true),
        ("SELECT query_to_xml('DELETE FROM z', true, true, '');", Effect::Rows, true),
        ("SELECT query_to_xml('SELECT 1', true, true, '');", Effect::Rows, false),
        ("INSERT INTO z SELECT query_to_xml(q, true, true, '') FROM y;", Effect::Rows, true),
        ("INSERT INTO z VALUES (outer());", Effect::Definitions, true),
        ("INSERT INTO z VALUES ('outer()');", Effect::Definitions, false),
        ("UPDATE w SET a = 1;", Effect::Settings, true),
        ("UPDATE z SET a = 1;", Effect::Settings, false),
        ("INSERT INTO z VALUES (set_config('a.b', 'x', false));", Effect::Settings, true),
    ] {
        assert_eq!(effects(&script, text).has(effect), has, "{text}: {effect:?}");
    }
    assert!(code(&script).effects_of_rows("t").has(Effect::Definitions));
    // Triggers of the table itself stay silent.
    assert!(!code(&script).effects_of_rows("w").has(Effect::Settings));
}

#[test]
fn sequences_and_constraints() {
    let script = [
        "CREATE SEQUENCE public.many CACHE 20;",
        "CREATE SEQUENCE public.one START WITH 1 CACHE 1;",
        "CREATE TABLE a (id int DEFAULT nextval('public.many'::regclass));",
        "CREATE TABLE b (id int DEFAULT nextval('public.one'::regclass), c text DEFAULT 'many');",
        "CREATE TABLE c (id int GENERATED ALWAYS AS IDENTITY (CACHE 5));",
    ];
    for (table, has) in [("a", true), ("b", false), ("c", true)] {
        assert_eq!(code(&script).effects_of_rows(table).has(Effect::CachedSequence), has, "{table}");
    }
    assert!(!code(&script).is_deferrable());
    assert!(!code(&["CREATE TABLE t (a int UNIQUE NOT DEFERRABLE);"]).is_deferrable());
    assert!(code(&["ALTER TABLE t ADD UNIQUE (a) DEFERRABLE;"]).is_deferrable());
}

#[test]
fn event_triggers() {
    let function =
        "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN SET a.b = 1; END $$;";
    let event = "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();";
    assert!(!code(&[function]).has_events());
    assert!(code(&[function, event]).has_events());
    assert!(code(&[function, event]).effects_of_events().has(Effect::Settings));
    for (text, fires) in [
        ("CREATE TABLE t (a int);", true),
        ("ALTER TABLE t OWNER TO a;", true),
        ("REFRESH MATERIALIZED VIEW v;", true),
        (event, false),
        ("ALTER EVENT TRIGGER e OWNER TO a;", false),
        ("COMMENT ON EVENT TRIGGER e IS 'x';", false),
        ("SELECT 1;", false),
    ] {
        assert_eq!(fires_event_triggers(&classify(text, true), text), fires, "{text}");
    }
}
