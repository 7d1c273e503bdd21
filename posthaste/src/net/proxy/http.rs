//! The method CONNECT of HTTP (RFC 9110, section 9.3.6).

use std::fmt::Write as _;
use std::io;
use std::time::Instant;

use encodify::base64;

use super::{Login, hung_up, login_refused, nonsense, refused};
use crate::net::wire::{Wire, receive_all, send_all};

/// The longest head of an answer that is read.
const LONGEST_HEAD: usize = 8 * 1024;

/// The longest piece of the proxy's own words that is shown.
const LONGEST_REASON: usize = 200;

/// Asks for a tunnel. `host` is a host name or an IP address, and nothing else.
pub(super) async fn tunnel<W: Wire>(
    wire: &mut W,
    login: Option<&Login>,
    host: &str,
    port: u16,
    deadline: Instant,
) -> io::Result<()> {
    send_all(wire, request(login, host, port).as_bytes(), deadline).await?;
    let head = head(wire, deadline).await.map_err(hung_up)?;
    judge(&head, login)
}

fn request(login: Option<&Login>, host: &str, port: u16) -> String {
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(login) = login {
        let both = format!("{}:{}", login.user, login.password.expose());
        let both = base64::STANDARD.encode(both.as_bytes());
        // Writing to a String does not fail.
        let _ = write!(request, "Proxy-Authorization: Basic {both}\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Reads up to the empty line. It is read octet by octet: what follows is the server's, and no octet of that may be taken.
async fn head<W: Wire>(wire: &mut W, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() == LONGEST_HEAD || !may_be_http(&head) {
            return Err(nonsense("HTTP"));
        }
        receive_all(wire, &mut octet, deadline).await?;
        head.extend_from_slice(&octet);
    }
    Ok(head)
}

/// Whether an answer can begin so; what is no proxy at all is recognised at once, and not waited for.
fn may_be_http(head: &[u8]) -> bool {
    head.iter().zip(b"HTTP/1.").all(|(is, should)| is == should)
}

/// Looks at the status: only 2xx means that there is a tunnel.
fn judge(head: &[u8], login: Option<&Login>) -> io::Result<()> {
    let line = head.split(|&octet| octet == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let mut words = line.trim_end().splitn(3, ' ');
    let (_version, status, reason) = (words.next(), words.next(), words.next());
    let status = status.filter(|status| status.len() == 3);
    let status: Option<u16> = status.and_then(|status| status.parse().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(407) => Err(login_refused(login)),
        Some(status @ 100..=599) => {
            let reason = reason.unwrap_or_default().chars();
            let reason: String = reason.take(LONGEST_REASON).collect();
            let reason = reason.escape_debug();
            Err(refused(format_args!("{status} {reason}")))
        }
        _ => Err(nonsense("HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login {
            user: "ann".to_owned(),
            password: "hunter2".into(),
        }
    }

    #[test]
    fn asks_for_a_tunnel() {
        assert_eq!(
            request(None, "mail.example.com", 587),
            "CONNECT mail.example.com:587 HTTP/1.1\r\nHost: mail.example.com:587\r\n\r\n"
        );
        assert_eq!(
            request(Some(&login()), "::1", 25),
            "CONNECT [::1]:25 HTTP/1.1\r\nHost: [::1]:25\r\n\
             Proxy-Authorization: Basic YW5uOmh1bnRlcjI=\r\n\r\n"
        );
    }

    #[test]
    fn only_a_success_is_one() {
        for good in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200\r\n\r\n",
            "HTTP/1.1 204 \n\n",
        ] {
            assert!(judge(good.as_bytes(), None).is_ok(), "{good:?}");
        }
        let problem = |head: &str| judge(head.as_bytes(), None).expect_err(head).to_string();
        assert!(problem("HTTP/1.1 407 Login\r\n\r\n").contains("wants a user name"));
        let refused = judge(b"HTTP/1.1 407 Login\r\n\r\n", Some(&login()));
        assert!(
            refused
                .expect_err("407")
                .to_string()
                .contains("refused the user name")
        );
        assert!(problem("HTTP/1.1 403 No \x1b[1m\r\n\r\n").ends_with("403 No \\u{1b}[1m"));
        assert!(problem("HTTP/1.1 100 Continue\r\n\r\n").contains("100"));
        for bad in [
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 +20 x\r\n\r\n",
        ] {
            assert!(problem(bad).contains("no HTTP proxy"), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_recognised_early() {
        assert!(may_be_http(b"") && may_be_http(b"HTT") && may_be_http(b"HTTP/1.0 200"));
        assert!(!may_be_http(b"2") && !may_be_http(b"HTTP/2"));
    }
}
