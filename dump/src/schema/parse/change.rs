//! ALTER, DROP and CREATE SCHEMA.

use pg_query::protobuf::{
    AlterEnumStmt, AlterObjectSchemaStmt, AlterTableCmd, AlterTableStmt, AlterTableType as Command,
    CreateSchemaStmt, DropBehavior, DropStmt, ObjectType, RangeVar, RenameStmt,
};
use pg_query::{Node, NodeEnum};

use super::{column, qualified, range_var, relation};
use crate::name::QualifiedName;
use crate::schema::fires;
use crate::schema::learn::{Action, Class, Definition};

pub(super) fn alteration(alter: &AlterTableStmt) -> Option<Definition> {
    let range = alter.relation.as_ref()?;
    let commands: Vec<_> = alter
        .cmds
        .iter()
        .filter_map(|node| match &node.node {
            Some(NodeEnum::AlterTableCmd(command)) => Some(&**command),
            _ => None,
        })
        .collect();
    if ObjectType::try_from(alter.objtype).ok()? == ObjectType::ObjectType {
        let cascades = commands.iter().any(|command| command.behavior == DropBehavior::DropCascade as i32);
        return Some(Definition::ChangedType { name: relation(range), cascades });
    }
    let actions: Vec<_> = commands.into_iter().filter_map(action).collect();
    let (name, only) = (relation(range), !range.inh);
    (!actions.is_empty()).then_some(Definition::Alter { name, only, actions })
}

/// What a command does to columns, or that nobody knows what it does.
fn action(command: &AlterTableCmd) -> Option<Action> {
    let defined = || column(command.def.as_deref()?);
    let name = || command.name.clone();
    Some(match Command::try_from(command.subtype).unwrap_or(Command::Undefined) {
        Command::AtAddColumn => Action::Add { column: defined()?, if_not_exists: command.missing_ok },
        Command::AtDropColumn => Action::Drop(name()),
        Command::AtAlterColumnType => Action::Retype(name(), defined()?.type_name?),
        Command::AtDropExpression => Action::DropExpression(name()),
        Command::AtSetNotNull => Action::SetNotNull(name(), true),
        Command::AtDropNotNull => Action::SetNotNull(name(), false),
        Command::AtDisableTrig => Action::Silence(Some(fires::trigger(&command.name))),
        Command::AtDisableRule => Action::Silence(Some(fires::rule(&command.name))),
        Command::AtDisableTrigAll | Command::AtDisableTrigUser => Action::Silence(None),
        Command::AtEnableTrig | Command::AtEnableAlwaysTrig => Action::Fires(fires::trigger(&command.name)),
        Command::AtEnableRule | Command::AtEnableAlwaysRule => Action::Fires(fires::rule(&command.name)),
        Command::AtEnableTrigAll | Command::AtEnableTrigUser => Action::FiresAgain,
        Command::AtAddInherit => Action::Inherit(range_var(command.def.as_deref()?)?),
        Command::AtDropInherit => Action::NoInherit(range_var(command.def.as_deref()?)?),
        Command::AtAttachPartition => Action::Attach(partition(command)?),
        Command::AtDetachPartition => Action::Detach(partition(command)?),
        command if is_harmless(command) => return None,
        _ => Action::Unknown,
    })
}

fn partition(command: &AlterTableCmd) -> Option<QualifiedName> {
    match command.def.as_deref()?.node.as_ref()? {
        NodeEnum::PartitionCmd(partition) => partition.name.as_ref().map(relation),
        _ => None,
    }
}

/// Commands that leave columns, their types and who fires as they are.
fn is_harmless(command: Command) -> bool {
    use Command::{
        AtAddConstraint, AtAddIdentity, AtAddOf, AtAlterColumnGenericOptions, AtAlterConstraint,
        AtChangeOwner, AtClusterOn, AtColumnDefault, AtDetachPartitionFinalize, AtDisableRowSecurity,
        AtDropCluster, AtDropConstraint, AtDropIdentity, AtDropOf, AtDropOids, AtEnableReplicaRule,
        AtEnableReplicaTrig, AtEnableRowSecurity, AtForceRowSecurity, AtGenericOptions, AtNoForceRowSecurity,
        AtReplicaIdentity, AtResetOptions, AtResetRelOptions, AtSetAccessMethod, AtSetCompression,
        AtSetExpression, AtSetIdentity, AtSetLogged, AtSetOptions, AtSetRelOptions, AtSetStatistics,
        AtSetStorage, AtSetTableSpace, AtSetUnLogged, AtValidateConstraint,
    };
    [
        AtAddConstraint,
        AtAddIdentity,
        AtAddOf,
        AtAlterColumnGenericOptions,
        AtAlterConstraint,
        AtChangeOwner,
        AtClusterOn,
        AtColumnDefault,
        AtDetachPartitionFinalize,
        AtDisableRowSecurity,
        AtDropCluster,
        AtDropConstraint,
        AtDropIdentity,
        AtDropOf,
        AtDropOids,
        AtEnableReplicaRule,
        AtEnableReplicaTrig,
        AtEnableRowSecurity,
        AtForceRowSecurity,
        AtGenericOptions,
        AtNoForceRowSecurity,
        AtReplicaIdentity,
        AtResetOptions,
        AtResetRelOptions,
        AtSetAccessMethod,
        AtSetCompression,
        AtSetExpression,
        AtSetIdentity,
        AtSetLogged,
        AtSetOptions,
        AtSetRelOptions,
        AtSetStatistics,
        AtSetStorage,
        AtSetTableSpace,
        AtSetUnLogged,
        AtValidateConstraint,
    ]
    .contains(&command)
}

