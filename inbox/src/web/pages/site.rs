//! What is on every page, and what is asked for by the query of its URL.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, Query as UrlQuery};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{assets, render};
use crate::inbox::Shared;
use crate::mail::{Id, Mail};
use crate::query::Query;
use crate::store::{Stats, StoreError};

/// What is on every page.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Site {
    /// Where the inbox is mounted; empty for the root.
    pub(super) base: String,
    /// The list of mails.
    home: String,
    css: &'static str,
    js: &'static str,
    icon: &'static str,
    /// Where mail is taken.
    pub(super) smtp: String,
    unread: usize,
    dropped: u64,
    /// How many fault rules there are.
    rules: usize,
    #[serde(skip)]
    pub(super) stats: Stats,
    #[serde(skip)]
    pub(super) asked: Asked,
}

/// Which mails a page is to list.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// A search.
    #[serde(default)]
    pub(super) q: String,
    /// The mails of one box.
    #[serde(rename = "box")]
    pub(super) mailbox: Option<String>,
    /// Only mails with lower numbers.
    pub(super) before: Option<Id>,
}

/// The same for templates: with queries of URLs that keep it, or part of it.
#[derive(Debug, Serialize)]
struct Links<'a> {
    q: &'a str,
    #[serde(rename = "box")]
    mailbox: Option<&'a str>,
    error: Option<String>,
    all: String,
    first: String,
    without_box: String,
}

/// Why there is no page.
pub(super) struct Problem {
    site: Box<Site>,
    status: StatusCode,
    title: &'static str,
    text: String,
}

/// The answer to what is not there.
pub(super) async fn nothing_here(site: Site) -> Problem {
    site.missing()
}

impl Site {
    /// A page out of a template: with the values of all pages, and these.
    pub(super) fn page(
        &self,
        template: &str,
        view: &str,
        values: Value,
    ) -> Result<Response, Problem> {
        let values = context! {
            site => Serde(self),
            query => Serde(self.asked.links()),
            view,
            ..values
        };
        render::page(template, values).map_err(|error| self.failed(format!("{error:#}")))
    }

    pub(super) fn missing(&self) -> Problem {
        self.problem(
            StatusCode::NOT_FOUND,
            "Not here",
            "There is no such page, or its mail was deleted.".to_owned(),
        )
    }

    pub(super) fn failed(&self, why: impl ToString) -> Problem {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        self.problem(status, "That did not work", why.to_string())
    }

    pub(super) fn problem(&self, status: StatusCode, title: &'static str, text: String) -> Problem {
        Problem {
            site: Box::new(self.clone()),
            status,
            title,
            text,
        }
    }

    /// Counts anew, when something has changed.
    pub(super) async fn count(&mut self, shared: &Shared) -> Result<(), Problem> {
        let stats = shared.store.stats().await;
        self.stats = stats.map_err(|error| self.failed(error))?;
        self.unread = self.stats.unread;
        Ok(())
    }

    /// Back to the list, after a form.
    pub(super) fn back(&self) -> Redirect {
        Redirect::to(&format!("{}{}", self.home, self.asked.all()))
    }

    async fn of(parts: &mut Parts, shared: &Shared) -> Result<Self, StoreError> {
        let stats = shared.store.stats().await?;
        let base = base(parts);
        let home = if base.is_empty() { "/" } else { &base };
        // What cannot be read asks for nothing.
        let asked = UrlQuery::<Asked>::try_from_uri(&parts.uri)
            .map(|asked| asked.0)
            .unwrap_or_default();
        Ok(Self {
            home: home.to_owned(),
            css: &assets::CSS.name,
            js: &assets::JS.name,
            icon: &assets::ICON.name,
            smtp: shared
                .place
                .smtp
                .map_or_else(String::new, |address| address.to_string()),
            unread: stats.unread,
            dropped: stats.dropped,
            rules: shared.faults.list().len(),
            base,
            stats,
            asked,
        })
    }
}

impl FromRequestParts<Arc<Shared>> for Site {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Response> {
        Self::of(parts, shared)
            .await
            .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response())
    }
}

impl Asked {
    /// What the store is asked for.
    pub(super) fn query(&self) -> Result<Query, String> {
        let mut query: Query = self.q.parse().map_err(|error| format!("{error}"))?;
        if self.mailbox.is_some() {
            query.mailbox.clone_from(&self.mailbox);
        }
        Ok(query)
    }

    /// The query of a URL that asks for the same.
    pub(super) fn all(&self) -> String {
        self.in_url(self.mailbox.as_deref(), self.before)
    }

    /// The query of a URL that asks for these mails of the same search.
    pub(super) fn in_url(&self, mailbox: Option<&str>, before: Option<Id>) -> String {
        let q = (!self.q.is_empty()).then(|| self.q.clone());
        let before = before.map(|id| id.to_string());
        url_query(&[
            ("q", q.as_deref()),
            ("box", mailbox),
            ("before", before.as_deref()),
        ])
    }

    fn links(&self) -> Links<'_> {
        Links {
            q: &self.q,
            mailbox: self.mailbox.as_deref(),
            error: self.query().err(),
            all: self.all(),
            first: self.in_url(self.mailbox.as_deref(), None),
            without_box: self.in_url(None, None),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let values = context! { title => self.title, text => self.text };
        let page = self.site.page("error.html", "error", values);
        let body = page.unwrap_or_else(|problem| problem.text.into_response());
        (self.status, body).into_response()
    }
}

/// The query of a URL, from `?` on, with the pairs that have a value; empty if none has.
pub(super) fn url_query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        let Some(value) = value else { continue };
        let mark = if query.is_empty() { '?' } else { '&' };
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        // Writing to a string does not fail.
        let _ = write!(query, "{mark}{name}={value}");
    }
    query
}

/// What the server took, or the page of a mail that is not there.
pub(super) async fn mail(site: &Site, shared: &Shared, id: &str) -> Result<Arc<Mail>, Problem> {
    let id = id.parse().map_err(|_| site.missing())?;
    let found = shared.store.get(id).await;
    found
        .map_err(|error| site.failed(error))?
        .ok_or_else(|| site.missing())
}

/// Where the router is mounted: what the application around it took off the path.
fn base(parts: &Parts) -> String {
    let inner = parts.uri.path();
    let outer = parts.extensions.get::<OriginalUri>();
    let outer = outer.map_or(inner, |uri| uri.path());
    let base = outer.strip_suffix(inner);
    base.unwrap_or_else(|| outer.trim_end_matches('/'))
        .to_owned()
}
