//! Templates, filled in.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use minijinja::{AutoEscape, Environment, Value};

/// What a page may do: load its own style and script, and show frames and pictures of this server. It sends forms nowhere else, is in
/// nobody's frame, and its script cannot turn text into HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../ui/", $name)))),+]
    };
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // All of them are HTML: what is put in is escaped.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("octets", octets);
    let templates = templates![
        "about.html",
        "base.html",
        "clear.html",
        "error.html",
        "faults.html",
        "finds.html",
        "hint.html",
        "inbox.html",
        "keys.html",
        "list.html",
        "mail.html",
        "setup.html",
        "tab_checks.html",
        "tab_differ.html",
        "tab_headers.html",
        "tab_html.html",
        "tab_source.html",
        "tab_text.html",
        "tab_transcript.html",
        "tab_tree.html",
        "welcome.html",
    ];
    for (name, source) in templates {
        // One that is wrong is missing when it is asked for; a test asks for all.
        let _ = environment.add_template(name, source);
    }
    environment
});

/// A page out of a template.
pub(super) fn page(template: &str, values: Value) -> Result<Response, minijinja::Error> {
    let text = TEMPLATES.get_template(template)?.render(values)?;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Html(text)).into_response())
}

/// So many octets, to be read by people.
pub(super) fn octets(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut amount = count as f64 / 1000.0;
    let mut unit = units.iter().peekable();
    while amount >= 999.5 && unit.len() > 1 {
        amount /= 1000.0;
        unit.next();
    }
    let unit = unit.next().unwrap_or(&"TB");
    if amount < 99.95 {
        format!("{amount:.1} {unit}")
    } else {
        format!("{amount:.0} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_short() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (14_231, "14.2 kB"),
            (102_000, "102 kB"),
            (999_600, "1.0 MB"),
            (52_428_800, "52.4 MB"),
            (u64::MAX, "18446744 TB"),
        ];
        for (count, text) in cases {
            assert_eq!(octets(count), text);
        }
    }

    #[test]
    fn all_templates_are_well_formed() {
        assert_eq!(TEMPLATES.templates().count(), 21);
    }
}
