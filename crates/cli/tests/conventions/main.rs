//! Watches the house: floors depend the right way, what a person may type or read is documented, generated pages are
//! fresh, functions and files stay small.

mod dependencies;
mod documents;
mod length;
mod links;
mod source;
mod words;
