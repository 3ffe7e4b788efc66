//! YAML as a tree whose nodes know their place in the file.
//!
//! Built from the parser's events, because serde-saphyr's `Spanned` does not carry: a tree of any
//! shape gets values instead of texts (`1.10` becomes 1.1, `007` becomes 7, a column `y` becomes
//! true), a type may be a name or a mapping, and in such an untagged enum places are lost. The first
//! fault would end the reading, too, where all are told here.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::error::{Fault, Place};

/// Nodes of one file, aliases expanded: more are no configuration but an attack.
const MOST_NODES: usize = 1_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A scalar without quotes: its meaning depends on what is expected.
    Plain(String),
    /// A scalar in quotes or a block: always text.
    Quoted(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What the node is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Plain(text) if is_null(text) => "nothing",
            Value::Plain(_) | Value::Quoted(_) => "a scalar",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The text of any scalar but a plain null.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) if is_null(text) => None,
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if is_null(text))
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Plain(_) | Value::Quoted(_) => 0,
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Map(pairs) => pairs.iter().map(|(key, value)| key.size() + value.size()).sum(),
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The one document of a file; `None` if the file holds none.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            Fault::new(place(error.marker()), format!("not valid YAML: {}", error.info()))
        })?;
        builder.take(event, place(&span.start))?;
    }
    Ok(builder.root)
}

fn place(marker: &granit_parser::Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

/// A list or mapping that is still open, and the anchor that names it.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Node>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if plain { Value::Plain(text) } else { Value::Quoted(text) };
                self.complete(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(place, Value::List(Vec::new()), anchor),
            Event::MappingStart(_, anchor, _) => self.begin(place, Value::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(mut open) => {
                    merge(&mut open.node)?;
                    self.complete(open.node, open.anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    self.nodes += node.size();
                    if self.nodes > MOST_NODES {
                        return Err(Fault::new(place, "too large: aliases multiply it"));
                    }
                    let node = Node { place, value: node.value.clone() };
                    self.complete(node, 0)
                }
                None => Err(Fault::new(place, "an alias to what contains it")),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, value: Value, anchor: usize) -> Result<(), Fault> {
        self.open.push(Open { node: Node { place, value }, anchor, key: None });
        Ok(())
    }

    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            if self.root.is_some() {
                return Err(Fault::new(node.place, "a second document: one file holds one configuration"));
            }
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::List(items) => items.push(node),
            Value::Map(pairs) => match parent.key.take() {
                None => parent.key = Some(node),
                Some(key) => pairs.push((key, node)),
            },
            Value::Plain(_) | Value::Quoted(_) => {}
        }
        Ok(())
    }
}

/// Puts the pairs of `<<: *other` where they are meant: the mapping's own pairs win.
fn merge(node: &mut Node) -> Result<(), Fault> {
    let Value::Map(pairs) = &mut node.value else { return Ok(()) };
    let is_merge = |(key, _): &(Node, Node)| key.value == Value::Plain("<<".to_owned());
    let Some(at) = pairs.iter().position(is_merge) else { return Ok(()) };
    let (_, source) = pairs.remove(at);
    let place = source.place;
    let sources = match source.value {
        Value::List(items) => items,
        other => vec![Node { place, value: other }],
    };
    for source in sources {
        let Value::Map(more) = source.value else {
            return Err(Fault::new(place, "<< takes a mapping or a list of mappings"));
        };
        for (key, value) in more {
            if !pairs.iter().any(|(own, _)| own.value == key.value) {
                pairs.push((key, value));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(node: &Node) -> &[(Node, Node)] {
        let Value::Map(pairs) = &node.value else { panic!("{node:?}") };
        pairs
    }

    #[test]
    fn places_count_from_one() {
        let root = parse("a:\n  b: 'x'\n  c: [1, é, 2]\n").unwrap().unwrap();
        let inner = &map(&root)[0].1;
        let (b, x) = &map(inner)[0];
        assert_eq!((b.place.line, b.place.column), (2, 3));
        assert_eq!((x.place.line, x.place.column), (2, 6));
        let Value::List(items) = &map(inner)[1].1.value else { panic!() };
        assert_eq!((items[2].place.line, items[2].place.column), (3, 13));
        assert_eq!(x.value, Value::Quoted("x".to_owned()));
    }

    #[test]
    fn aliases_are_expanded_but_not_without_end() {
        let root = parse("a: &x {type: Regex}\nb: *x\n").unwrap().unwrap();
        assert_eq!(map(&map(&root)[1].1)[0].1.text(), Some("Regex"));
        let mut bomb = "a0: &a0 [1, 1]\n".to_owned();
        for i in 1..60 {
            bomb += &format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1);
        }
        assert!(parse(&bomb).unwrap_err().what.contains("aliases"));
        assert!(parse("a: &x [*x]").is_err());
    }

    #[test]
    fn merged_mappings() {
        let root = parse("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n").unwrap().unwrap();
        let pairs = map(&map(&root)[1].1);
        let got: Vec<_> = pairs.iter().map(|(k, v)| (k.text().unwrap(), v.text().unwrap())).collect();
        assert_eq!(got, [("q", "3"), ("p", "1")]);
        assert!(parse("b: {<<: 1}").is_err());
    }

    #[test]
    fn broken_yaml_has_a_place() {
        let fault = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(fault.place.line >= 2, "{fault:?}");
        assert!(parse("").unwrap().is_none());
        assert!(parse("--- 1\n--- 2\n").is_err());
    }
}
