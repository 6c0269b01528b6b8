//! Watches the code: crates depend the right way, files import without circles, what a person may type or read is documented,
//! generated pages are fresh, functions and files stay small.

mod architecture;
mod dependencies;
mod documents;
mod length;
mod links;
mod module_order;
mod modules;
mod rights;
mod source;
mod unused;
mod words;
