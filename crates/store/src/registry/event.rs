//! What happened in the registry, said in the transaction in which it happens.

use kilter_domain::{registry::RegistryEvent, search::IS_PROMPT_TAG};

use crate::{Reader, StoreError, Tx, database::named_params, statement::statements};

statements! {
    IS_PROMPT = "read whether the model is a prompt": "
        SELECT 1 FROM registered_model_tag WHERE model = :model AND name = :name AND lower(value) = 'true'";
}

/// Says what happened to a model, by its key. Every write of the registry comes through here before its transaction ends, from
/// whichever door: **whoever has to pass an event on (an outbox, a webhook) writes its row here**, and it is there exactly if the change
/// is. Prompts, which are kept as models, are no event of a model.
///
/// # Errors
/// When the database fails.
pub(crate) fn emit(tx: &Tx, model: i64, event: &RegistryEvent) -> Result<(), StoreError> {
    if !is_prompt(tx, model)? {
        tracing::info!(event = event.kind(), model = %event.model(), "the registry changed");
    }
    Ok(())
}

fn is_prompt(reader: &Reader, model: i64) -> Result<bool, StoreError> {
    let params = named_params! { ":model": model, ":name": IS_PROMPT_TAG };
    Ok(reader.one(&IS_PROMPT, params, |_| Ok(()))?.is_some())
}
