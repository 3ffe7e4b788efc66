//! Definitions from PostgreSQL's own parser.

use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableStmt, AlterTableType, ColumnDef, CompositeTypeStmt, ConstrType,
    CreateDomainStmt, CreateEnumStmt, CreateStmt, ObjectType, RangeVar, RenameStmt, TypeName as ParsedType,
};
use pg_query::{Node, NodeEnum};

use super::{Action, ColumnDefinition, Definition, TypeName};
use crate::name::QualifiedName;

mod demands;

/// What the statement defines, or `None` when the parser does not understand it.
pub(super) fn definitions(text: &str) -> Option<Vec<Definition>> {
    let parsed = pg_query::parse(text, 0).ok()?;
    let statements = parsed.protobuf.stmts.into_iter().filter_map(|raw| raw.stmt?.node);
    Some(statements.flat_map(|node| definition(&node).into_iter().chain(demands::of(&node))).collect())
}

fn definition(node: &NodeEnum) -> Option<Definition> {
    match node {
        NodeEnum::CreateStmt(create) => table(create),
        NodeEnum::CreateForeignTableStmt(create) => table(create.base_stmt.as_ref()?),
        NodeEnum::CompositeTypeStmt(create) => composite(create),
        NodeEnum::CreateDomainStmt(create) => domain(create),
        NodeEnum::CreateEnumStmt(create) => labels(create),
        NodeEnum::AlterTableStmt(alter) => alteration(alter),
        NodeEnum::RenameStmt(rename) => renaming(rename),
        _ => None,
    }
}

fn table(create: &CreateStmt) -> Option<Definition> {
    Some(Definition::Table {
        name: relation(create.relation.as_ref()?),
        columns: create.table_elts.iter().filter_map(column).collect(),
        parents: create.inh_relations.iter().filter_map(range_var).collect(),
        partitioned: create.partspec.is_some(),
        of_type: create.of_typename.as_ref().and_then(type_name).map(|t| t.name),
    })
}

fn composite(create: &CompositeTypeStmt) -> Option<Definition> {
    Some(Definition::Composite {
        name: relation(create.typevar.as_ref()?),
        columns: create.coldeflist.iter().filter_map(column).collect(),
    })
}

fn domain(create: &CreateDomainStmt) -> Option<Definition> {
    Some(Definition::Domain {
        name: qualified(&create.domainname)?,
        base: type_name(create.type_name.as_ref()?)?,
    })
}

fn labels(create: &CreateEnumStmt) -> Option<Definition> {
    Some(Definition::Enum { name: qualified(&create.type_name)?, labels: strings(&create.vals) })
}

/// What is a name or a text among the nodes.
fn strings(nodes: &[Node]) -> Vec<String> {
    let strings = nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::String(text)) => Some(text.sval.clone()),
        _ => None,
    });
    strings.collect()
}

fn alteration(alter: &AlterTableStmt) -> Option<Definition> {
    let actions: Vec<_> = alter
        .cmds
        .iter()
        .filter_map(|node| match &node.node {
            Some(NodeEnum::AlterTableCmd(command)) => action(command),
            _ => None,
        })
        .collect();
    let name = relation(alter.relation.as_ref()?);
    (!actions.is_empty()).then_some(Definition::Alter { name, actions })
}

fn action(command: &AlterTableCmd) -> Option<Action> {
    let defined = || column(command.def.as_deref()?);
    match AlterTableType::try_from(command.subtype).ok()? {
        AlterTableType::AtAddColumn => Some(Action::Add(defined()?)),
        AlterTableType::AtDropColumn => Some(Action::Drop(command.name.clone())),
        AlterTableType::AtAlterColumnType => {
            Some(Action::Retype(command.name.clone(), defined()?.type_name?))
        }
        AlterTableType::AtDropExpression => Some(Action::DropExpression(command.name.clone())),
        AlterTableType::AtSetNotNull => Some(Action::SetNotNull(command.name.clone())),
        _ => None,
    }
}

fn renaming(rename: &RenameStmt) -> Option<Definition> {
    if ObjectType::try_from(rename.rename_type).ok()? != ObjectType::ObjectColumn {
        return None;
    }
    let action = Action::Rename(rename.subname.clone(), rename.newname.clone());
    Some(Definition::Alter { name: relation(rename.relation.as_ref()?), actions: vec![action] })
}

fn column(node: &Node) -> Option<ColumnDefinition> {
    let Some(NodeEnum::ColumnDef(definition)) = &node.node else { return None };
    Some(ColumnDefinition {
        name: definition.colname.clone(),
        type_name: definition.type_name.as_ref().and_then(type_name),
        generated: !definition.generated.is_empty() || has(definition, ConstrType::ConstrGenerated),
        not_null: definition.is_not_null || has(definition, ConstrType::ConstrNotnull),
    })
}

fn has(definition: &ColumnDef, kind: ConstrType) -> bool {
    definition.constraints.iter().any(
        |node| matches!(&node.node, Some(NodeEnum::Constraint(constraint)) if constraint.contype == kind as i32),
    )
}

fn type_name(parsed: &ParsedType) -> Option<TypeName> {
    let array = !parsed.array_bounds.is_empty() || parsed.setof || parsed.pct_type;
    let modifiers = parsed.typmods.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(Val::Ival(value)) => Some(value.ival),
            _ => None,
        },
        _ => None,
    });
    Some(TypeName { name: qualified(&parsed.names)?, array, modifiers: modifiers.collect() })
}

fn qualified(names: &[Node]) -> Option<QualifiedName> {
    let parts = names.iter().map(|node| match &node.node {
        Some(NodeEnum::String(part)) => Some(part.sval.clone()),
        _ => None,
    });
    QualifiedName::from_parts(parts.collect::<Option<_>>()?)
}

fn range_var(node: &Node) -> Option<QualifiedName> {
    match &node.node {
        Some(NodeEnum::RangeVar(range)) => Some(relation(range)),
        _ => None,
    }
}

fn relation(range: &RangeVar) -> QualifiedName {
    let schema = (!range.schemaname.is_empty()).then(|| range.schemaname.clone());
    QualifiedName { schema, name: range.relname.clone() }
}
