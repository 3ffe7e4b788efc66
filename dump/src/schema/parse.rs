//! Definitions from PostgreSQL's own parser.

use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{
    ColumnDef, CompositeTypeStmt, ConstrType, CreateDomainStmt, CreateEnumStmt, CreateStmt, RangeVar,
    TypeName as ParsedType,
};
use pg_query::{Node, NodeEnum};

use super::learn::Definition;
use super::{ColumnDefinition, TypeName};
use crate::kind::Kind;
use crate::name::{Cursor, QualifiedName};

mod change;
mod demands;
mod query;

/// How a statement is to be read for what it defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Not at all.
    Nothing,
    /// It may have changed anything.
    Everything,
    /// It makes or drops a trigger or rule.
    Fires,
    /// It makes a relation that is no table.
    Relation,
    /// It changes rows, and may call code that does more.
    Change,
    /// It makes a cast.
    Cast,
    /// By the parser.
    Parse,
}

/// How a statement of this kind is to be read. Most of a dump's need no parser.
pub(super) fn reading(kind: &Kind, text: &str) -> Reading {
    match kind {
        Kind::Definition | Kind::Query => Reading::Parse,
        Kind::Index if Cursor::new(text, true).words(&["CREATE", "UNIQUE"]) => Reading::Parse,
        Kind::MaterializedView => Reading::Relation,
        Kind::Code => Reading::Everything,
        Kind::Change => Reading::Change,
        Kind::Other => other(&mut Cursor::new(text, true)),
        _ => Reading::Nothing,
    }
}

fn other(c: &mut Cursor<'_>) -> Reading {
    if c.word("CREATE") {
        c.words(&["OR", "REPLACE"]);
        c.any_word(&["CONSTRAINT", "UNLOGGED", "RECURSIVE"]);
        return match () {
            () if c.any_word(&["VIEW", "SEQUENCE"]) => Reading::Relation,
            () if c.any_word(&["TRIGGER", "RULE"]) => Reading::Fires,
            () if c.word("SCHEMA") => Reading::Parse,
            () if c.word("CAST") => Reading::Cast,
            () => Reading::Nothing,
        };
    }
    if c.word("DROP") {
        return match () {
            () if c.word("OWNED") => Reading::Everything,
            () if c.any_word(&["TRIGGER", "RULE"]) => Reading::Fires,
            () => Reading::Parse,
        };
    }
    if c.word("IMPORT") {
        return Reading::Everything;
    }
    let names = c.word("ALTER")
        && c.any_word(&["VIEW", "MATERIALIZED", "INDEX", "SEQUENCE", "SCHEMA", "DOMAIN", "TRIGGER", "RULE"]);
    let moves = names && c.clone().any(|c| c.word("RENAME") || c.words(&["SET", "SCHEMA"]));
    if moves { Reading::Parse } else { Reading::Nothing }
}

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
        NodeEnum::CreateTableAsStmt(create) => query::table(create),
        NodeEnum::CompositeTypeStmt(create) => composite(create),
        NodeEnum::CreateDomainStmt(create) => domain(create),
        NodeEnum::CreateEnumStmt(create) => labels(create),
        NodeEnum::AlterTableStmt(alter) => change::alteration(alter),
        NodeEnum::AlterEnumStmt(alter) => change::labels(alter),
        NodeEnum::RenameStmt(rename) => change::renaming(rename),
        NodeEnum::AlterObjectSchemaStmt(moved) => change::moving(moved),
        NodeEnum::DropStmt(drop) => change::dropping(drop),
        NodeEnum::CreateSchemaStmt(create) => change::schema(create),
        NodeEnum::SelectStmt(select) => query::of(select),
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => query::calls(node).then_some(Definition::Everything),
        _ => None,
    }
}

fn table(create: &CreateStmt) -> Option<Definition> {
    let copies = |node: &Node| matches!(&node.node, Some(NodeEnum::TableLikeClause(_)));
    Some(Definition::Table {
        name: relation(create.relation.as_ref()?),
        columns: create.table_elts.iter().filter_map(column).collect(),
        parents: create.inh_relations.iter().filter_map(range_var).collect(),
        partitioned: create.partspec.is_some(),
        of_type: create.of_typename.as_ref().and_then(type_name).map(|t| t.name),
        like: create.table_elts.iter().any(copies),
        if_not_exists: create.if_not_exists,
        demands: demands::table(create),
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
