//! The options of a transform. Each is read once, by its type. Options that nothing has read are unknown.

use std::cell::RefCell;

use crate::error::{Fault, Place};
use crate::near;
use crate::yaml::{Node, Value};

pub(super) struct Options<'a> {
    /// The place of the transform, for messages about missing options.
    pub(super) place: Place,
    pub(super) type_name: &'a str,
    pairs: Vec<(&'a Node, &'a str, &'a Node)>,
    asked: RefCell<Vec<&'static str>>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Options<'a> {
    pub(super) fn new(place: Place, type_name: &'a str, pairs: Vec<(&'a Node, &'a str, &'a Node)>) -> Self {
        Self { place, type_name, pairs, asked: RefCell::default(), faults: RefCell::default() }
    }

    pub(super) fn get(&self, name: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(name);
        self.pairs.iter().find(|(_, key, _)| *key == name).map(|(_, _, value)| *value)
    }

    pub(super) fn fail(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let node = self.get(name)?;
        match &node.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text.clone()),
            _ => {
                self.fail(Fault::new(node.place, format!("`{name}` must be text, not {}", node.kind())));
                None
            }
        }
    }

    pub(super) fn required(&self, name: &'static str) -> String {
        if self.pairs.iter().any(|(_, key, _)| *key == name) {
            return self.text(name).unwrap_or_default();
        }
        self.asked.borrow_mut().push(name);
        self.fail(Fault::new(self.place, format!("{} needs `{name}`", self.type_name)));
        String::new()
    }

    /// An integer within bounds. `3.0` is accepted too, because some releases of Kasho accept no other spelling.
    pub(super) fn integer(&self, name: &'static str, low: i64, high: i64) -> Option<i64> {
        let node = self.get(name)?;
        let plain = match &node.value {
            Value::Plain(text) => text.as_str(),
            _ => "",
        };
        let whole = plain
            .split_once('.')
            .map_or(plain, |(whole, fraction)| if fraction.bytes().all(|b| b == b'0') { whole } else { "" });
        match whole.parse::<i64>() {
            Ok(value) if (low..=high).contains(&value) => Some(value),
            _ => {
                let what = format!("`{name}` must be an integer from {low} to {high}");
                self.fail(Fault::new(node.place, what));
                None
            }
        }
    }

    pub(super) fn number(&self, name: &'static str, low: f64, high: f64) -> Option<f64> {
        let node = self.get(name)?;
        let value = match &node.value {
            Value::Plain(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        if let Some(value) = value.filter(|value| (low..=high).contains(value)) {
            return Some(value);
        }
        self.fail(Fault::new(node.place, format!("`{name}` must be a number from {low} to {high}")));
        None
    }

    pub(super) fn boolean(&self, name: &'static str) -> Option<bool> {
        let choice = self.choice(name, &["true", "false"])?;
        Some(choice == "true")
    }

    /// One of a few words.
    pub(super) fn choice(&self, name: &'static str, allowed: &[&'static str]) -> Option<&'static str> {
        let node = self.get(name)?;
        // YAML reads this word as a null.
        let text = match &node.value {
            Value::Plain(text) | Value::Quoted(text) => text.as_str(),
            _ => "",
        };
        let found = allowed.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let what = format!("`{name}` must be one of {}", allowed.join(", "));
            self.fail(Fault::new(node.place, what).hint(
                near::nearest(text, allowed.iter().copied()).map(|near| format!("did you mean {near}?")),
            ));
        }
        found
    }

    /// One character that replaces others.
    pub(super) fn character(&self, name: &'static str) -> Option<char> {
        let node = self.get(name)?;
        let mut chars = node.text().unwrap_or_default().chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if c != '\0' => Some(c),
            _ => {
                self.fail(Fault::new(node.place, format!("`{name}` must be one character")));
                None
            }
        }
    }

    /// Reports options that nothing has read.
    pub(super) fn finish(self) -> Result<(), Vec<Fault>> {
        let asked = self.asked.into_inner();
        let mut faults = self.faults.into_inner();
        for (key, name, _) in &self.pairs {
            if *name != "type" && !asked.contains(name) {
                let what = format!("{} has no option `{name}`", self.type_name);
                faults.push(Fault::new(key.place, what).hint(near::hint(
                    name,
                    "it has",
                    asked.iter().copied(),
                )));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}
