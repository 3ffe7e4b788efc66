//! What Kasho 0.6.0 itself made of values, recorded.

use serde_json::Value as Json;
use transform::{Column, Config, Key, Plan, Scratch, Table};

/// Where we differ on purpose, and what we make of it: `None` is a refusal at start.
fn ours(transform: &str, input: &Json, row: &Json) -> Option<Option<Option<&'static str>>> {
    let null_elsewhere = row.get("n").is_some_and(|n| n == "null");
    Some(match transform {
        // NULL stays NULL.
        _ if input.is_null() && transform != "NoSuchTransform" => Some(None),
        // A NULL of another column is the empty text.
        _ if null_elsewhere => Some(Some("")),
        // A name that is no column's is a mistake.
        "{type: Template, template: '{{.missing}}'}" => None,
        // A timestamp keeps its fraction.
        _ if row.get("n").is_some_and(|n| n == "\"2024-01-15T10:30:00.5+02:00\"") => {
            Some(Some("2024-01-15T10:30:00.5+02:00"))
        }
        // They refuse booleans in text as rows, we as configuration; so do we what else is of another kind.
        "Bool" if input.is_string() => None,
        // A hash is no integer.
        _ if input.is_number() && transform.contains("Password") => None,
        _ => return None,
    })
}

/// Options that are integers are ignored there.
fn has_ignored_option(transform: &str) -> bool {
    ["cost: ", "n: ", "iterations: ", "time: ", "memory: ", "threads: "].iter().any(|option| {
        transform.contains("Password")
            && transform.split_once(option).is_some_and(|(_, rest)| {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
                !rest[..end].contains('.')
            })
    })
}

fn column(name: &str, value: &Json) -> (Column, Option<String>) {
    let (type_name, text) = match value {
        Json::Null => ("text", None),
        Json::Bool(truth) => ("boolean", Some(if *truth { "t" } else { "f" }.to_owned())),
        Json::Number(number) if number.is_i64() => ("bigint", Some(number.to_string())),
        Json::Number(number) => ("double precision", Some(number.to_string())),
        other => ("text", other.as_str().map(str::to_owned)),
    };
    (Column::new(name, type_name), text)
}

/// What we make of a case: the new value, or why the configuration is refused.
fn run(case: &Json) -> Result<Option<String>, String> {
    let input: Json = serde_json::from_str(case["input_json"].as_str().unwrap()).unwrap();
    let mut columns = vec![column("id", &Json::from(1)), column("t", &input)];
    for (name, raw) in case["row"].as_object().into_iter().flatten() {
        columns.push(column(name, &serde_json::from_str(raw.as_str().unwrap()).unwrap()));
    }
    if case["transform"] == "Bool" && input.is_null() {
        columns[1].0 = Column::new("t", "boolean");
    }
    let (columns, values): (Vec<Column>, Vec<Option<String>>) = columns.into_iter().unzip();
    let table = Table { name: "public.r".to_owned(), columns };
    let yaml =
        format!("major_version: 0\ntables:\n  public.r:\n    t: {}\n", case["transform"].as_str().unwrap());
    let config = Config::parse("transforms.yml", &yaml).map_err(|problems| problems.to_string())?;
    let plan =
        Plan::compile(&config, &table, &Key::insecure_unkeyed()).map_err(|problems| problems.to_string())?;
    let row: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
    let mut scratch = Scratch::default();
    plan.apply(&row, 1, &mut scratch).map_err(|error| error.to_string())?;
    Ok(scratch.value(0).map(|value| match value {
        "t" if plan.columns().next() == Some(1) && input.is_boolean() => "true".to_owned(),
        "f" if input.is_boolean() => "false".to_owned(),
        value => value.to_owned(),
    }))
}

#[test]
fn values_that_kasho_fixes() {
    let path = format!("{}/tests/fixtures/transforms.json", env!("CARGO_MANIFEST_DIR"));
    let fixture: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let (mut same, mut shapes, mut different, mut refused, mut skipped) = (0, 0, 0, 0, 0);
    for case in fixture["cases"].as_array().unwrap() {
        let transform = case["transform"].as_str().unwrap();
        let input: Json = serde_json::from_str(case["input_json"].as_str().unwrap()).unwrap();
        let applied = case["row_applied"].as_bool().unwrap();
        if has_ignored_option(transform) || (applied && case["deterministic"] == false) {
            skipped += 1;
            continue;
        }
        let got = run(case);
        if let Some(expected) = ours(transform, &input, &case["row"]) {
            different += 1;
            match expected {
                None => assert!(got.is_err(), "{transform}: {got:?}"),
                Some(expected) => assert_eq!(got.unwrap().as_deref(), expected, "{transform}"),
            }
        } else if case["shape_only"] == true {
            shapes += 1;
            // Kasho refuses some that we do not; what we refuse has a type of another kind.
            match got {
                Ok(value) => assert!(!value.unwrap().is_empty(), "{transform}"),
                Err(error) => assert!(!applied && error.contains("the column is"), "{transform}: {error}"),
            }
        } else if applied {
            same += 1;
            assert_eq!(got.unwrap().as_deref(), case["output"].as_str(), "{transform} {input}");
        } else {
            refused += 1;
            assert!(got.is_err(), "{transform}: {got:?}");
        }
    }
    // What is compared is all there is.
    assert_eq!((same, shapes, different, refused, skipped), (51, 88, 12, 8, 5));
}

#[test]
fn two_passes() {
    let table = Table {
        name: "public.r".to_owned(),
        columns: ["email", "nick", "name"].map(|name| Column::new(name, "text")).to_vec(),
    };
    let yaml = "tables:\n  public.r:\n    name: FakeName\n    email: {type: Template, template: '{{.name | slugify}}@x.org'}\n    \
                nick: {type: Template, template: '{{.email}}'}\n";
    let config = Config::parse("transforms.yml", yaml).unwrap();
    let plan = Plan::compile(&config, &table, &Key::insecure_unkeyed()).unwrap();
    let mut scratch = Scratch::default();
    plan.apply(&[Some("orig@mail"), Some("nn"), Some("Jane")], 1, &mut scratch).unwrap();
    let values: Vec<String> = scratch.values().map(|(_, value)| value.unwrap().to_owned()).collect();
    assert_eq!(values[0], values[1]);
    assert_eq!(values[0], values[2].to_lowercase().replace(' ', "-") + "@x.org");
}
