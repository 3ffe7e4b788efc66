use super::*;
use TypeClass::{Boolean, Float, Integer, Text};

fn classes(statements: &[&str], table: &str) -> Vec<(String, TypeClass)> {
    let mut schema = Schema::new();
    for statement in statements {
        assert_ne!(schema.observe(statement), Learned::NotUnderstood, "{statement}");
    }
    let name = QualifiedName::new("public", table);
    schema.table(&name).unwrap().columns.iter().map(|c| (c.name.clone(), c.class)).collect()
}

#[test]
fn types_of_columns() {
    let got = classes(
        &[
            "CREATE DOMAIN public.d1 AS integer CHECK (VALUE > 0);",
            "CREATE DOMAIN public.d2 AS public.d1;",
            "CREATE DOMAIN public.d3 AS integer[];",
            "CREATE DOMAIN public.int4 AS text;",
            "CREATE TABLE public.t (a smallint, b bigint, c oid, d real, e double precision, f boolean, g numeric(3,1),
               h public.d1, i public.d2, j public.d3, k int[], l \"char\", m public.int4, n timestamp(3) with time zone, o float(3));",
        ],
        "t",
    );
    let want = [
        Integer, Integer, Integer, Float, Float, Boolean, Text, Integer, Integer, Text, Text, Text, Text,
        Text, Float,
    ];
    assert_eq!(got.iter().map(|(_, class)| *class).collect::<Vec<_>>(), want);
}

#[test]
fn inheritance_and_alteration() {
    let got = classes(
        &[
            "CREATE TABLE public.p (a int, b bool);",
            "CREATE TABLE public.c (b bool, z real) INHERITS (public.p);",
            "ALTER TABLE ONLY public.c ADD COLUMN y int, DROP COLUMN z;",
            "ALTER TABLE public.c ALTER COLUMN y TYPE text;",
            "ALTER TABLE ONLY public.c ALTER COLUMN a SET DEFAULT 1;",
            "ALTER TABLE public.c RENAME COLUMN y TO x;",
        ],
        "c",
    );
    assert_eq!(got, [("a".to_owned(), Integer), ("b".to_owned(), Boolean), ("x".to_owned(), Text)]);
}

#[test]
fn typed_tables_and_partitions() {
    let got = classes(
        &[
            "CREATE TYPE public.ty AS (a integer, b text);",
            "CREATE TABLE public.t OF public.ty (a NOT NULL);",
        ],
        "t",
    );
    assert_eq!(got, [("a".to_owned(), Integer), ("b".to_owned(), Text)]);
    let got = classes(
        &[
            "CREATE TABLE public.p (a int) PARTITION BY LIST (a);",
            "CREATE TABLE public.q PARTITION OF public.p FOR VALUES IN (1);",
        ],
        "q",
    );
    assert_eq!(got, [("a".to_owned(), Integer)]);
}

#[test]
fn types_as_postgresql_prints_them() {
    let mut schema = Schema::new();
    for statement in [
        "CREATE TYPE public.mood AS ENUM ('sad', 'it''s');",
        "CREATE DOMAIN public.short AS character varying(20) NOT NULL;",
        "CREATE DOMAIN public.moods AS public.mood[];",
        "CREATE TABLE public.t (a integer NOT NULL, b public.short, c public.mood, d public.moods, e numeric(10,2)[],
           f timestamp(3) with time zone, g character(3), h public.citext, i \"char\", j double precision,
           k interval day to second(3), l time(2) without time zone, m bit varying(4), n int CONSTRAINT x NOT NULL);",
        "ALTER TABLE ONLY public.t ALTER COLUMN e SET NOT NULL;",
    ] {
        assert_ne!(schema.observe(statement), Learned::NotUnderstood, "{statement}");
    }
    let table = schema.table(&QualifiedName::new("public", "t")).unwrap();
    let types: Vec<_> = table.columns.iter().map(|c| c.type_name.as_deref().unwrap()).collect();
    assert_eq!(
        types,
        [
            "integer",
            "character varying(20)",
            "public.mood",
            "public.mood[]",
            "numeric(10,2)[]",
            "timestamp(3) with time zone",
            "character(3)",
            "public.citext",
            "\"char\"",
            "double precision",
            "interval",
            "time(2) without time zone",
            "bit varying(4)",
            "integer",
        ]
    );
    assert_eq!(table.column("c").unwrap().labels, ["sad", "it's"]);
    assert_eq!(table.column("d").unwrap().labels, ["sad", "it's"]);
    let not_null: Vec<_> = table.columns.iter().filter(|c| c.not_null).map(|c| c.name.as_str()).collect();
    assert_eq!(not_null, ["a", "e", "n"]);
}

