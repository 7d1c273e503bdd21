//! The style budget: short files, short functions, documented errors, few feature switches.

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const CRATES: [&str; 5] = ["message", "smtp", "posthaste", "inbox", "cli"];

#[test]
fn files_stay_under_500_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (lines_without_tests(&text), path))
        .filter(|(lines, _)| *lines > 500)
        .collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

#[test]
fn functions_stay_short() {
    let mut functions: Vec<_> = sources()
        .iter()
        .flat_map(|(path, text)| functions(path, text))
        .collect();
    assert!(!functions.is_empty());
    functions.sort_by_key(|function| function.lines);
    let at = |share: usize| functions[(functions.len() - 1) * share / 100].lines;
    assert!(at(50) <= 8, "the median function has {} lines", at(50));
    assert!(
        at(90) <= 30,
        "one function in ten has over {} lines",
        at(90)
    );
    let long: Vec<_> = functions
        .iter()
        .filter(|function| function.lines > 80)
        .map(|function| &function.name)
        .collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

#[test]
fn fallible_public_functions_say_when_they_fail() {
    let silent: Vec<_> = sources()
        .iter()
        .flat_map(|(path, text)| functions(path, text))
        .filter(|function| function.public && function.fallible && !function.errors_documented)
        .map(|function| function.name)
        .collect();
    assert!(silent.is_empty(), "no `# Errors` on {silent:?}");
}

#[test]
fn feature_switches_are_few() {
    let switches: usize = sources()
        .iter()
        .map(|(_, text)| text.matches("cfg(feature").count())
        .sum();
    assert!(switches <= 30, "{switches} lines with cfg(feature)");
}

struct Function {
    name: String,
    lines: usize,
    public: bool,
    fallible: bool,
    errors_documented: bool,
}

fn functions(path: &Path, text: &str) -> Vec<Function> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found = Functions {
        path,
        found: Vec::new(),
    };
    found.visit_file(&file);
    found.found
}

struct Functions<'a> {
    path: &'a Path,
    found: Vec<Function>,
}

impl Functions<'_> {
    fn add(
        &mut self,
        attributes: &[syn::Attribute],
        visibility: &syn::Visibility,
        signature: &syn::Signature,
        end: usize,
    ) {
        let fallible =
            matches!(&signature.output, syn::ReturnType::Type(_, of) if starts_with_result(of));
        self.found.push(Function {
            name: format!("{}: {}", self.path.display(), signature.ident),
            lines: end - signature.span().start().line + 1,
            public: matches!(visibility, syn::Visibility::Public(_)),
            fallible,
            errors_documented: doc(attributes).contains("# Errors"),
        });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(
            &function.attrs,
            &function.vis,
            &function.sig,
            function.block.span().end().line,
        );
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(
            &function.attrs,
            &function.vis,
            &function.sig,
            function.block.span().end().line,
        );
        visit::visit_impl_item_fn(self, function);
    }
}

fn starts_with_result(of: &syn::Type) -> bool {
    matches!(of, syn::Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Result"))
}

fn doc(attributes: &[syn::Attribute]) -> String {
    let text = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    attributes
        .iter()
        .filter_map(text)
        .collect::<Vec<_>>()
        .join("\n")
}

fn lines_without_tests(text: &str) -> usize {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .count()
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in CRATES {
        collect(&root.join(name).join("src"), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            found.push((path, text));
        }
    }
}
