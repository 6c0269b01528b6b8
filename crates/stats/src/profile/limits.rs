//! Bounds of what a profile keeps.

/// Distinct numbers up to which a column of numbers is compared by category.
pub const CATEGORY_VALUES: u64 = 20;