#[test]
fn what_definitions_demand() {
    let mut schema = Schema::new();
    for statement in [
        "CREATE TABLE public.a (id int PRIMARY KEY, email text UNIQUE, up int REFERENCES public.a, g int GENERATED ALWAYS AS ((id + length(email))) STORED);",
        "CREATE TABLE public.p (d date, k int) PARTITION BY RANGE (date_trunc('month', d), k);",
        "CREATE TABLE public.p1 (d date, k int);",
        "ALTER TABLE ONLY public.p ATTACH PARTITION public.p1 FOR VALUES FROM (MINVALUE, 1) TO (MAXVALUE, 2);",
        "CREATE TABLE public.child (x int) INHERITS (public.a);",
        "ALTER TABLE ONLY public.p ADD CONSTRAINT p_key UNIQUE (d, k);",
        "ALTER TABLE ONLY public.child ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES public.p(k) ON DELETE CASCADE;",
        "ALTER TABLE ONLY public.child ADD CONSTRAINT e EXCLUDE USING btree (x WITH =);",
        "CREATE UNIQUE INDEX i ON public.a USING btree (lower((email)::text), abs(up)) WHERE (id > 0);",
        "CREATE INDEX j ON public.a USING btree (g);",
    ] {
        assert_ne!(schema.observe(statement), Learned::NotUnderstood, "{statement}");
    }
    let keys = schema.keys();
    let unique: Vec<_> =
        keys.unique.iter().map(|key| format!("{} {}", key.table, key.columns.join(","))).collect();
    assert_eq!(
        unique,
        ["public.a id", "public.a email", "public.p d,k", "public.child x", "public.a email,up"]
    );
    let foreign: Vec<_> = keys
        .foreign
        .iter()
        .map(|key| {
            let to = keys.targets(key).join(",");
            format!("{} {} {} {to}", key.table, key.columns.join(","), key.to_table)
        })
        .collect();
    assert_eq!(foreign, ["public.a up public.a id", "public.child x public.p k"]);
    let parents: Vec<_> = keys.parents.iter().map(|(child, parent)| format!("{child} {parent}")).collect();
    assert_eq!(parents, ["public.p1 public.p", "public.child public.a"]);
    let expressions: Vec<_> = keys
        .expressions
        .iter()
        .map(|one| format!("{} {} {}", one.table, one.column, one.folds_case))
        .collect();
    assert_eq!(expressions, ["public.a email true", "public.a up false"]);
    let fixed: Vec<_> = keys.fixed.iter().map(|fixed| format!("{} {}", fixed.table, fixed.column)).collect();
    assert_eq!(fixed, ["public.a email", "public.a id", "public.p d", "public.p k"]);
}

#[test]
fn the_order_of_columns_where_a_database_may_have_another() {
    let mut schema = Schema::new();
    for text in [
        "CREATE TYPE public.ty AS (a integer, b text);",
        "CREATE TABLE public.typed OF public.ty;",
        "CREATE TABLE public.parent (a int);",
        "CREATE TABLE public.child (b int) INHERITS (public.parent);",
        "CREATE TABLE public.root (a int) PARTITION BY LIST (a);",
        "CREATE TABLE public.part (a int);",
        "ALTER TABLE ONLY public.root ATTACH PARTITION public.part FOR VALUES IN (1);",
    ] {
        schema.observe(text);
    }
    let differs = |name: &str| schema.table(&QualifiedName::new("public", name)).unwrap().order_may_differ;
    assert_eq!(["child", "root"].map(differs), [true; 2]);
    assert_eq!(["typed", "parent", "part"].map(differs), [false; 3]);
}

#[test]
fn what_changes_nothing() {
    let mut schema = Schema::new();
    schema.observe("CREATE TABLE public.t (a int);");
    for (text, learned) in [
        ("ALTER TABLE ONLY public.t ADD CONSTRAINT c CHECK (a > 0);", Learned::Nothing),
        ("ALTER TABLE ONLY public.p ATTACH PARTITION public.t FOR VALUES IN (1);", Learned::Around),
        ("ALTER TABLE ONLY public.t ADD CONSTRAINT k UNIQUE (a);", Learned::Around),
        ("ALTER TABLE public.t DISABLE TRIGGER ALL;", Learned::Nothing),
    ] {
        assert_eq!(schema.observe(text), learned, "{text}");
    }
    assert_eq!(schema.observe("CREATE TABLE nonsense;"), Learned::NotUnderstood);
}

