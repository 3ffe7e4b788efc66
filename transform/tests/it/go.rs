//! What Go's own packages `regexp` and `text/template` made of patterns and templates, recorded.

use serde_json::Value as Json;
use transform::{Column, Config, Key, Plan, Scratch, Table};

fn fixture() -> Json {
    let path = format!("{}/tests/fixtures/go.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What a rule makes of the row; the transformed column is the first.
fn run(columns: &[(&str, &str, &str)], rule: &str) -> Result<String, String> {
    let table = Table {
        name: "public.t".to_owned(),
        columns: columns.iter().map(|(name, type_name, _)| Column::new(name, type_name)).collect(),
    };
    let config =
        Config::parse("t", &format!("tables: {{public.t: {{c: {rule}}}}}")).map_err(|p| p.to_string())?;
    let plan = Plan::compile(&config, &table, &Key::insecure_unkeyed()).map_err(|p| p.to_string())?;
    let row: Vec<Option<&str>> = columns.iter().map(|(_, _, value)| Some(*value)).collect();
    let mut scratch = Scratch::default();
    plan.apply(&row, 1, &mut scratch).map_err(|error| error.to_string())?;
    Ok(scratch.value(0).unwrap().to_owned())
}

/// Go takes a repetition behind a group of flags for one of what stands before these, and a name twice.
fn refused_on_purpose(pattern: &str) -> bool {
    let repeats_flags = ["(?i)", "(?U)"].into_iter().any(|flags| {
        pattern
            .split(flags)
            .skip(1)
            .any(|rest| rest.starts_with(['*', '+', '?', '{']) && !rest.starts_with("{,"))
    });
    repeats_flags || pattern.matches("(?P<n>").count() > 1
}

#[test]
fn regular_expressions() {
    let mut different = Vec::new();
    for case in fixture()["regex"].as_array().unwrap() {
        let rule = format!("{{type: Regex, pattern: {}, replacement: {}}}", case[0], case[1]);
        let got = run(&[("c", "text", case[2].as_str().unwrap())], &rule);
        if got.is_err() && refused_on_purpose(case[0].as_str().unwrap()) {
            continue;
        }
        if got.as_deref().ok() != case[3].as_str() {
            different.push(format!("{rule} {}: {got:?}, not {}", case[2], case[3]));
        }
    }
    assert!(different.is_empty(), "{}\n{}", different.len(), different.join("\n"));
}

#[test]
fn templates() {
    let columns = [
        ("c", "text", "x"),
        ("id", "bigint", "7"),
        ("neg", "bigint", "-42"),
        ("name", "text", "Jane Döe"),
        ("mail", "text", "a.b@c.test"),
        ("f", "double precision", "1.5"),
        ("big", "double precision", "1e+21"),
        ("tiny", "double precision", "1.25e-07"),
        ("t", "boolean", "t"),
        ("no", "boolean", "f"),
        ("empty", "text", ""),
        ("html", "text", "<a href='x'>\"&"),
    ];
    let mut different = Vec::new();
    for case in fixture()["template"].as_array().unwrap() {
        let got = run(&columns, &format!("{{type: Template, template: {}}}", case[0]));
        if got.as_deref().ok() != case[1].as_str() {
            different.push(format!("{}: {got:?}, not {}", case[0], case[1]));
        }
    }
    assert!(different.is_empty(), "{}\n{}", different.len(), different.join("\n"));
}
