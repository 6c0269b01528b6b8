//! `kilter import` and `kilter export`: what an MLflow server has, brought here, and back; what answers, as resources of KServe.

mod copied;
pub(crate) mod export;
pub(crate) mod import;
mod kserve;
mod yaml;
