//! Who may ask. A web page of somebody else's must not read or change what is here, whatever a browser lets it send.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::{fmt, io};

use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION,
    ORIGIN, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::inbox::Shared;

/// Who may ask for pages and data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// The names, besides those of this machine, by which it may be asked.
    pub(crate) hosts: Vec<String>,
    /// What everybody has to know who asks. None: whoever is on this machine may.
    pub(crate) token: Option<Token>,
    /// Whether an application that is built for release may show it.
    pub(crate) in_release: bool,
}

/// A secret. It does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

/// The cookie that a browser keeps the token in.
const KEEPS_TOKEN: &str = "posthaste-inbox";
/// A header that no form can send, and no script of another site without asking first.
const MARK: &str = "x-posthaste";
/// The content types that a form of another site can send, without asking first.
const OF_FORMS: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];
/// What an answer allows a browser that says nothing itself: nothing.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lets a request through, or says why not. It stands before every route.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let access = &shared.access;
    let checked = is_meant(access, &request)
        .and_then(|()| is_of_this_site(&request))
        .and_then(|()| is_known(access, &request));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    harden(response.headers_mut());
    response
}

/// Why a request is not let through.
enum Refusal {
    /// In words.
    Because(StatusCode, &'static str),
    /// The token was in the address: it goes into a cookie, and out of the address.
    TakeCookie(HeaderValue, HeaderValue),
}

/// Whether the request means this server. A name that somebody has pointed at this machine does not (DNS rebinding).
fn is_meant(access: &Access, request: &Request) -> Result<(), Refusal> {
    let mut named = request.headers().get_all(HOST).iter();
    let host = named.next().and_then(|host| host.to_str().ok());
    let target = request.uri().authority().map(|target| target.as_str());
    let is_meant = host.is_some_and(|host| access.has_host(host))
        && named.next().is_none()
        && target.is_none_or(|target| access.has_host(target));
    if is_meant {
        Ok(())
    } else {
        Err(Refusal::Because(
            StatusCode::MISDIRECTED_REQUEST,
            "This inbox answers to localhost alone. Other names have to be allowed when it is started, by --host NAME.",
        ))
    }
}

/// Whether the request comes from a page of this server, from no page, or is harmless.
fn is_of_this_site(request: &Request) -> Result<(), Refusal> {
    let said = |name: &str| {
        let value = request.headers().get(name);
        value.map(|value| value.to_str().unwrap_or_default())
    };
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let site = said("sec-fetch-site");
    if matches!(site, Some("cross-site" | "same-site"))
        && !(is_safe
            && said("sec-fetch-mode") == Some("navigate")
            && said("sec-fetch-dest") == Some("document"))
    {
        return Err(Refusal::Because(
            StatusCode::FORBIDDEN,
            "Another web site asked for this.",
        ));
    }
    let origin = match said(ORIGIN.as_str()) {
        // A form of a page that sends no referrer; the browser has said that the page is ours.
        Some("null") if site == Some("same-origin") => None,
        origin => origin,
    };
    let host = said(HOST.as_str()).unwrap_or_default();
    let is_own = origin.map(|origin| {
        let name = origin.split_once("://").map(|(_, name)| name);
        name.is_some_and(|name| name.eq_ignore_ascii_case(host))
    });
    if is_own == Some(false) {
        return Err(Refusal::Because(
            StatusCode::FORBIDDEN,
            "Another web site asked for this.",
        ));
    }
    let is_deliberate = site == Some("same-origin")
        || is_own == Some(true)
        || said(MARK).is_some()
        || said(CONTENT_TYPE.as_str()).is_some_and(is_of_programs);
    if is_safe || is_deliberate {
        Ok(())
    } else {
        Err(Refusal::Because(
            StatusCode::FORBIDDEN,
            "What changes something has to have a content type like application/json, or the header X-Posthaste: 1.",
        ))
    }
}

/// Whether who asks knows the token, where there is one.
fn is_known(access: &Access, request: &Request) -> Result<(), Refusal> {
    let Some(token) = &access.token else {
        return Ok(());
    };
    let headers = request.headers();
    if said_tokens(headers).any(|said| token.is(said)) {
        return Ok(());
    }
    let query = request.uri().query().unwrap_or_default();
    let mut asked = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("token="));
    if request.method() == Method::GET && asked.any(|said| token.is(said)) {
        return token.as_cookie(request);
    }
    Err(Refusal::Because(
        StatusCode::UNAUTHORIZED,
        "This inbox wants its token: open the address that it printed when it was started; programs say Authorization: Bearer TOKEN.",
    ))
}

