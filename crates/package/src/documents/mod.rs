//! The documents of a package that are written from facts: for MLflow, for those who ask what is in it and where it comes from.
//!
//! Invariants: the same facts give the same bytes; nothing is typed by hand, and what is not known is left out, never guessed.

mod card;
mod mlmodel;
mod origin;
mod provenance;
mod sbom;
mod text;

pub use card::model_card;
pub(crate) use mlmodel::{mlmodel, python_env, requirements};
pub use origin::{DatasetOrigin, Origin, PythonPackages, StepOrigin};
pub use provenance::{PROVENANCE_TYPE, provenance};
pub use sbom::bill_of_materials;

/// What loads a package in MLflow.
pub(crate) const PYFUNC: &str = include_str!("kilter_pyfunc.py");
