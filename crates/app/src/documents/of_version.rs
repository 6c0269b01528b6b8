//! A document about a version, by its kind.

use kilter_domain::{ids::ModelName, time::Timestamp};

use crate::{
    app::App,
    approval::ApproveError,
    documents::{
        annex_iv, card,
        document::{Document, DocumentKind},
        dossier::Dossier,
        sr_26_2,
    },
};

/// A document about a version, as of `at`.
///
/// # Errors
/// When there is no such version, or the metadata cannot be read. A package that cannot be read is a gap.
pub fn document(
    app: &App,
    model: &ModelName,
    number: u32,
    kind: DocumentKind,
    at: Timestamp,
) -> Result<Document, ApproveError> {
    let dossier = Dossier::read(app, model, number, at)?;
    Ok(match kind {
        DocumentKind::Card => card::card(&dossier),
        DocumentKind::AnnexIv => annex_iv::annex_iv(&dossier),
        DocumentKind::Sr262 => sr_26_2::sr_26_2(&dossier),
    })
}
