//! The model card: a draft from facts. What only people know is marked as missing.

use serde_json::json;

use crate::{documents::origin::Origin, manifest::Manifest};

/// The text of `docs/MODEL_CARD.md`.
pub fn model_card(manifest: &Manifest, origin: &Origin) -> String {
    let made = manifest.made.clone().unwrap_or_default();
    let text = |value: &str| json!(value).to_string();
    let mut card = format!("---\nmodel_name: {}\n", text(manifest.model.as_str()));
    if let Some(licence) = &made.licence {
        card += &format!("license: {}\n", text(licence));
    }
    card += &format!("tags: [{}]\nlibrary_name: {}\n", manifest.signature.task, manifest.format.library());
    if !origin.datasets.is_empty() {
        card += "datasets:\n";
        origin.datasets.keys().for_each(|name| card += &format!("- {}\n", text(name)));
    }
    card += &format!("---\n\n# {}\n\n", manifest.model);
    let missing = "*(not stated)*";
    card += &format!("- purpose: {}\n", origin.purpose.as_deref().unwrap_or(missing));
    let not_for = if origin.not_for.is_empty() { missing.to_owned() } else { origin.not_for.join(", ") };
    card += &format!("- not for: {not_for}\n- owner: {}\n", made.owner.as_deref().unwrap_or(missing));
    card += &format!("- risk: {}\n- licence: {}\n", origin.risk, made.licence.as_deref().unwrap_or(missing));
    card += &format!("- run: {}, {}\n", manifest.run, origin.cause);
    card += &format!("- trained on {} rows", manifest.trained_rows);
    if let Some(through) = manifest.trained_through {
        card += &format!(", the newest of {through}");
    }
    card += "\n\n## Measured on held-out rows\n\n| metric | value |\n|---|---|\n";
    origin.metrics.iter().for_each(|(name, value)| card += &format!("| {name} | {value:.4} |\n"));
    card += "\n## Data\n\n| dataset | rows | digest |\n|---|---|---|\n";
    for (name, dataset) in &origin.datasets {
        let rows = dataset.rows.map_or_else(String::new, |rows| rows.to_string());
        card += &format!("| {name} | {rows} | `{}` |\n", dataset.digest.short());
    }
    card += "\n## Inputs\n\n| column | kind | missing values |\n|---|---|---|\n";
    for input in &manifest.signature.inputs {
        card += &format!(
            "| {} | {} | {} |\n",
            input.name,
            format!("{:?}", input.kind).to_lowercase(),
            format!("{:?}", input.missing).to_lowercase()
        );
    }
    card
}
