//! What leaves the server about its own disk: failures name files by their place in the data folder, never by where the
//! folder lies on the machine. The log of the server has the whole path.

use std::path::Path;

use axum::{
    body::{Body, to_bytes},
    http::header::CONTENT_LENGTH,
    response::Response,
};

/// The longest failure whose text is looked through; ours are far shorter.
const MAX_FAILURE_BYTES: usize = 4 << 20;

/// The same response; when it is a failure, the place of the data folder is taken out of its text.
pub(crate) async fn without_data_folder(response: Response, data: &Path) -> Response {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_FAILURE_BYTES).await else {
        return Response::from_parts(head, Body::empty());
    };
    let shortened = shorten(&String::from_utf8_lossy(&bytes), data);
    let Some(text) = shortened else { return Response::from_parts(head, Body::from(bytes)) };
    tracing::error!(failure = %String::from_utf8_lossy(&bytes), "a request failed on a file of the server");
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(text))
}

/// The text with files named from the data folder on; `None` where none is named by more.
pub(crate) fn shorten(text: &str, data: &Path) -> Option<String> {
    let absolute = std::path::absolute(data).ok();
    let real = std::fs::canonicalize(data).ok();
    let mut folders: Vec<String> =
        [absolute, real].into_iter().flatten().map(|folder| in_json(&folder.display().to_string())).collect();
    folders.retain(|folder| folder.len() > 1 && text.contains(folder.as_str()));
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.len()));
    let first = folders.first()?;
    let without = |text: &str, folder: &str| text.replace(&format!("{folder}/"), "").replace(folder, "the data folder");
    let begun = without(text, first);
    Some(folders[1..].iter().fold(begun, |text, folder| without(&text, folder)))
}

/// A text as it stands within a JSON text.
fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_place_in_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/churn/0000000001.log");
        let text = format!(
            "{{\"detail\":\"could not record to {}: no space in {}\"}}",
            path.display(),
            folder.path().display()
        );
        let short = shorten(&text, folder.path()).unwrap();
        assert_eq!(short, "{\"detail\":\"could not record to log/churn/0000000001.log: no space in the data folder\"}");
        assert_eq!(shorten("{\"detail\":\"no file\"}", folder.path()), None);
    }
}