#[test]
fn what_is_too_long_is_not_parsed() {
    let table = |terms: usize| format!("CREATE TABLE t (a int CHECK (a = 0{}));", " OR a = 1".repeat(terms));
    assert_eq!(Schema::default().observe(&table(100)), Learned::Changed);
    assert_eq!(Schema::default().observe(&table(MOST_PARSED / 9)), Learned::NotUnderstood);
}

#[test]
fn long_literals_do_not_count() {
    let mut schema = Schema::default();
    let long = "it''s ".repeat(MOST_PARSED / 4);
    let check = format!("CHECK (b <> E'{long}\\'' || $x${long}$x$)");
    let table = format!("CREATE TABLE t (a int DEFAULT '{long}', b text {check}, c bool);");
    assert_eq!(schema.observe(&table), Learned::Changed);
    let name = QualifiedName { schema: None, name: "t".to_owned() };
    let columns = &schema.table(&name).unwrap().columns;
    let classes: Vec<_> = columns.iter().map(|column| column.class).collect();
    assert_eq!(classes, [Integer, Text, Boolean]);
}

#[test]
fn search_path() {
    let mut schema = Schema::new();
    schema.set_search_path(Some(vec!["other".to_owned(), "pg_catalog".to_owned()]));
    schema.observe("CREATE TABLE t (a int);");
    let name = QualifiedName { schema: None, name: "t".to_owned() };
    assert_eq!(schema.qualify(&name).to_string(), "other.t");
    assert!(schema.table(&name).is_some());
    schema.set_search_path(Some(Vec::new()));
    assert_eq!(schema.qualify(&name).to_string(), "public.t");
}

fn after(statements: &[&str]) -> Schema {
    let mut schema = Schema::new();
    for statement in statements {
        schema.observe(statement);
    }
    schema
}

fn shape(schema: &Schema, table: &str) -> Option<String> {
    let name = match table.split_once('.') {
        Some((schema, name)) => QualifiedName::new(schema, name),
        None => QualifiedName { schema: None, name: table.to_owned() },
    };
    let columns = &schema.table(&name)?.columns;
    let spelled = columns.iter().map(|c| format!("{} {}", c.name, c.type_name.as_deref().unwrap_or("?")));
    Some(spelled.collect::<Vec<_>>().join(", "))
}

#[test]
fn names_are_followed() {
    let tables = [
        "CREATE SCHEMA a;",
        "CREATE SCHEMA b;",
        "CREATE TABLE a.t (x integer);",
        "CREATE TABLE b.t (x text);",
    ];
    for (changes, table, expected) in [
        (&["DROP TABLE a.t;", "ALTER TABLE b.t SET SCHEMA a;"][..], "a.t", Some("x text")),
        (&["DROP TABLE a.t;", "ALTER TABLE b.t SET SCHEMA a;"], "b.t", None),
        (&["ALTER TABLE a.t RENAME TO u;"], "a.u", Some("x integer")),
        (&["ALTER TABLE a.t RENAME TO u;"], "a.t", None),
        (&["ALTER TABLE a.t RENAME x TO y;"], "a.t", Some("y integer")),
        (&["ALTER SCHEMA a RENAME TO c;"], "c.t", Some("x integer")),
        (
            &["ALTER TABLE a.t ADD COLUMN IF NOT EXISTS x text, ADD COLUMN IF NOT EXISTS y text;"],
            "a.t",
            Some("x integer, y text"),
        ),
        (&["CREATE TABLE IF NOT EXISTS a.t (y text);"], "a.t", Some("x integer")),
        (&["CREATE TABLE IF NOT EXISTS a.new (y text);"], "a.new", Some("y text")),
        (&["CREATE TABLE a.t (y text);"], "a.t", None),
        (&["CREATE TABLE a.l (LIKE a.t, y text);"], "a.l", None),
        (&["CREATE TABLE a.q AS SELECT 1 AS z;"], "a.q", None),
        (&["SELECT 1 AS z INTO a.q;"], "a.q", None),
        (&["DROP SCHEMA a CASCADE;"], "a.t", None),
        (&["DROP SCHEMA a CASCADE;"], "b.t", Some("x text")),
        (&["DO 'BEGIN END';"], "b.t", None),
        (&["SELECT my.change();"], "b.t", None),
        (&["SELECT pg_catalog.pg_sleep(0);"], "b.t", Some("x text")),
        (&["SELECT setval('s', 1), now();"], "b.t", Some("x text")),
        (&["DO 'BEGIN END';", "CREATE TABLE b.v (x text);"], "b.v", Some("x text")),
        (&["DO 'BEGIN END';", "CREATE TABLE IF NOT EXISTS b.v (x text);"], "b.v", None),
        (&["DROP TYPE b.t2 CASCADE;"], "b.t", None),
        (&["DROP FUNCTION f() CASCADE;"], "b.t", None),
        (&["DROP VIEW v CASCADE;"], "b.t", Some("x text")),
    ] {
        let schema = after(&[&tables[..], changes].concat());
        assert_eq!(shape(&schema, table).as_deref(), expected, "{changes:?} {table}");
    }
}

