//! The files of the web UI, in the binary.
//!
//! `build.rs` builds them from `web/`; a binary that was built without Node has one plain page that says how to get them.
//!
//! Invariants: a file below `assets/` has its digest in its name, so it never changes under it; every other path that a browser
//! opens is the one page, which reads the address itself.

/// A file of the UI.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its path below the root of the server, without a slash before it.
    pub path: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same in gzip, where the build made it.
    pub gzip: Option<&'static [u8]>,
    /// The same in brotli, where the build made it.
    pub brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

const PAGE: &str = "index.html";
const PLAIN_PAGE: File = File { path: PAGE, bytes: include_bytes!("plain.html"), gzip: None, brotli: None };

impl File {
    /// Its media type, by its name.
    pub fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("json") => "application/json",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("woff2") => "font/woff2",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// Whether its name changes whenever its bytes do.
    pub fn is_named_by_digest(&self) -> bool {
        self.path.starts_with("assets/")
    }
}

/// Whether the binary has the UI, and not the plain page alone.
pub fn is_built() -> bool {
    find(PAGE).is_some()
}

/// The file at a path without a slash before it; `None` where there is none.
pub fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// The page that a browser opens.
pub fn page() -> &'static File {
    find(PAGE).unwrap_or(&PLAIN_PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_and_every_file_that_it_names() {
        let page = std::str::from_utf8(page().bytes).expect("the page is UTF-8");
        assert!(page.contains("<title>Kilter"));
        let named = page.split('"').filter_map(|part| part.strip_prefix("/assets/"));
        for name in named {
            assert!(find(&format!("assets/{name}")).is_some(), "{name} is missing");
        }
        assert_eq!(is_built(), !FILES.is_empty());
        if std::env::var("UI_REQUIRE").is_ok_and(|value| value == "1") {
            assert!(is_built(), "the UI is required, and is not there");
        }
    }

    #[test]
    fn files_say_what_they_are() {
        let of = |path| File { path, ..PLAIN_PAGE }.media_type();
        assert_eq!(of("index.html"), "text/html; charset=utf-8");
        assert_eq!(of("assets/a-1.js"), "text/javascript; charset=utf-8");
        assert_eq!(of("LICENSE"), "application/octet-stream");
    }
}
