//! Files of a crate import each other without circles, and no module of a crate imports a later one.
//!
//! Imports are read from the syntax tree: every `use` and every path that begins with `crate`, `super`, `self`, a module or an imported
//! name. A name counts for the file that defines it, not for the module that re-exports it. Tests are left out. Methods of a type that
//! another file defines are not seen.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Attribute, Item, Path as SynPath, UseTree,
    visit::{self, Visit},
};

use crate::{
    module_order::ORDER,
    source::{crates, sources},
};

/// Circles that are still there, by crate. The list may only shrink.
const LEFT: &[(&str, usize)] = &[];

type Name = Vec<String>;

/// What one module offers and imports.
#[derive(Default)]
struct Module {
    file: String,
    defines: BTreeSet<String>,
    /// Name in this module → path as it is written.
    imports: BTreeMap<String, Name>,
    globs: Vec<Name>,
    paths: Vec<Name>,
}

/// The modules of a crate by their path from its root.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Name, Module>,
}

pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<SynPath>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn module_of(path: &str, krate: &str) -> Name {
    let inside = path.strip_prefix(&format!("crates/{krate}/src/")).expect("it lies in the crate");
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned).collect()
}

fn read(krate: &str) -> Crate {
    let mut found = Crate::default();
    let path = format!("crates/{krate}/src/");
    for source in
        sources().into_iter().filter(|source| source.krate == krate && source.path != format!("{path}main.rs"))
    {
        let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
        let at = module_of(&source.path, krate);
        read_items(&file.items, at, &source.path, &mut found);
    }
    found
}

fn read_items(items: &[Item], at: Name, file: &str, found: &mut Crate) {
    let mut module = Module { file: file.to_owned(), ..Module::default() };
    let mut collector = Paths::default();
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        match item {
            Item::Mod(inner) => {
                if let Some((_, items)) = &inner.content {
                    read_items(items, [at.clone(), vec![inner.ident.to_string()]].concat(), file, found);
                }
            }
            Item::Use(item) => flatten(&item.tree, Vec::new(), &mut module),
            other => {
                module.defines.extend(defined(other));
                collector.visit_item(other);
            }
        }
    }
    for tree in &collector.uses {
        flatten(tree, Vec::new(), &mut module);
    }
    module.paths = collector.paths;
    found.modules.insert(at, module);
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => &[],
    }
}

fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Fn(item) => &item.sig.ident,
        Item::Struct(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Const(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

fn flatten(tree: &UseTree, mut path: Name, module: &mut Module) {
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            flatten(&inner.tree, path, module);
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, path.clone(), module)),
        UseTree::Glob(_) => module.globs.push(path),
        UseTree::Name(name) if name.ident == "self" => {
            let last = path.last().cloned().unwrap_or_default();
            module.imports.insert(last, path);
        }
        UseTree::Name(name) => {
            path.push(name.ident.to_string());
            module.imports.insert(name.ident.to_string(), path);
        }
        UseTree::Rename(renamed) => {
            path.push(renamed.ident.to_string());
            module.imports.insert(renamed.rename.to_string(), path);
        }
    }
}

/// Every path of an item, and the `use` lines inside of functions.
#[derive(Default)]
struct Paths {
    paths: Vec<Name>,
    uses: Vec<UseTree>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast SynPath) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.uses.push(item.tree.clone());
    }

    fn visit_macro(&mut self, inner: &'ast syn::Macro) {
        // The arguments of `format!`, `matches!` and their like are expressions in most cases.
        type Arguments = syn::punctuated::Punctuated<syn::Expr, syn::Token![,]>;
        if let Ok(arguments) = inner.parse_body_with(Arguments::parse_terminated) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
        visit::visit_macro(self, inner);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }
}