#[test]
fn heirs_follow() {
    let parents = [
        "CREATE TABLE p (a integer, b text) PARTITION BY LIST (b);",
        "CREATE TABLE q PARTITION OF p FOR VALUES IN ('x');",
    ];
    for (change, expected) in [
        ("ALTER TABLE p ALTER COLUMN a TYPE text;", Some("a text, b text")),
        ("ALTER TABLE p ADD COLUMN c date;", Some("a integer, b text, c date")),
        ("ALTER TABLE p RENAME a TO z;", Some("z integer, b text")),
        ("ALTER TABLE p DROP COLUMN a;", None),
        ("DROP TABLE p;", None),
        ("ALTER TABLE p DETACH PARTITION q;", Some("a integer, b text")),
    ] {
        let schema = after(&[parents[0], parents[1], change]);
        assert_eq!(shape(&schema, "q").as_deref(), expected, "{change}");
    }
    let moved =
        after(&[parents[0], parents[1], "ALTER TABLE p RENAME TO r;", "ALTER TABLE r ALTER a TYPE text;"]);
    assert_eq!(shape(&moved, "q").as_deref(), Some("a text, b text"));
}

#[test]
fn where_names_lead() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let lead = |schema: &Schema, name: &str| {
        let resolved = schema.resolve(&QualifiedName { schema: None, name: name.to_owned() });
        format!("{}{}", resolved.name, if resolved.certain { "" } else { "?" })
    };
    let mut schema = after(&["CREATE SCHEMA two;"]);
    // The first schema of the path is not there.
    schema.set_search_path(names(&["one", "two"]));
    schema.observe("CREATE TABLE t (a int);");
    assert_eq!(lead(&schema, "t"), "two.t");
    assert_eq!(lead(&schema, "other"), "one.other?");
    schema.set_search_path(names(&["one"]));
    assert_eq!(lead(&schema, "other"), "one.other");

    // Anybody may run the script: a schema with the name of a role may be theirs.
    let mut schema =
        after(&["CREATE SCHEMA app;", "CREATE TABLE app.x (a int);", "CREATE TABLE public.y (a int);"]);
    assert_eq!([lead(&schema, "x"), lead(&schema, "y")], ["public.x", "public.y"]);
    schema.saw_role("app");
    assert_eq!([lead(&schema, "x"), lead(&schema, "y")], ["public.x?", "public.y"]);
    schema.set_user(Some("app"));
    assert_eq!([lead(&schema, "x"), lead(&schema, "y")], ["app.x", "public.y"]);
    let schema = after(&["CREATE SCHEMA postgres;", "CREATE TABLE newly (a int);"]);
    assert_eq!(schema.certainty(&QualifiedName::new("public", "newly")), Certainty::Hazy);
    let decides = |name: &str, new: bool| {
        schema.user_decides(&QualifiedName { schema: None, name: name.to_owned() }, new)
    };
    assert_eq!([decides("newly", true), decides("newly", false)], [true, true]);

    // A view is found before a table that lies behind it.
    let mut schema =
        after(&["CREATE SCHEMA one;", "CREATE VIEW one.v AS SELECT 1;", "CREATE TABLE public.v (a int);"]);
    schema.set_search_path(names(&["one", "public"]));
    assert_eq!(lead(&schema, "v"), "one.v");
    assert!(schema.table(&QualifiedName { schema: None, name: "v".to_owned() }).is_none());
}

