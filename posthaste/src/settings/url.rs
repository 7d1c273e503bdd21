//! `EMAIL_URL`: one line that stands for all settings of the connection.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::value::{self, Expected, Value};
use super::{Secret, Settings};

const FORMS: &str = "smtp://user:password@host:port?tls=starttls, smtps://…, console:, file:///folder, locmem: or dummy: \
                     (in the password write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #, %25 for %)";
const PARAMETERS: &str = "tls, timeout, ssl_keyfile, ssl_certfile, ssl_cafile";

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
        "smtp" | "smtps" => server(settings, url)?,
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
    if !matches!(url.path(), "" | "/") {
        return Err(format!("nothing but a ? after the host and port: {FORMS}"));
    }
    let host = decoded(url.host_str().unwrap_or_default())?;
    if host.is_empty() {
        return Err(format!("a host: {FORMS}"));
    }
    settings.email_backend = "smtp".to_owned();
    // An IPv6 address is in brackets in a URL only.
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(&host);
    settings.email_host = value::text(Value::Text(host)).map_err(|_| FORMS)?;
    settings.email_port = url.port().filter(|&port| port != 0);
    let user = decoded(url.username())?;
    settings.email_host_user = value::text(Value::Text(&user)).map_err(|_| FORMS)?;
    settings.email_host_password = Secret::from(&*decoded(url.password().unwrap_or_default())?);
    settings.email_use_ssl = url.scheme() == "smtps";
    parameters(settings, url)
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
    let value = Value::Text(text);
    let of = |expected: Expected| format!("{expected} for its parameter {name}");
    match name {
        "tls" => tls(settings, text)?,
        "timeout" => settings.email_timeout = value::seconds(value).map_err(of)?,
        "ssl_keyfile" => settings.email_ssl_keyfile = value::path(value).map_err(of)?,
        "ssl_certfile" => settings.email_ssl_certfile = value::path(value).map_err(of)?,
        "ssl_cafile" => settings.email_ssl_cafile = value::path(value).map_err(of)?,
        _ => return Err(format!("only these parameters after ?: {PARAMETERS}")),
    }
    Ok(())
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

/// The URL with the user's name and password masked.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
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
