//! One column's rule, made ready for the column, or all that is wrong with it.

use std::sync::Arc;

use crate::action::Action;
use crate::config::{ErrorPolicy, PasswordHash, Rule, SaltSource, Transform};
use crate::error::Fault;
use crate::keyed::{Key, Source};
use crate::near;
use crate::sql::SqlType;
use crate::suit;
use crate::table::{Table, unquoted};
use crate::template::Template;

/// A column that is transformed.
#[derive(Debug, Clone)]
pub(super) struct PlannedColumn {
    /// Its place in the row.
    pub(super) at: usize,
    pub(super) name: Arc<str>,
    pub(super) sql: SqlType,
    pub(super) step: Step,
    pub(super) on_error: ErrorPolicy,
    pub(super) nulls: bool,
    /// The column that decides instead of its own value.
    pub(super) by: Option<usize>,
}

/// What is done with a value.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Action(Box<Action>),
    Template(Template),
    Password { hash: PasswordHash, cleartext: Template, salt: SaltSource, source: Source },
}

/// A column's rule, made ready, or all that is wrong with it.
pub(super) fn planned(rule: &Rule, table: &Table, at: usize, key: &Key) -> Result<PlannedColumn, Vec<Fault>> {
    let column = &table.columns[at];
    let fault = |what: String| Fault::new(rule.place, format!("column {}: {what}", column.name));
    if column.generated {
        let fault = fault("it is generated from other columns".into());
        return Err(vec![fault.help("transform the columns it is made of")]);
    }
    let sql = SqlType::of(column.type_name.as_deref(), &column.labels);
    let unsuited = suit::check(rule, &sql, column.not_null);
    let mut faults: Vec<_> = unsuited.into_iter().map(|(what, help)| fault(what).hint(help)).collect();
    let mut on_error = rule.on_error.clone();
    faults.extend(unfit(&mut on_error, &sql, column.not_null).map(&fault));
    let mut by = None;
    if let Transform::DateShift { by: Some(name), .. } = &rule.transform {
        by = find(table, name);
        let unknown = || {
            fault(format!("`by`: there is no column {name}")).hint(near::hint(name, "columns", names(table)))
        };
        faults.extend(by.is_none().then(unknown));
    }
    match step(rule, table, at, &sql, key) {
        Ok(Some(step)) if faults.is_empty() => {
            let name = column.name.as_str().into();
            Ok(PlannedColumn { at, name, sql, step, on_error, nulls: rule.nulls, by })
        }
        Ok(None) if faults.is_empty() => {
            Err(vec![fault(format!("{} does not suit {}", rule.transform.name(), sql.text))])
        }
        Ok(_) => Err(faults),
        Err(more) => Err([faults, more].concat()),
    }
}

/// What is wrong with what is put in place of a value that cannot be transformed. A constant gets the form that the dump
/// has.
fn unfit(on_error: &mut ErrorPolicy, sql: &SqlType, not_null: bool) -> Option<String> {
    match on_error {
        ErrorPolicy::Null if not_null => Some("`on_error: null` in a NOT NULL column".into()),
        ErrorPolicy::Constant(value) => sql.fit(value).err().map(|reason| format!("`error_value`: {reason}")),
        _ => None,
    }
}

/// What is done with a value; `None` for what cannot be done with values of the type.
fn step(rule: &Rule, table: &Table, at: usize, sql: &SqlType, key: &Key) -> Result<Option<Step>, Vec<Fault>> {
    let column = &table.columns[at];
    Ok(match &rule.transform {
        Transform::Template(template) => Some(Step::Template(bound(template, rule, table)?)),
        Transform::Password { hash, cleartext, salt } => Some(Step::Password {
            hash: *hash,
            cleartext: bound(cleartext, rule, table)?,
            salt: *salt,
            source: key.source(rule.transform.name(), "salt"),
        }),
        _ => {
            let domain = match &rule.value_type {
                Some(text) => SqlType::of(Some(text), &column.labels),
                None => sql.clone(),
            };
            let place = format!("{}\0{}", table.name, column.name);
            let action = Action::new(rule, &domain, key, &place);
            action.map(|action| Step::Action(Box::new(action.in_column(sql))))
        }
    })
}

fn bound(template: &Template, rule: &Rule, table: &Table) -> Result<Template, Vec<Fault>> {
    let mut template = template.clone();
    let unknown = |name: &String| {
        Fault::new(rule.place, format!("the template: table {} has no column {name}", table.name))
            .hint(near::hint(name, "columns", names(table)))
    };
    match template.bind(|name| find(table, name)) {
        Ok(()) => Ok(template),
        Err(names) => Err(names.iter().map(unknown).collect()),
    }
}

fn names(table: &Table) -> impl Iterator<Item = &str> + Clone {
    table.columns.iter().map(|column| column.name.as_str())
}

/// By the name as SQL spells it, or without its quotes.
fn find(table: &Table, name: &str) -> Option<usize> {
    table.position(name).or_else(|| table.columns.iter().position(|column| unquoted(&column.name) == name))
}
