//! What the searches of MLflow's API have in common: filter, order, view, page.

use kilter_app::tracking::Query;
use kilter_domain::search::{InvalidPageToken, PageToken, View};

use super::message::Message;
use crate::error::MlflowError;

/// A search as the client states it.
pub(super) struct Stated<'m> {
    filter: &'m str,
    order_by: Vec<String>,
    view: View,
    token: PageToken,
}

impl<'m> Stated<'m> {
    /// Reads it; the view stands in the field `view`.
    pub(super) fn of(message: &'m Message, view: &str) -> Result<Self, MlflowError> {
        let filter = match message.text("filter")? {
            None => message.text("filter_string")?.unwrap_or_default(),
            Some(filter) => filter,
        };
        let token = token(message)?;
        Ok(Self { filter, order_by: message.texts("order_by")?, view: view_of(message, view)?, token })
    }

    /// The query, of at most so many things.
    pub(super) fn query(&self, limit: u32) -> Query<'_> {
        Query { filter: self.filter, order_by: &self.order_by, view: self.view, token: self.token, limit }
    }
}

fn view_of(message: &Message, name: &str) -> Result<View, MlflowError> {
    match message.text(name)?.unwrap_or_default() {
        "" | "ACTIVE_ONLY" => Ok(View::Active),
        "DELETED_ONLY" => Ok(View::Deleted),
        "ALL" => Ok(View::All),
        other => {
            Err(MlflowError::invalid_value(name, &other.into(), "it is no view: ACTIVE_ONLY, DELETED_ONLY or ALL"))
        }
    }
}

/// Where the page begins.
pub(super) fn token(message: &Message) -> Result<PageToken, MlflowError> {
    let read = message.text("page_token")?.unwrap_or_default().parse();
    read.map_err(|error: InvalidPageToken| MlflowError::invalid(error.to_string()))
}

/// How many things are wanted: 1 to `most`, `usual` where it is not said.
pub(super) fn limit(message: &Message, usual: u32, most: u32) -> Result<u32, MlflowError> {
    let stated = message.int("max_results")?.unwrap_or_else(|| usual.into());
    let hint = match stated {
        ..=0 => "It must be a positive integer".to_owned(),
        _ => format!("It must be at most {most}"),
    };
    let read = u32::try_from(stated).ok().filter(|limit| (1..=most).contains(limit));
    read.ok_or_else(|| {
        MlflowError::invalid(format!(
            "Invalid value {stated} for parameter 'max_results' supplied. {hint}, but got value {stated}"
        ))
    })
}
