//! SQL errors.
/// Why a query did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    #[error("query is empty")]
    Empty,
}
