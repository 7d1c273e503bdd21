//! SOCKS version 5 (RFC 1928), with user name and password (RFC 1929).

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use super::{Login, hung_up, login_refused, nonsense, refused};
use crate::net::wire::{Wire, receive_all, send_all};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_OF_THESE: u8 = 0xff;

/// Asks for a tunnel. `host` is a host name or an IP address of at most 255 octets; the proxy looks a name up.
pub(super) async fn tunnel<W: Wire>(
    wire: &mut W,
    login: Option<&Login>,
    host: &str,
    port: u16,
    deadline: Instant,
) -> io::Result<()> {
    introduce(wire, login, deadline).await.map_err(hung_up)?;
    let mut request = vec![VERSION, 1, 0];
    request.extend(address(host));
    request.extend(port.to_be_bytes());
    send_all(wire, &request, deadline).await?;
    answer(wire, deadline).await.map_err(hung_up)
}

/// Agrees on a way to log in, and logs in.
async fn introduce<W: Wire>(
    wire: &mut W,
    login: Option<&Login>,
    deadline: Instant,
) -> io::Result<()> {
    let hello: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    send_all(wire, hello, deadline).await?;
    let mut chosen = [0; 2];
    receive_all(wire, &mut chosen, deadline).await?;
    match (chosen, login) {
        ([VERSION, NO_LOGIN], _) => Ok(()),
        ([VERSION, PASSWORD], Some(login)) => log_in(wire, login, deadline).await,
        ([VERSION, NONE_OF_THESE], _) => Err(login_refused(login)),
        _ => Err(nonsense("SOCKS 5")),
    }
}

async fn log_in<W: Wire>(wire: &mut W, login: &Login, deadline: Instant) -> io::Result<()> {
    let mut request = vec![1];
    for text in [login.user.as_str(), login.password.expose()] {
        let length = u8::try_from(text.len()).map_err(|_| login_refused(Some(login)))?;
        request.push(length);
        request.extend(text.as_bytes());
    }
    send_all(wire, &request, deadline).await?;
    let mut status = [0; 2];
    let answered = receive_all(wire, &mut status, deadline).await;
    // RFC 1929 has the proxy close after a refusal, and some close instead of one.
    match (answered, status) {
        (Ok(()), [_, 0]) => Ok(()),
        (Err(error), _) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Err(login_refused(Some(login))),
    }
}

/// The address as it stands in requests: its kind, then itself.
fn address(host: &str) -> Vec<u8> {
    match host.parse() {
        Ok(IpAddr::V4(address)) => [&[1], &address.octets()[..]].concat(),
        Ok(IpAddr::V6(address)) => [&[4], &address.octets()[..]].concat(),
        Err(_) => {
            // A longer name has been refused before.
            let length = u8::try_from(host.len()).unwrap_or(u8::MAX);
            [&[3, length], host.as_bytes()].concat()
        }
    }
}

/// Reads the answer, the address at its end and not an octet more.
async fn answer<W: Wire>(wire: &mut W, deadline: Instant) -> io::Result<()> {
    let mut head = [0; 4];
    receive_all(wire, &mut head[..2], deadline).await?;
    let [version, status, ..] = head;
    if version != VERSION {
        return Err(nonsense("SOCKS 5"));
    }
    // Nothing else of a refusal matters, and some proxies leave the rest out.
    if status != 0 {
        return Err(refused(meaning(status)));
    }
    receive_all(wire, &mut head[2..], deadline).await?;
    let [_, _, _, kind] = head;
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => {
            let mut length = [0];
            receive_all(wire, &mut length, deadline).await?;
            usize::from(length[0])
        }
        _ => return Err(nonsense("SOCKS 5")),
    };
    let mut address_and_port = vec![0; length + 2];
    receive_all(wire, &mut address_and_port, deadline).await
}

/// What RFC 1928 says a refusal means.
fn meaning(status: u8) -> String {
    let words = match status {
        1 => "it failed in general",
        2 => "its rules do not allow the connection",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the connection was refused",
        6 => "it took too long",
        7 => "it does not know the command",
        8 => "it does not know this kind of address",
        _ => return format!("status {status}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_to_the_proxy() {
        assert_eq!(address("mx.example"), b"\x03\x0amx.example");
        assert_eq!(address("192.0.2.1"), [1, 192, 0, 2, 1]);
        assert_eq!(address("::1")[..3], [4, 0, 0]);
        assert_eq!(address("::1").len(), 17);
    }
}
