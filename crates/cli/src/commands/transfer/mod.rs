//! `kilter import` and `kilter export`: what an MLflow server has, brought here, and back.

mod copied;
pub(crate) mod export;
pub(crate) mod import;
