//! Constraints, unique indexes, partitions and generated columns from PostgreSQL's own parser.

use std::collections::BTreeSet;

use pg_query::protobuf::{
    AlterTableStmt, AlterTableType, ColumnDef, ConstrType, Constraint, CreateStmt, IndexElem, IndexStmt,
};
use pg_query::{Node, NodeEnum};
use serde_json::Value;

use super::super::keys::Demand;
use super::super::learn::Definition;
use super::{range_var, relation, strings};

const BOUND: &str = "a partition bound depends on it";
const GENERATED: &str = "a generated column depends on it";

/// What the statement demands of the columns of the table that it is about.
pub(super) fn of(node: &NodeEnum) -> Option<Definition> {
    let (name, demands) = match node {
        NodeEnum::AlterTableStmt(alter) => (relation(alter.relation.as_ref()?), alteration(alter)),
        NodeEnum::IndexStmt(index) if index.unique => {
            (relation(index.relation.as_ref()?), unique_index(index))
        }
        _ => return None,
    };
    (!demands.is_empty()).then_some(Definition::Demands { name, demands })
}

/// Of a new table.
pub(super) fn table(create: &CreateStmt) -> Vec<Demand> {
    let mut demands: Vec<_> = create.inh_relations.iter().filter_map(range_var).map(Demand::Parent).collect();
    for element in create.table_elts.iter().chain(&create.constraints) {
        match &element.node {
            Some(NodeEnum::ColumnDef(column)) => demands.extend(column_demands(column)),
            Some(NodeEnum::Constraint(constraint)) => demands.extend(demand(constraint, None)),
            _ => {}
        }
    }
    let parts = create.partspec.iter().flat_map(|spec| &spec.part_params);
    let columns = parts.flat_map(|part| match &part.node {
        Some(NodeEnum::PartitionElem(element)) => named_or_in(&element.name, element.expr.as_deref()),
        _ => Vec::new(),
    });
    let columns: Vec<_> = columns.collect();
    if !columns.is_empty() {
        demands.push(Demand::Fixed { columns, why: BOUND });
    }
    demands
}

fn column_demands(column: &ColumnDef) -> Vec<Demand> {
    let constraints = column.constraints.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::Constraint(constraint)) => demand(constraint, Some(&column.colname)),
        _ => None,
    });
    constraints.collect()
}

/// `column` is the one that the constraint is written behind.
fn demand(constraint: &Constraint, column: Option<&str>) -> Option<Demand> {
    let own = |keys: &[Node]| {
        let keys = strings(keys);
        if keys.is_empty() { column.iter().map(|column| (*column).to_owned()).collect() } else { keys }
    };
    match ConstrType::try_from(constraint.contype).ok()? {
        ConstrType::ConstrPrimary => Some(Demand::Unique { columns: own(&constraint.keys), primary: true }),
        ConstrType::ConstrUnique => Some(Demand::Unique { columns: own(&constraint.keys), primary: false }),
        ConstrType::ConstrExclusion => {
            let columns = constraint.exclusions.iter().flat_map(excluded).collect();
            Some(Demand::Unique { columns, primary: false })
        }
        ConstrType::ConstrForeign => Some(Demand::Foreign {
            columns: own(&constraint.fk_attrs),
            to_table: relation(constraint.pktable.as_ref()?),
            to_columns: strings(&constraint.pk_attrs),
        }),
        ConstrType::ConstrGenerated => {
            Some(Demand::Fixed { columns: columns_in(constraint.raw_expr.as_deref()?), why: GENERATED })
        }
        _ => None,
    }
}

/// An exclusion is a list of an index element and an operator.
fn excluded(node: &Node) -> Vec<String> {
    let Some(NodeEnum::List(pair)) = &node.node else { return Vec::new() };
    pair.items.iter().flat_map(element).collect()
}

fn element(node: &Node) -> Vec<String> {
    match &node.node {
        Some(NodeEnum::IndexElem(element)) => {
            let IndexElem { name, expr, .. } = &**element;
            named_or_in(name, expr.as_deref())
        }
        _ => Vec::new(),
    }
}

fn unique_index(index: &IndexStmt) -> Vec<Demand> {
    let columns = index.index_params.iter().flat_map(element).collect();
    let mut demands = vec![Demand::Unique { columns, primary: index.primary }];
    demands.extend(index.index_params.iter().filter_map(expression));
    demands
}

/// Of an element of an index that is no column.
fn expression(node: &Node) -> Option<Demand> {
    let Some(NodeEnum::IndexElem(element)) = &node.node else { return None };
    let expression = element.expr.as_deref().filter(|_| element.name.is_empty())?;
    Some(Demand::Expression { columns: columns_in(expression), folds_case: folds_case(expression) })
}

fn folds_case(expression: &Node) -> bool {
    let Some(NodeEnum::FuncCall(call)) = &expression.node else { return false };
    let named = matches!(strings(&call.funcname).last().map(String::as_str), Some("lower" | "upper"));
    let argument = call.args.first().filter(|_| call.args.len() == 1).and_then(|node| node.node.as_ref());
    let argument = match argument {
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().and_then(|node| node.node.as_ref()),
        other => other,
    };
    named && matches!(argument, Some(NodeEnum::ColumnRef(_)))
}

fn alteration(alter: &AlterTableStmt) -> Vec<Demand> {
    let commands = alter.cmds.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::AlterTableCmd(command)) => Some(command),
        _ => None,
    });
    let mut demands = Vec::new();
    for command in commands {
        let Ok(kind) = AlterTableType::try_from(command.subtype) else { continue };
        let Some(defined) = command.def.as_deref().and_then(|node| node.node.as_ref()) else { continue };
        match (kind, defined) {
            (AlterTableType::AtAddConstraint, NodeEnum::Constraint(constraint)) => {
                demands.extend(demand(constraint, None));
            }
            (AlterTableType::AtAddColumn, NodeEnum::ColumnDef(column)) => {
                demands.extend(column_demands(column))
            }
            (AlterTableType::AtAttachPartition, NodeEnum::PartitionCmd(attached)) => {
                demands.extend(attached.name.as_ref().map(|name| Demand::Child(relation(name))));
            }
            (AlterTableType::AtAddInherit, NodeEnum::RangeVar(parent)) => {
                demands.push(Demand::Parent(relation(parent)));
            }
            _ => {}
        }
    }
    demands
}

fn named_or_in(name: &str, expression: Option<&Node>) -> Vec<String> {
    if name.is_empty() { expression.map(columns_in).unwrap_or_default() } else { vec![name.to_owned()] }
}

/// The columns that an expression names, each once.
fn columns_in(expression: &Node) -> Vec<String> {
    let mut found = BTreeSet::new();
    // The parser's own walk leaves expressions out; the tree as JSON has everything.
    if let Ok(tree) = serde_json::to_value(expression) {
        collect(&tree, &mut found);
    }
    found.into_iter().collect()
}

fn collect(tree: &Value, found: &mut BTreeSet<String>) {
    match tree {
        Value::Object(members) => {
            for (name, value) in members {
                if name == "ColumnRef" {
                    let last = value["fields"].as_array().and_then(|fields| fields.last());
                    let column = last.and_then(|field| field["node"]["String"]["sval"].as_str());
                    found.extend(column.map(ToOwned::to_owned));
                } else {
                    collect(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