/// What a request offers as a token.
fn said_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == KEEPS_TOKEN)
        .map(|(_, value)| value);
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, value)| value.trim());
    cookies.chain(bearer)
}

/// Whether a content type is one that another site cannot send without asking first.
fn is_of_programs(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.contains('/')
        && !OF_FORMS
            .iter()
            .any(|form| essence.eq_ignore_ascii_case(form))
}

/// What every answer says, so that other sites can make no use of it and nothing is kept on disk.
fn harden(headers: &mut HeaderMap) {
    let always = [
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        (X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff"),
        (REFERRER_POLICY.as_str(), "no-referrer"),
    ];
    for (name, value) in always {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NOTHING));
}

impl Access {
    /// Whether `host`, with a port or without, is a name of this server.
    fn has_host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
            _ => host,
        };
        let address = match name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
        {
            Some(name) => name.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => name.parse().ok().filter(IpAddr::is_ipv4),
        };
        if let Some(address) = address {
            // No name server stands between an address and what is meant by it; beyond this machine there is the token.
            return address.is_loopback() || self.token.is_some();
        }
        let name = name.to_ascii_lowercase();
        name == "localhost"
            || name.strip_suffix(".localhost").is_some_and(is_plain)
            || self
                .hosts
                .iter()
                .any(|host| name.eq_ignore_ascii_case(host))
    }
}

/// Whether it is made of what host names are made of.
fn is_plain(name: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    !name.is_empty() && name.bytes().all(is_plain)
}

impl Token {
    /// One that nobody can guess.
    pub(crate) fn random() -> io::Result<Self> {
        let mut octets = [0; 16];
        getrandom::fill(&mut octets).map_err(io::Error::other)?;
        Ok(Self(
            octets.iter().map(|octet| format!("{octet:02x}")).collect(),
        ))
    }

    /// Compares in a time that does not depend on where the first difference is.
    fn is(&self, said: &str) -> bool {
        let differ = |(a, b): (u8, u8)| a ^ b;
        self.0.len() == said.len()
            && self
                .0
                .bytes()
                .zip(said.bytes())
                .map(differ)
                .fold(0, |all, one| all | one)
                == 0
    }

    /// Moves the token from the address, where it would stay in the history, into a cookie.
    fn as_cookie(&self, request: &Request) -> Result<(), Refusal> {
        let uri = request.extensions().get::<OriginalUri>();
        let path = uri.map_or(request.uri(), |OriginalUri(uri)| uri).path();
        // Two slashes would lead to another server.
        let path = format!("/{}", path.trim_start_matches(['/', '\\']));
        let cookie = format!(
            "{KEEPS_TOKEN}={}; Path=/; SameSite=Strict; HttpOnly",
            self.0
        );
        match (HeaderValue::try_from(path), HeaderValue::try_from(cookie)) {
            (Ok(path), Ok(cookie)) => Err(Refusal::TakeCookie(path, cookie)),
            _ => Err(Refusal::Because(
                StatusCode::UNAUTHORIZED,
                "This token is of no use in a cookie; it has to be plain letters and digits.",
            )),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Because(StatusCode::UNAUTHORIZED, text) => (
                StatusCode::UNAUTHORIZED,
                [(WWW_AUTHENTICATE, "Bearer")],
                format!("{text}\n"),
            )
                .into_response(),
            Self::Because(status, text) => (status, format!("{text}\n")).into_response(),
            Self::TakeCookie(path, cookie) => (
                StatusCode::SEE_OTHER,
                [(LOCATION, path), (SET_COOKIE, cookie)],
            )
                .into_response(),
        }
    }
}
