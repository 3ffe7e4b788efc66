//! All that is wrong with a configuration is said at once.

use transform::{
    ChildTable, Column, Config, Draft, Finding, FixedColumn, ForeignKey, Inspector, Key, Keys, Table,
    UniqueKey,
};

fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    let columns = columns.iter().map(|(name, type_name)| Column::new(name, type_name)).collect();
    Table { name: name.to_owned(), columns }
}

fn unique(table: &str, column: &str) -> UniqueKey {
    UniqueKey { table: table.to_owned(), columns: vec![column.to_owned()] }
}

fn foreign(table: &str, column: &str, to_table: &str, to_column: &str) -> ForeignKey {
    ForeignKey {
        table: table.to_owned(),
        columns: vec![column.to_owned()],
        to_table: to_table.to_owned(),
        to_columns: vec![to_column.to_owned()],
    }
}

fn schema() -> (Vec<Table>, Keys) {
    let mut users = table(
        "public.users",
        &[
            ("id", "integer"),
            ("email", "text"),
            ("age", "integer"),
            ("name", "text"),
            ("born", "date"),
            ("notes", "jsonb"),
            ("tags", "text[]"),
            ("code", "character varying(8)"),
            ("upper_name", "text"),
        ],
    );
    users.columns[8].generated = true;
    users.columns[3].not_null = true;
    let tables = vec![
        users,
        table("public.orders", &[("user_id", "integer"), ("email", "text"), ("note", "text")]),
        table("public.items", &[("user_id", "integer"), ("text", "text")]),
        table("public.visits", &[("email", "text"), ("day", "date")]),
        table("public.visits_1", &[("email", "text"), ("day", "date")]),
        table("public.visits_2", &[("email", "text"), ("day", "date")]),
        table("public.countries", &[("code", "text")]),
    ];
    let keys = Keys {
        unique: vec![
            unique("public.users", "id"),
            unique("public.users", "email"),
            unique("public.users", "code"),
            unique("public.visits", "email"),
        ],
        foreign: vec![
            foreign("public.orders", "user_id", "public.users", "id"),
            foreign("public.items", "user_id", "public.orders", "user_id"),
            foreign("public.orders", "email", "public.users", "email"),
        ],
        children: ["public.visits_1", "public.visits_2"]
            .map(|table| ChildTable { table: table.to_owned(), parent: "public.visits".to_owned() })
            .into(),
        fixed: vec![FixedColumn {
            table: "public.visits".to_owned(),
            column: "day".to_owned(),
            why: "a partition bound depends on it".to_owned(),
        }],
        expressions: Vec::new(),
    };
    (tables, keys)
}

