//! What a lower crate offers has a caller in the product, or `docs/roadmap.md` says what it waits for.
//!
//! Names are read from the syntax trees. The crates from `evaluation` upwards are the product: whatever they name is reached, and
//! whatever a reached item of a lower crate names is reached too. Two things of one name count as one, so this finds too little
//! rather than too much. Tests, benches and examples reach nothing.

use std::{collections::BTreeSet, fs};

use syn::{
    Attribute, Ident, ImplItem, Item, Type, Visibility,
    visit::{self, Visit},
};

use crate::{
    modules::is_test,
    source::{Source, root, sources},
};

/// The crates whose public items are looked at.
const LOWER: &[&str] = &["blobs", "domain", "inference", "lake", "report", "serving", "stats", "store", "train"];

/// Something that can be named.
struct Named {
    krate: String,
    path: String,
    /// The type whose method it is.
    owner: Option<String>,
    name: String,
    is_public: bool,
    /// What it names itself.
    words: BTreeSet<String>,
}

#[derive(Default)]
struct Words(BTreeSet<String>);

impl Words {
    /// Adds the names in code; of texts only what they print, like `{name}`.
    fn add(&mut self, tokens: &str) {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        for (at, part) in tokens.replace("\\\"", "").split('"').enumerate() {
            if at % 2 == 0 {
                self.0.extend(part.split(|c: char| !is_name(c)).map(str::to_owned));
            } else {
                let printed = part.split('{').skip(1).map(|rest| rest.chars().take_while(|c| is_name(*c)).collect());
                self.0.extend(printed);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Words {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.0.insert(ident.to_string());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let (false, syn::Meta::List(list)) = (attribute.path().is_ident("doc"), &attribute.meta) {
            self.add(&list.tokens.to_string());
        }
    }

    fn visit_item_mod(&mut self, inner: &'ast syn::ItemMod) {
        if !is_test(&inner.attrs) {
            visit::visit_item_mod(self, inner);
        }
    }

    fn visit_macro(&mut self, inner: &'ast syn::Macro) {
        self.add(&inner.tokens.to_string());
        visit::visit_macro(self, inner);
    }
}

/// What the items of a file are called and what they name; what has no name of its own goes to `reached`.
fn read(items: &[Item], source: &Source, found: &mut Vec<Named>, reached: &mut BTreeSet<String>) {
    for item in items {
        let mut words = Words::default();
        let (ident, visibility, attributes) = match item {
            Item::Use(_) => continue,
            Item::Mod(inner) => {
                if let (false, Some((_, items))) = (is_test(&inner.attrs), &inner.content) {
                    read(items, source, found, reached);
                }
                continue;
            }
            Item::Impl(block) => {
                read_impl(block, source, found);
                continue;
            }
            Item::Fn(item) => (&item.sig.ident, &item.vis, &item.attrs),
            Item::Struct(item) => (&item.ident, &item.vis, &item.attrs),
            Item::Enum(item) => (&item.ident, &item.vis, &item.attrs),
            Item::Trait(item) => (&item.ident, &item.vis, &item.attrs),
            Item::Type(item) => (&item.ident, &item.vis, &item.attrs),
            Item::Const(item) => (&item.ident, &item.vis, &item.attrs),
            Item::Static(item) => (&item.ident, &item.vis, &item.attrs),
            other => {
                words.visit_item(other);
                reached.extend(words.0);
                continue;
            }
        };
        if is_test(attributes) {
            continue;
        }
        words.visit_item(item);
        words.0.remove(&ident.to_string());
        found.push(named(source, None, ident, visibility, words));
    }
}

fn named(source: &Source, owner: Option<&str>, ident: &Ident, visibility: &Visibility, words: Words) -> Named {
    Named {
        krate: source.krate.clone(),
        path: source.path.clone(),
        owner: owner.map(str::to_owned),
        name: ident.to_string(),
        is_public: matches!(visibility, Visibility::Public(_)),
        words: words.0,
    }
}

/// A method is reached by its name, once its type is; what a trait asks for is reached with the type.
fn read_impl(block: &syn::ItemImpl, source: &Source, found: &mut Vec<Named>) {
    let Type::Path(path) = block.self_ty.as_ref() else { return };
    let Some(owner) = path.path.segments.last().map(|segment| segment.ident.clone()) else { return };
    for item in &block.items {
        let mut words = Words::default();
        words.visit_impl_item(item);
        match item {
            ImplItem::Fn(method) if block.trait_.is_none() => {
                words.0.remove(&method.sig.ident.to_string());
                found.push(named(source, Some(&owner.to_string()), &method.sig.ident, &method.vis, words));
            }
            _ => found.push(named(source, None, &owner, &Visibility::Inherited, words)),
        }
    }
}

/// The public items of lower crates that nothing of the product reaches.
fn unreached() -> Vec<Named> {
    let (mut found, mut reached) = (Vec::new(), BTreeSet::new());
    for source in sources() {
        let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
        if LOWER.contains(&source.krate.as_str()) {
            read(&file.items, &source, &mut found, &mut reached);
        } else {
            let mut words = Words::default();
            file.items.iter().for_each(|item| words.visit_item(item));
            reached.extend(words.0);
        }
    }
    let is_reached = |item: &Named, reached: &BTreeSet<String>| {
        reached.contains(&item.name) && item.owner.as_ref().is_none_or(|owner| reached.contains(owner))
    };
    loop {
        let (now, left): (Vec<Named>, Vec<Named>) = found.into_iter().partition(|item| is_reached(item, &reached));
        found = left;
        if now.is_empty() {
            break;
        }
        reached.extend(now.into_iter().flat_map(|item| item.words));
    }
    found.retain(|item| item.is_public);
    found
}

/// Crate and names of each row of the roadmap's table.
fn waiting() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(root().join("docs/roadmap.md")).expect("the roadmap can be read");
    let section = page.split("\n## ").find(|section| section.starts_with("Code without a caller")).unwrap_or_default();
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let mut cells = line.split('|').skip(1);
        let krate = cells.next().map(quoted).and_then(|names| names.first().cloned()).unwrap_or_default();
        (krate, cells.next().map(quoted).unwrap_or_default())
    };
    rows.map(row).collect()
}

/// Whether `name` of the roadmap stands for the item: its own name, that of its type, or that of its file or folder.
fn stands_for(name: &str, item: &Named) -> bool {
    let last = name.rsplit("::").next().unwrap_or(name);
    let mut parts = item.path.split('/').map(|part| part.trim_end_matches(".rs"));
    item.name == last || item.owner.as_deref() == Some(last) || parts.any(|part| part == last)
}

#[test]
fn what_nothing_reaches_is_on_the_roadmap() {
    let (unreached, waiting) = (unreached(), waiting());
    let is_waiting = |item: &&Named| {
        waiting.iter().any(|(krate, names)| *krate == item.krate && names.iter().any(|name| stands_for(name, item)))
    };
    let missing: Vec<String> = unreached
        .iter()
        .filter(|item| !is_waiting(item))
        .map(|item| {
            format!(
                "{}: {}{}",
                item.path,
                item.owner.as_ref().map_or(String::new(), |owner| format!("{owner}::")),
                item.name
            )
        })
        .collect();
    assert!(
        missing.is_empty(),
        "nothing calls these: remove them, or say in docs/roadmap.md what they wait for\n{}",
        missing.join("\n")
    );
}

#[test]
fn what_is_on_the_roadmap_still_waits() {
    let unreached = unreached();
    for (krate, names) in waiting() {
        for name in names {
            let waits = unreached.iter().any(|item| item.krate == krate && stands_for(&name, item));
            assert!(waits, "docs/roadmap.md: {krate} has nothing without a caller that is called `{name}`");
        }
    }
}
