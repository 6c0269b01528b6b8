//! What commands read from files: tables, table profiles, and the columns that an option names.

pub(crate) mod column_list;
pub(crate) mod table;
