//! All that stands in the way is named at once.

use pg_bootstrap_tests::servers::PostgresServer;
use replica::{Fault, Needs, Replica, Report, Warning};

use super::harness::*;

async fn look(url: &str, needs: &Needs) -> Report {
    Replica::connect(options(url)).await.unwrap().preflight("shop", needs).await.unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_can_be_filled() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    // What an administrator may have made for the dump is nothing that stands in its way.
    server.connect(&database).query("CREATE EXTENSION hstore").unwrap();
    let needs = Needs {
        roles: names(&["postgres"]),
        owners: names(&["postgres"]),
        extensions: names(&["plpgsql", "hstore"]),
        tablespaces: names(&["pg_default"]),
        languages: names(&["plpgsql"]),
        providers: names(&["libc"]),
        encoding: Some("LATIN1".into()),
        version: Some(server.major_version() + 1),
        into_existing: false,
    };
    let report = look(&server.url(&database), &needs).await;
    let older = Warning::Older { server: server.major_version(), dump: server.major_version() + 1 };
    assert_eq!(report.faults, []);
    assert_eq!(report.warnings, [older, Warning::Superuser("postgres".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_named_and_sql_removes_them() {
    let server = PostgresServer::start();
    let database = server.fresh_database();
    let mut admin = server.connect(&database);
    admin.query("CREATE ROLE loader LOGIN; CREATE ROLE owner").unwrap();
    let url = server.url(&database).replace("postgres@", "loader@");
    let needs = Needs {
        roles: names(&["odd \"one", "loader"]),
        owners: names(&["owner", "missing"]),
        extensions: names(&["hstore", "file_fdw", "nowhere"]),
        tablespaces: names(&["fast"]),
        languages: names(&["plbrainfuck"]),
        ..Needs::default()
    };
    let report = look(&url, &needs).await;
    let user = || "loader".to_owned();
    assert_eq!(
        report.faults,
        [
            Fault::Role("missing".into()),
            Fault::Role("odd \"one".into()),
            Fault::Owner { role: "owner".into(), user: user() },
            Fault::Extension("nowhere".into()),
            Fault::ExtensionRight("file_fdw".into()),
            Fault::Tablespace("fast".into()),
            Fault::Language("plbrainfuck".into()),
            Fault::Create { database: database.name.clone(), user: user() },
            Fault::CreateInPublic(user()),
            Fault::ReplicationRole { user: user(), grantable: true },
        ]
    );
    for sql in report.sql().iter().filter(|sql| !sql.contains("TABLESPACE") && !sql.contains("plbrainfuck")) {
        admin.query(sql).unwrap();
    }
    let missing = look(&url, &needs).await.faults;
    let left = [
        Fault::Owner { role: "missing".into(), user: user() },
        Fault::Extension("nowhere".into()),
        Fault::Tablespace("fast".into()),
        Fault::Language("plbrainfuck".into()),
    ];
    assert_eq!(missing, left);
    admin.query(&left[0].sql().unwrap()).unwrap();
    // And with these rights a run works.
    let replica = Replica::connect(options(&url)).await.unwrap();
    let mut run = replica.begin(claim("shop")).await.unwrap();
    run.apply(&replica::Batch::statement("CREATE TABLE public.t (a bigint, b text)"), "1").await.unwrap();
    run.apply(&rows(0, 10), "2").await.unwrap();
    assert_eq!(contents(&server, &database), exactly(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_named() {
    let server = PostgresServer::shared();
    for (make, named) in [
        ("CREATE TABLE a ()", &["relation public.a"][..]),
        ("CREATE SCHEMA s", &["schema s"]),
        ("CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", &["routine public.f(integer)"]),
        ("CREATE TYPE e AS ENUM ('a')", &["type public.e"]),
        ("SELECT lo_create(77)", &["large object 77"]),
    ] {
        let database = server.fresh_database();
        server.connect(&database).query(make).unwrap();
        let report = look(&server.url(&database), &Needs::default()).await;
        assert_eq!(report.faults, [Fault::NotEmpty(names(named))], "{make}");
        let needs = Needs { into_existing: true, ..Needs::default() };
        assert_eq!(look(&server.url(&database), &needs).await.faults, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_must_be_able_to_hold_it() {
    let server = PostgresServer::shared();
    let database = server.fresh_database_in("LATIN1");
    let needs = Needs { encoding: Some("UTF8".into()), providers: names(&["zzz"]), ..Needs::default() };
    let faults = look(&server.url(&database), &needs).await.faults;
    let encoding = Fault::Encoding { database: "LATIN1".into(), dump: "UTF8".into() };
    assert_eq!(faults, [encoding, Fault::Provider("zzz".into())]);
    let url = format!("{}&options=-c default_transaction_read_only=on", server.url(&database));
    assert_eq!(look(&url, &Needs::default()).await.faults, [Fault::ReadOnly]);
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    drop(replica.begin(claim("other")).await.unwrap());
    let report = look(&server.url(&database), &Needs::default()).await;
    assert_eq!(report.faults, [Fault::Unfinished("other".into())]);
}
