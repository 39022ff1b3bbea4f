//! The help: the table of commands as it is, group by group.

use crate::commands::{ALL, Group};

/// Commands under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpGroup {
    /// The heading.
    pub name: &'static str,
    /// Each with its keys as a person reads them.
    pub rows: Vec<(Vec<String>, &'static str)>,
}

/// Every command that has a key; those of a talk first while one is given.
pub fn help(talk: bool) -> Vec<HelpGroup> {
    let mut order = Group::ALL;
    order.sort_by_key(|group| talk && *group != Group::Talk);
    let groups = order.iter().map(|group| {
        let of = ALL.iter().filter(|command| command.group == *group && !command.keys.is_empty());
        let rows = of.map(|c| (c.keys.iter().map(|key| crate::commands::key_label(key)).collect(), c.name));
        HelpGroup { name: group.name(), rows: rows.collect() }
    });
    groups.filter(|group| !group.rows.is_empty()).collect()
}