impl Crate {
    /// The file that defines what `path` names, seen from `at`; `None`: another crate, a local name, or a module itself.
    fn definition(&self, at: &[String], path: &[String], depth: usize) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        if depth > 20 {
            return None;
        }
        match first.as_str() {
            "crate" => return self.walk(Vec::new(), rest, depth),
            "self" => return self.walk(at.to_vec(), rest, depth),
            "super" => return self.walk(at[..at.len().checked_sub(1)?].to_vec(), rest, depth),
            _ => {}
        }
        self.walk(at.to_vec(), path, depth)
    }

    fn walk(&self, mut at: Name, path: &[String], depth: usize) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        if first == "super" {
            at.pop();
            return self.walk(at, rest, depth);
        }
        let module = self.modules.get(&at)?;
        if module.defines.contains(first) {
            return Some(&module.file);
        }
        let child = [at.clone(), vec![first.clone()]].concat();
        if self.modules.contains_key(&child) {
            return self.walk(child, rest, depth);
        }
        if let Some(target) = module.imports.get(first).filter(|target| target.as_slice() != path) {
            let full: Name = target.iter().chain(rest).cloned().collect();
            let child_first = target.first() != Some(first) || target.len() > 1;
            return child_first.then(|| self.definition(&at, &full, depth + 1)).flatten();
        }
        module.globs.iter().find_map(|glob| {
            let full: Name = glob.iter().chain(path).cloned().collect();
            self.definition(&at, &full, depth + 1)
        })
    }

    /// File → the files whose definitions it names.
    fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (at, module) in &self.modules {
            for path in module.paths.iter().chain(module.imports.values()) {
                let Some(target) = self.definition(at, path, 0).filter(|target| *target != module.file) else {
                    continue;
                };
                arrows.entry(&module.file).or_default().insert(target);
            }
        }
        arrows
    }
}

/// The strongly connected components with more than one node: each is a circle or several.
fn circles<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reach = |from: &'a str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(node) = open.pop() {
            open.extend(arrows.get(node).into_iter().flatten().copied().filter(|next| seen.insert(*next)));
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|node| (*node, reach(node))).collect();
    let mut found = BTreeSet::new();
    for (node, targets) in reached.iter().filter(|(node, targets)| targets.contains(*node)) {
        let same = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(node));
        found.insert(targets.iter().filter(same).copied().collect::<BTreeSet<_>>());
    }
    found.into_iter().collect()
}

/// The module right below the root of the crate in which a file lies; `lib` for the root itself.
fn top_module<'a>(file: &'a str, krate: &str) -> &'a str {
    let inside = file.strip_prefix(&format!("crates/{krate}/src/")).expect("it lies in the crate");
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Module → the modules that it imports, right below the root of the crate.
fn module_arrows<'a>(
    arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    krate: &str,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, targets) in arrows {
        let from = top_module(from, krate);
        found.entry(from).or_default().extend(targets.iter().map(|to| top_module(to, krate)).filter(|to| *to != from));
    }
    found
}

#[test]
fn no_module_imports_a_later_one() {
    let mut found = Vec::new();
    for krate in crates() {
        let read = read(&krate);
        let there: BTreeSet<&str> = read.modules.values().map(|module| top_module(&module.file, &krate)).collect();
        let Some((_, order)) = ORDER.iter().find(|(name, _)| *name == krate) else { continue };
        let listed: BTreeSet<&str> = order.iter().copied().chain(["lib"]).collect();
        found.extend(there.difference(&listed).map(|name| format!("{krate}: `{name}` has no place in ORDER")));
        found.extend(listed.difference(&there).map(|name| format!("{krate}: `{name}` in ORDER is no module")));
        let place = |name: &str| order.iter().position(|other| *other == name).unwrap_or(order.len());
        for (from, targets) in module_arrows(&read.arrows(), &krate) {
            let later = targets.into_iter().filter(|to| place(to) >= place(from));
            found.extend(later.map(|to| format!("{krate}: `{from}` imports `{to}`, which is later")));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut found = Vec::new();
    for krate in crates() {
        let read = read(&krate);
        let left = LEFT.iter().find(|(name, _)| *name == krate).map_or(0, |(_, count)| *count);
        let circles: Vec<_> =
            circles(&read.arrows()).into_iter().map(|circle| format!("{krate}: {circle:#?}")).collect();
        found.extend((circles.len() > left).then_some(circles).into_iter().flatten());
    }
    assert!(found.is_empty(), "{} circles of files\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_re_export_counts_for_the_file_that_defines_the_name() {
    let mut krate = Crate::default();
    let parse = |text: &str| syn::parse_file(text).unwrap().items;
    read_items(&parse("pub use a::A; mod a; mod b; pub struct Root;"), vec![], "lib.rs", &mut krate);
    read_items(
        &parse("use crate::Root; pub struct A; fn f() { crate::b::g(matches!(1, 2)) }"),
        vec!["a".into()],
        "a.rs",
        &mut krate,
    );
    read_items(
        &parse("use super::A; pub fn g(_: A) {} #[cfg(test)] mod t { use crate::Root; }"),
        vec!["b".into()],
        "b.rs",
        &mut krate,
    );
    let arrows = krate.arrows();
    assert_eq!(arrows["b.rs"], BTreeSet::from(["a.rs"]));
    assert_eq!(arrows["a.rs"], BTreeSet::from(["b.rs", "lib.rs"]));
    assert_eq!(circles(&arrows), [BTreeSet::from(["a.rs", "b.rs", "lib.rs"])]);
}
