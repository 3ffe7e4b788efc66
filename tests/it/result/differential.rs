//! Random scripts: the replica is equal to a database that psql filled, or the script is refused by name.
//!
//! `PGBOOTSTRAP_SCRIPTS=5000 cargo test --test it differential` is a long run. The printed seed gives the same
//! scripts again; findings are stored in `PGBOOTSTRAP_FINDINGS_DIR`.

use pg_bootstrap_tests::differential::{Campaign, Lab, Observer, Question, Script, literal_scripts, server};

fn expect_no_finding(question: Question, scripts: u64) {
    let campaign = Campaign::from_env(question, scripts);
    println!("PGBOOTSTRAP_SEED={} PGBOOTSTRAP_SCRIPTS={}", campaign.seed, campaign.scripts);
    let tally = campaign.run();
    println!("{tally}");
    let findings = tally.findings.len();
    assert!(findings == 0, "{findings} scripts are silently wrong, see above");
    // Refusing everything would be no art, nor would be scripts that psql does not take.
    assert!(tally.equal * 4 >= tally.scripts, "only {} of {} scripts are loaded", tally.equal, tally.scripts);
    assert!(tally.psql_errors * 5 <= tally.scripts, "psql reports errors in {} scripts", tally.psql_errors);
}

#[test]
fn every_script_is_equal_or_refused() {
    expect_no_finding(Question::Equal, 300);
}

#[test]
fn no_original_of_a_masked_column_is_written() {
    expect_no_finding(Question::Hidden, 200);
}

/// Else a literal would only ever show that psql refuses it.
#[test]
fn psql_takes_every_literal_of_the_grammar() {
    let server = server();
    let mut lab = Lab::new(&server);
    for script in literal_scripts() {
        assert_eq!(lab.run_psql(&script), [""; 0], "{}", script.text());
    }
}

/// What the comparison would not see could differ for ever.
#[test]
fn the_state_tells_databases_apart() {
    const BASE: &str = "
        CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('lo', 'hi'); CREATE DOMAIN s.d AS text;
        CREATE TABLE s.parent (a integer, b text DEFAULT 'x', c s.mood);
        CREATE TABLE s.child (e numeric(10,2)) INHERITS (s.parent);
        CREATE TABLE s.t (id integer PRIMARY KEY, n numeric, z float8);
        CREATE TABLE s.part (k integer) PARTITION BY LIST (k); CREATE TABLE s.p1 PARTITION OF s.part FOR VALUES IN (1);
        CREATE SEQUENCE s.q OWNED BY s.t.id; CREATE VIEW s.v AS SELECT a FROM s.parent;
        CREATE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER tr BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.f();
        CREATE RULE r AS ON INSERT TO s.parent DO ALSO SELECT 1; CREATE INDEX i ON s.parent (a);
        INSERT INTO s.t VALUES (1, 1.5, 0); INSERT INTO s.child VALUES (1, '', 'lo', 1)";
    let changes = [
        "INSERT INTO s.t VALUES (2, 1.5, 0)",
        "UPDATE s.t SET n = 1.50",
        "UPDATE s.t SET z = '-0'",
        "UPDATE s.child SET b = NULL",
        "DELETE FROM s.t",
        "DROP INDEX s.i",
        "CREATE INDEX ON s.parent (b)",
        "ALTER TABLE s.parent ALTER b DROP DEFAULT",
        "ALTER TABLE s.parent ALTER b TYPE varchar(9)",
        "ALTER TABLE s.parent ALTER a SET NOT NULL",
        "ALTER TABLE s.parent RENAME a TO aa",
        "ALTER TABLE s.child NO INHERIT s.parent",
        "ALTER TABLE s.part DETACH PARTITION s.p1",
        "ALTER TABLE s.t OWNER TO app_owner",
        "ALTER TABLE s.t SET UNLOGGED",
        "ALTER TABLE s.t ADD CHECK (id > 0)",
        "ALTER TABLE s.t DISABLE TRIGGER tr",
        "ALTER TABLE s.t SET SCHEMA public",
        "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE s.t ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "CREATE POLICY p ON s.t USING (true)",
        "DROP TRIGGER tr ON s.t",
        "DROP RULE r ON s.parent",
        "CREATE OR REPLACE VIEW s.v AS SELECT a FROM s.parent WHERE true",
        "CREATE MATERIALIZED VIEW s.m AS SELECT 1",
        "ALTER TYPE s.mood ADD VALUE 'mid' BEFORE 'hi'",
        "ALTER DOMAIN s.d SET NOT NULL",
        "ALTER SEQUENCE s.q INCREMENT 2",
        "ALTER SEQUENCE s.q OWNED BY NONE",
        "CREATE OR REPLACE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "GRANT SELECT ON s.t TO app_reader",
        "GRANT USAGE ON SCHEMA s TO app_reader",
        "COMMENT ON TABLE s.t IS 'x'",
        "COMMENT ON COLUMN s.t.id IS 'x'",
        "CREATE STATISTICS s.st ON a, b FROM s.parent",
        "SELECT lo_create(4711)",
        "CREATE SCHEMA empty",
    ];
    let server = server();
    let database = server.fresh_database();
    let (mut observer, mut session) = (Observer::new(&server.target(&database)), server.connect(&database));
    let empty = observer.state();
    session.query(BASE).unwrap();
    let base = observer.state();
    for change in changes {
        observer.reset();
        assert_eq!(empty.difference(&observer.state()), [""; 0], "after {change}");
        session.query(BASE).unwrap();
        assert_eq!(base.difference(&observer.state()), [""; 0], "before {change}");
        session.query(change).unwrap();
        assert_ne!(base.difference(&observer.state()), [""; 0], "{change} is not seen");
    }
}

#[test]
fn a_seed_gives_the_same_script() {
    let script = |seed| pg_bootstrap_tests::differential::script_of_seed(seed);
    assert_eq!(script(7), script(7));
    let different = (0..50).map(|seed| script(seed).text()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(different.len(), 50);
    assert_eq!(Script::default().bytes(), b"");
}
