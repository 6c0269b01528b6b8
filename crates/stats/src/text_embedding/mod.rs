//! Drift of texts and embeddings.
//!
//! Invariants: texts are compared by what a classifier of their character trigrams can tell apart (cross-fitted), by
//! length and by words never seen; embeddings by random projections, norm and a kernel distance, all from profiles with
//! a seed, so that no raw vector is kept. Out of scope: tokenisers, languages, models.

mod embedding;
mod text;

pub use embedding::{EmbeddingDrift, EmbeddingReference, EmbeddingWindow};
pub use text::{TextDrift, TextReference, trigram_domain_auc};
