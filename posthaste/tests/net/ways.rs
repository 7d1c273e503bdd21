//! The ways to a server: proxies, addresses to connect from, Unix sockets.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use posthaste::{ErrorKind, Mailer, Phase, Settings};

use crate::common::{Driver, LONG, assert_sent, message, settings};
use crate::counting::Server;

for_both! {
    through_a_socks_proxy,
    through_an_http_proxy,
    a_proxy_that_wants_a_login,
    from_an_address,
}

/// A proxy that asks nothing, answers `answers` each time it has heard so much, and leads to `server`. It says from
/// which address it was asked.
fn proxy(
    server: SocketAddr,
    answers: &'static [(usize, &'static [u8])],
) -> (SocketAddr, Receiver<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (said, heard) = channel();
    thread::spawn(move || {
        let (client, from) = listener.accept().expect("a client");
        // Most tests do not ask.
        let _ = said.send(from);
        tunnel(client, server, answers)
    });
    (address, heard)
}

fn tunnel(mut client: TcpStream, server: SocketAddr, answers: &[(usize, &[u8])]) -> io::Result<()> {
    for (length, answer) in answers {
        client.read_exact(&mut vec![0; *length])?;
        client.write_all(answer)?;
    }
    let mut server = TcpStream::connect(server)?;
    let (mut back, mut from) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut back));
    io::copy(&mut client, &mut server)?;
    server.shutdown(std::net::Shutdown::Write)
}

fn through(proxy: &str) -> Settings {
    let mut settings = Settings::default();
    settings.email_host = "mx.example".to_owned();
    settings.email_port = Some(587);
    settings.email_timeout = Some(LONG);
    settings.email_proxy = proxy.into();
    settings
}

fn through_a_socks_proxy<D: Driver>() {
    let server = Server::new();
    let (address, _) = proxy(
        server.address,
        &[
            (4, b"\x05\x02"),
            (13, b"\x01\x00"),
            (17, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
        ],
    );
    let mailer = Mailer::new(through(&format!("socks5://ann:hunter2@{address}")));
    assert_sent(&D::send(&mailer, &message("a")));
    assert_eq!(server.seen().messages, ["a"]);
}

fn through_an_http_proxy<D: Driver>() {
    let server = Server::new();
    const LENGTH: usize = "CONNECT mx.example:587 HTTP/1.1\r\nHost: mx.example:587\r\n\r\n".len();
    let (address, _) = proxy(server.address, &[(LENGTH, b"HTTP/1.1 200 ok\r\n\r\n")]);
    let mailer = Mailer::new(through(&format!("http://{address}")));
    assert_sent(&D::send(&mailer, &message("a")));
    assert_sent(&D::send(&mailer, &message("b")));
    assert_eq!(server.seen().messages, ["a", "b"]);
    assert_eq!(server.seen().connections, 1, "a tunnel is kept, too");
}

fn a_proxy_that_wants_a_login<D: Driver>() {
    let server = Server::new();
    let (address, _) = proxy(server.address, &[(60, b"HTTP/1.1 407 Login\r\n\r\n")]);
    let mailer = Mailer::new(through(&format!("http://ann:hunter2@{address}")));
    let error = D::send(&mailer, &message("a")).error.expect("an error");
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Auth, Some(Phase::Connect)),
        "{error}"
    );
    assert!(!error.is_temporary(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("mx.example port 587 through http://ann:***@"),
        "{text}"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

fn from_an_address<D: Driver>() {
    let server = Server::new();
    let (address, heard) = proxy(server.address, &[]);
    let mut settings = settings(&server);
    settings.email_port = Some(address.port());
    settings.email_bind_address = Some("127.0.0.3".parse().expect("an address"));
    assert_sent(&D::send(&Mailer::new(settings), &message("a")));
    assert_eq!(
        heard.recv().expect("a client").ip().to_string(),
        "127.0.0.3"
    );
}

#[cfg(unix)]
mod unix {
    use std::os::unix::net::UnixListener;

    use super::*;

    for_both! { over_a_unix_socket }

    fn over_a_unix_socket<D: Driver>() {
        let server = Server::new();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("smtp");
        let listener = UnixListener::bind(&path).expect("a socket");
        let address = server.address;
        thread::spawn(move || -> io::Result<()> {
            let (mut client, _) = listener.accept()?;
            let mut server = TcpStream::connect(address)?;
            let (mut back, mut from) = (client.try_clone()?, server.try_clone()?);
            thread::spawn(move || io::copy(&mut from, &mut back));
            io::copy(&mut client, &mut server)?;
            server.shutdown(std::net::Shutdown::Write)
        });
        let mut settings = Settings::default();
        settings.email_host = path.display().to_string();
        settings.email_timeout = Some(LONG);
        let mailer = Mailer::new(settings);
        assert_sent(&D::send(&mailer, &message("a")));
        assert_sent(&D::send(&mailer, &message("b")));
        assert_eq!(server.seen().messages, ["a", "b"]);
        drop(mailer);
        crate::common::eventually("a goodbye", || server.seen().quits == 1);
    }
}