pub(super) fn labels(alter: &AlterEnumStmt) -> Option<Definition> {
    let old = (!alter.old_val.is_empty()).then(|| alter.old_val.clone());
    Some(Definition::Label { name: qualified(&alter.type_name)?, old, new: alter.new_val.clone() })
}

/// What class a name is of, where its place matters.
fn class(object: i32) -> Option<Class> {
    Some(match ObjectType::try_from(object).ok()? {
        ObjectType::ObjectTable
        | ObjectType::ObjectForeignTable
        | ObjectType::ObjectView
        | ObjectType::ObjectMatview
        | ObjectType::ObjectSequence => Class::Relation,
        ObjectType::ObjectType | ObjectType::ObjectDomain => Class::Type,
        ObjectType::ObjectSchema => Class::Schema,
        ObjectType::ObjectIndex
        | ObjectType::ObjectTrigger
        | ObjectType::ObjectRule
        | ObjectType::ObjectPolicy
        | ObjectType::ObjectStatisticExt
        | ObjectType::ObjectTabconstraint
        | ObjectType::ObjectDomconstraint
        | ObjectType::ObjectEventTrigger => return None,
        _ => Class::Other,
    })
}

pub(super) fn renaming(rename: &RenameStmt) -> Option<Definition> {
    let new = rename.newname.clone();
    let range = || rename.relation.as_ref().map(relation);
    match ObjectType::try_from(rename.rename_type).ok()? {
        ObjectType::ObjectColumn => {
            let range = rename.relation.as_ref()?;
            let actions = vec![Action::Rename(rename.subname.clone(), new)];
            Some(Definition::Alter { name: relation(range), only: !range.inh, actions })
        }
        ObjectType::ObjectAttribute => {
            let cascades = rename.behavior == DropBehavior::DropCascade as i32;
            Some(Definition::ChangedType { name: range()?, cascades })
        }
        ObjectType::ObjectTrigger => {
            let actions = vec![Action::Fires(fires::trigger(&new))];
            Some(Definition::Alter { name: range()?, only: true, actions })
        }
        ObjectType::ObjectRule => {
            let actions = vec![Action::Fires(fires::rule(&new))];
            Some(Definition::Alter { name: range()?, only: true, actions })
        }
        ObjectType::ObjectSchema => {
            let name = QualifiedName { schema: None, name: rename.subname.clone() };
            Some(Definition::Rename { class: Class::Schema, name, new })
        }
        _ => {
            let class = class(rename.rename_type).filter(|class| *class != Class::Other)?;
            Some(Definition::Rename {
                class,
                name: object(rename.relation.as_ref(), rename.object.as_deref())?,
                new,
            })
        }
    }
}

pub(super) fn moving(moved: &AlterObjectSchemaStmt) -> Option<Definition> {
    let class = class(moved.object_type).filter(|class| *class != Class::Other)?;
    let name = object(moved.relation.as_ref(), moved.object.as_deref())?;
    Some(Definition::Move { class, name, schema: moved.newschema.clone() })
}

fn object(range: Option<&RangeVar>, object: Option<&Node>) -> Option<QualifiedName> {
    range.map(relation).or_else(|| name(object?))
}

fn name(node: &Node) -> Option<QualifiedName> {
    match node.node.as_ref()? {
        NodeEnum::List(list) => qualified(&list.items),
        NodeEnum::TypeName(name) => qualified(&name.names),
        NodeEnum::String(name) => Some(QualifiedName { schema: None, name: name.sval.clone() }),
        _ => None,
    }
}

pub(super) fn dropping(drop: &DropStmt) -> Option<Definition> {
    let class = class(drop.remove_type)?;
    let names = drop.objects.iter().filter_map(name).collect();
    let cascades = drop.behavior == DropBehavior::DropCascade as i32;
    (class != Class::Other || cascades).then_some(Definition::Drop { class, names, cascades })
}

pub(super) fn schema(create: &CreateSchemaStmt) -> Option<Definition> {
    let owner = create.authrole.as_ref().map(|role| role.rolename.clone()).filter(|role| !role.is_empty());
    let name = if create.schemaname.is_empty() { owner.clone()? } else { create.schemaname.clone() };
    Some(Definition::Schema { name, owner, elements: !create.schema_elts.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_followed_harmless_or_unknown() {
        let known = (0..200).filter_map(|number| Command::try_from(number).ok());
        for command in known {
            let parsed =
                AlterTableCmd { subtype: command as i32, name: "c".to_owned(), ..Default::default() };
            if is_harmless(command) {
                assert!(action(&parsed).is_none(), "{command:?}");
            }
        }
        let unknown = AlterTableCmd { subtype: Command::AtAddColumnToView as i32, ..Default::default() };
        assert!(matches!(action(&unknown), Some(Action::Unknown)));
    }
}
