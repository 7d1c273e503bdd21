//! `EMAIL_URL`: one line that stands for all settings of the connection.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::value::{self, Expected, Value};
use super::{Secret, Settings, table};

const FORMS: &str = "smtp://user:password@host:port?tls=starttls, smtps://…, lmtp://host or lmtp:///socket, console:, file:///folder, locmem: or dummy: \
                     (in the password write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #, %25 for %)";
const PARAMETERS: &str = "tls, timeout, ssl_keyfile, ssl_certfile, ssl_cafile, token_command, send_timeout, bind_address, \
                          proxy, pipelining, chunking, max_unanswered_replies, max_unanswered_bytes, \
                          max_unanswered_messages, chunk_size, max_connections, idle_timeout, max_age, max_messages";
/// Parameters that may hold a secret.
const MASKED: [&str; 2] = ["token_command", "proxy"];

/// Puts what the URL says in place of all settings of the connection.
///
/// No error repeats a part of the URL: with a stray `/`, `?` or `#` any part can be a piece of the password.
pub(super) fn parse(settings: &mut Settings, value: Value<'_>) -> Result<(), Expected> {
    let text = value::any_text(value)?;
    let mut changed = settings.clone();
    changed.reset_connection();
    if !text.is_empty() {
        let url = Url::parse(&text).map_err(|_| FORMS.to_owned())?;
        changed.email_url = apply(&mut changed, &url)?;
    }
    *settings = changed;
    Ok(())
}

/// Takes over the URL and returns it as it may be shown.
fn apply(settings: &mut Settings, url: &Url) -> Result<String, Expected> {
    if url.fragment().is_some() {
        return Err(format!("no # outside of the password: {FORMS}"));
    }
    match url.scheme() {
        "smtp" | "smtps" | "lmtp" => server(settings, url)?,
        "file" => folder(settings, url)?,
        "console" | "locmem" | "dummy" => local(settings, url)?,
        _ => return Err(FORMS.to_owned()),
    }
    Ok(shown(url))
}

fn local(settings: &mut Settings, url: &Url) -> Result<(), Expected> {
    let rest = url.path().trim_matches('/');
    if url.host().is_some() || !rest.is_empty() || url.query().is_some() {
        return Err(format!("nothing after {}:", url.scheme()));
    }
    settings.email_backend = url.scheme().to_owned();
    Ok(())
}

fn folder(settings: &mut Settings, url: &Url) -> Result<(), Expected> {
    let path = decoded(url.path())?;
    if url.host().is_some() || url.query().is_some() || path.trim_matches('/').is_empty() {
        return Err("file:///folder, with three slashes and no ?".to_owned());
    }
    settings.email_backend = "file".to_owned();
    settings.email_file_path = value::path(Value::Text(&path))?;
    Ok(())
}

fn server(settings: &mut Settings, url: &Url) -> Result<(), Expected> {
    settings.email_backend = "smtp".to_owned();
    settings.email_lmtp = url.scheme() == "lmtp";
    settings.email_host = host(url)?;
    settings.email_port = url.port().filter(|&port| port != 0);
    let user = decoded(url.username())?;
    settings.email_host_user = value::text(Value::Text(&user)).map_err(|_| FORMS)?;
    settings.email_host_password = Secret::from(&*decoded(url.password().unwrap_or_default())?);
    settings.email_use_ssl = url.scheme() == "smtps";
    parameters(settings, url)
}

/// The host, or the socket where there is none.
fn host(url: &Url) -> Result<String, Expected> {
    let host = decoded(url.host_str().unwrap_or_default())?;
    let path = decoded(url.path())?;
    let is_socket = path.len() > 1 && host.is_empty();
    if !is_socket && !matches!(&*path, "" | "/") {
        return Err(format!("nothing but a ? after the host and port: {FORMS}"));
    }
    // An IPv6 address is in brackets in a URL only.
    let plain = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(&host);
    match if is_socket { &path } else { plain } {
        "" => Err(format!("a host: {FORMS}")),
        place => value::text(Value::Text(place)).map_err(|_| FORMS.to_owned()),
    }
}

fn parameters(settings: &mut Settings, url: &Url) -> Result<(), Expected> {
    let mut seen: Vec<&str> = Vec::new();
    for pair in url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if seen.contains(&name) {
            return Err("each parameter once".to_owned());
        }
        seen.push(name);
        parameter(settings, name, &decoded(value)?)?;
    }
    Ok(())
}

fn parameter(settings: &mut Settings, name: &str, text: &str) -> Result<(), Expected> {
    if name == "tls" {
        return tls(settings, text);
    }
    let is_known = PARAMETERS.split(", ").any(|known| known == name);
    match table::find_option(name).filter(|_| is_known) {
        Some(setting) => (setting.parse)(settings, Value::Text(text))
            .map_err(|_| format!("{} for its parameter {name}", setting.kind.as_str())),
        None => Err(format!("only these parameters after ?: {PARAMETERS}")),
    }
}

fn tls(settings: &mut Settings, mode: &str) -> Result<(), Expected> {
    // smtps:// has said it already; a weaker mode beside it is a contradiction that must not win.
    let is_smtps = settings.email_use_ssl;
    match mode {
        "implicit" => settings.email_use_ssl = true,
        "starttls" if !is_smtps => settings.email_use_tls = true,
        "none" if !is_smtps => {}
        _ if is_smtps => {
            return Err("no tls parameter other than tls=implicit with smtps:".to_owned());
        }
        _ => return Err("none, starttls or implicit for its parameter tls".to_owned()),
    }
    Ok(())
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Expected> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| "%-escapes that make UTF-8".to_owned())
}

/// The URL with all that may be a secret masked.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if let Some(query) = url.query() {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if MASKED.contains(&name) => format!("{name}=***"),
            _ => pair.to_owned(),
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        url.set_query(Some(&query));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // These fail for URLs without a host, which have no user.
        let masked = url
            .set_username("***")
            .and_then(|()| url.set_password(None));
        if masked.is_err() {
            return format!("{}:***", url.scheme());
        }
    }
    url.to_string()
}