#[test]
fn triggers_and_rules_that_rows_fire() {
    let tables = [
        "CREATE TABLE t (a int);",
        "CREATE TABLE p (a int) PARTITION BY LIST (a);",
        "CREATE TABLE q PARTITION OF p DEFAULT;",
    ];
    for (changes, table, expected) in [
        (
            &["CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();"][..],
            "t",
            Some("trigger g"),
        ),
        (&["CREATE TRIGGER g AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();"], "t", None),
        (
            &["CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"],
            "t",
            Some("trigger g"),
        ),
        (&["CREATE RULE r AS ON INSERT TO public.t DO INSTEAD NOTHING;"], "t", Some("rule r")),
        (&["CREATE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING;"], "t", None),
        (
            &[
                "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();",
                "ALTER TABLE t DISABLE TRIGGER ALL;",
            ],
            "t",
            None,
        ),
        (
            &[
                "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();",
                "ALTER TABLE t DISABLE TRIGGER g;",
            ],
            "t",
            None,
        ),
        (&["CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();", "DROP TRIGGER g ON t;"], "t", None),
        (
            &["CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();", "ALTER TABLE t RENAME TO u;"],
            "u",
            Some("trigger g"),
        ),
        (&["ALTER TABLE t DISABLE TRIGGER ALL;", "ALTER TABLE t ENABLE TRIGGER ALL;"], "t", None),
        (
            &[
                "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f();",
                "ALTER TABLE t DISABLE TRIGGER ALL;",
                "ALTER TABLE t ENABLE TRIGGER ALL;",
            ],
            "t",
            Some("trigger of the table"),
        ),
        (&["CREATE TRIGGER g BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f();"], "q", Some("trigger g")),
        (&["CREATE TRIGGER g BEFORE INSERT ON q FOR EACH ROW EXECUTE FUNCTION f();"], "p", Some("trigger g")),
    ] {
        let schema = after(&[&tables[..], changes].concat());
        assert_eq!(schema.fires(&QualifiedName::new("public", table)), expected, "{changes:?}");
    }
}

#[test]
fn labels_are_followed() {
    let schema = after(&[
        "CREATE TYPE mood AS ENUM ('a', 'b');",
        "CREATE TABLE t (m mood);",
        "ALTER TYPE mood ADD VALUE 'c';",
        "ALTER TYPE mood RENAME VALUE 'a' TO 'z';",
    ]);
    let table = schema.table(&QualifiedName::new("public", "t")).unwrap();
    assert_eq!(table.columns[0].labels, ["z", "b", "c"]);
}

/// A script may say that tables inherit from each other in a circle, or get a name that is taken. PostgreSQL refuses it; here every
/// walk has to end.
#[test]
fn circles_of_tables_end() {
    let statements = [
        "ALTER TABLE public.a ATTACH PARTITION public.b DEFAULT;",
        "ALTER TABLE public.b ATTACH PARTITION public.a DEFAULT;",
        "ALTER TABLE public.a INHERIT public.a;",
        "ALTER TABLE public.a INHERIT public.b;",
        "CREATE TABLE public.a (x int) INHERITS (public.a);",
        "CREATE TABLE public.c PARTITION OF public.b DEFAULT;",
        "ALTER TABLE public.b RENAME TO a;",
        "ALTER TABLE public.a DROP COLUMN x;",
        "ALTER TABLE public.a ADD COLUMN y int;",
        "ALTER TABLE public.b DETACH PARTITION public.a;",
        "DROP TABLE public.b;",
        "DO $$ BEGIN EXECUTE x; END $$;",
    ];
    let names = ["a", "b", "c"].map(|name| QualifiedName::new("public", name));
    for first in statements {
        for second in statements {
            for third in statements {
                let mut schema = Schema::new();
                for text in [
                    "CREATE TABLE public.a (x int) PARTITION BY LIST (x);",
                    "CREATE TABLE public.b (x int) PARTITION BY LIST (x);",
                    "CREATE TRIGGER g BEFORE INSERT ON public.z FOR EACH ROW EXECUTE FUNCTION public.f();",
                    first,
                    second,
                    third,
                    "ALTER TABLE public.a DROP COLUMN x;",
                ] {
                    schema.observe(text);
                }
                for name in &names {
                    let (routes, fires) = (schema.routes(name).len(), schema.fires(name));
                    assert!(routes <= names.len(), "{first} {second} {third}: {fires:?}");
                }
            }
        }
    }
}