/// What is wrong, a line each.
fn faults(yaml: &str) -> Vec<String> {
    let draft = match Draft::read("t.yml", yaml) {
        Ok(draft) => draft,
        Err(problems) => return problems.to_string().lines().map(str::to_owned).collect(),
    };
    let (tables, keys) = schema();
    match draft.check(&tables, &keys, &Key::insecure_unkeyed()).complete() {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

/// One of each sort: in the file itself, of names, of types, of keys, of templates.
const MANY: &str = r"major_version: 0
tabels: {}
tables:
  public.users:
    id: FakeNmae
    email: {type: FakePhone, unique: true, on_error: constant, error_value: x}
    age: {type: FakeName, locale: it}
    name: {type: Template, template: '{{.nmae}} {{.emial}}', on_error: null}
    born: FakeName
    notes: {type: Json, paths: {a: Nope, $.b: {type: Uuid, on_error: skip, unique: true}}}
    tags: {type: Array, element: {type: Regex, pattern: '(', replacement: x}, salt: s}
    code: {type: FakeEmail, unique: true}
    upper_name: Redact
    nam: {type: Regex, pattern: '(', replacement: x, on_error: skip}
  public.orders:
    user_id: FormatPreserving
    email: {type: FakeEmail, salt: s}
    note: {type: DateShift, by: nosuch}
  public.items: {user_id: Hash, text: Truncate}
  public.visits:
    email: {type: Redact}
    day: DateShift
  public.contries: {code: Hash}
  users: keep
  public.nothing: FakeName
";

#[test]
fn one_reading_names_all_faults() {
    let expected = "\
2:1: unknown key `tabels`; did you mean tables?
5:9: unknown transform type `FakeNmae`; did you mean FakeName?
6:19: column email: FakePhone makes different values equal, and the column is unique; use FormatPreserving, Hash, Uuid, Email or FakeEmail, or `unique: assumed` if you know that they stay different
6:19: column email: with `on_error: constant` several rows get one value, and the column is unique
7:35: `locale` must be one of en, de, fr
8:18: column name: `on_error: null` in a NOT NULL column
8:18: the template: table public.users has no column emial; did you mean email?
8:18: the template: table public.users has no column nmae; did you mean name?
9:11: column born: FakeName is for text; the column is date; DateShift, FakeDateOfBirth, Null and Constant suit it
10:33: path `a`: a path begins with `$`, as in `$.customer.email`
10:36: unknown transform type `Nope`; docs/transforms.md lists the types
10:54: `on_error` belongs to the column's own transform
10:54: `unique` belongs to the column's own transform
11:57: the pattern: unclosed group
11:79: Array has no option `salt`; it has: element, unique, nulls, value_type, on_error
12:18: column code: a unique FakeEmail needs 27 characters; the column is character varying(8); Hash, Uuid or FormatPreserving may suit it
12:18: column code: needs 14 characters; the column is character varying(8)
13:17: column upper_name: it is generated from other columns; transform the columns it is made of
14:5: table public.users has no column nam; did you mean name?
14:33: the pattern: unclosed group
17:19: column email of public.orders refers to email of public.users, and their transforms differ; leave it out here: this column gets the same transform by itself
18:18: column note: `by`: there is no column nosuch; columns: user_id, email, note
19:27: column user_id of public.items refers to user_id of public.orders, and their transforms differ; leave it out here: this column gets the same transform by itself
19:39: Truncate needs `length`
21:19: column email of public.visits: Redact makes different values equal, and the column is unique; use FormatPreserving, Hash, Uuid, Email or FakeEmail, or `unique: assumed` if you know that they stay different
22:10: column day of public.visits cannot be transformed: a partition bound depends on it; write `keep`, or transform another column
23:3: there is no table public.contries in the dump; did you mean public.countries?
24:3: table `users` has no schema; write it as in the dump, as public.users
25:3: there is no table public.nothing in the dump; tables: public.users, public.orders, public.items, public.visits, public.visits_1, public.visits_2, public.countries
25:19: a table must be a mapping, not a scalar";
    let expected: Vec<_> = expected.lines().map(|line| format!("t.yml:{line}")).collect();
    assert_eq!(faults(MANY), expected);
    // The same order every time.
    assert_eq!(faults(MANY), faults(MANY));
}

/// What follows from a fault alone is no fault of its own.
#[test]
fn what_depends_on_a_fault_is_none() {
    for (yaml, expected) in [
        // What the column that is referred to becomes is not known yet, over two tables.
        (
            "tables:\n  public.users: {id: Hsah}\n  public.orders: {user_id: Hash}\n  public.items: {user_id: Hash}\n",
            "t.yml:2:22: unknown transform type `Hsah`; did you mean Hash?",
        ),
        (
            "tables:\n  public.users: {di: Hash}\n  public.items: {user_id: Hash}\n",
            "t.yml:2:18: table public.users has no column di; did you mean id?",
        ),
        (
            "tables:\n  public.user: {id: Hash}\n  public.orders: {user_id: Hash}\n",
            "t.yml:2:3: there is no table public.user in the dump; did you mean public.users?",
        ),
        (
            "tables:\n  users: {id: Hash}\n  public.orders: {user_id: Hash}\n",
            "t.yml:2:3: table `users` has no schema; write it as in the dump, as public.users",
        ),
        (
            "tables:\n  public.users: [id]\n  public.orders: {user_id: Hash}\n",
            "t.yml:2:17: a table must be a mapping, not a list",
        ),
        // A rule that does not suit its column goes to no other.
        (
            "tables:\n  public.users: {id: {type: FakeEmail, unique: true}}\n",
            "t.yml:2:29: column id: FakeEmail is for text; the column is integer; FormatPreserving, Hash, Noise, Null and Constant suit numbers",
        ),
        // Partitions have their parent's rules, and its faults are said once.
        (
            "tables:\n  public.visits: {email: Redact}\n",
            "t.yml:2:26: column email of public.visits: Redact makes different values equal, and the column is unique; use FormatPreserving, Hash, Uuid, Email or FakeEmail, or `unique: assumed` if you know that they stay different",
        ),
        (
            "tables:\n  public.visits: {email: Redact}\n  public.visits_1: {day: keep}\n",
            "t.yml:2:26: column email of public.visits: Redact makes different values equal, and the column is unique; use FormatPreserving, Hash, Uuid, Email or FakeEmail, or `unique: assumed` if you know that they stay different",
        ),
        // What a partition says itself counts, also while it cannot be read.
        (
            "tables:\n  public.visits: {email: Hash}\n  public.visits_1: {email: Hsah}\n",
            "t.yml:3:28: unknown transform type `Hsah`; did you mean Hash?",
        ),
        (
            "tables:\n  public.visits: {emial: Hash}\n",
            "t.yml:2:19: table public.visits has no column emial; did you mean email?",
        ),
        // Options of a transform that cannot be read are known all the same.
        (
            "tables:\n  public.users:\n    name: {type: Regex, pattern: '(', replacement: x, on_error: skip, nulls: transform}\n",
            "t.yml:3:34: the pattern: unclosed group",
        ),
    ] {
        assert_eq!(faults(yaml).join("\n"), expected, "{yaml}");
    }
}

/// Where nothing can be read there is nothing to compare.
#[test]
fn what_cannot_be_read_at_all_is_refused_alone() {
    for (yaml, expected) in [
        ("a: [1", "t.yml:1:"),
        (
            "tables: 1\nlists: 2\n",
            "t.yml:1:9: `tables` must be a mapping, not a scalar\nt.yml:2:8: `2` is not supported",
        ),
    ] {
        let problems = Draft::read("t.yml", yaml).unwrap_err().to_string();
        assert!(problems.starts_with(expected), "{problems}");
    }
    let yaml = "tables: {public.users: {name: Nope}}";
    assert!(Draft::read("t.yml", yaml).unwrap().complete().is_err() && Config::parse("t.yml", yaml).is_err());
}

/// A column whose rule cannot be read is decided: somebody has looked at it.
#[test]
fn a_fault_is_a_decision() {
    let (tables, keys) = schema();
    let findings: Vec<Finding> = tables.iter().flat_map(|table| Inspector::new(table).findings()).collect();
    let draft = Draft::read("t.yml", "tables:\n  public.users: {email: Nope}\n  public.orders: 7\n").unwrap();
    let checked = draft.check(&tables, &keys, &Key::insecure_unkeyed());
    let open: Vec<_> =
        checked.undecided(&findings).iter().map(|f| format!("{}.{}", f.table, f.column)).collect();
    let visits = ["public.visits.email", "public.visits_1.email", "public.visits_2.email"];
    assert_eq!(open[..2], ["public.users.name", "public.users.born"]);
    assert_eq!(open[2..], visits);
    assert!(checked.complete().is_err());
}
