//! What commands read from files: tables, table profiles, single cells, and the columns that an option names.

pub(crate) mod cells;
pub(crate) mod column_list;
pub(crate) mod table;
