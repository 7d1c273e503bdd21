//! The way to the server: directly, or through a proxy.

use std::io;
use std::time::{Duration, Instant};

use super::target::{Place, Target};
use super::wire::{Wire, remaining};

/// Connects to the server, all within `limit`, whatever stands between.
///
/// # Errors
///
/// When the server, or the proxy on the way, cannot be reached or refuses.
pub(crate) async fn connect<W: Wire>(to: &Target, limit: Duration) -> io::Result<W> {
    let Some(proxy) = &to.proxy else {
        return W::connect(&to.place, to.bind, limit).await;
    };
    let Place::Tcp(host, port) = &to.place else {
        let message = "a Unix socket is not reached through a proxy";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let deadline = Instant::now() + limit;
    let place = Place::Tcp(proxy.host.clone(), proxy.port);
    let mut wire = W::connect(&place, to.bind, limit).await.map_err(of_proxy)?;
    remaining(deadline)?;
    proxy.tunnel(&mut wire, host, *port, deadline).await?;
    Ok(wire)
}

/// Says that it was not the server that could not be reached. A time-out stays one.
fn of_proxy(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::TimedOut => error,
        kind => io::Error::new(kind, format!("no connection to the proxy: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use super::super::both::for_both_wires;
    use super::super::proxy::{LoginRefused, Proxy};
    use super::super::wire::receive_all;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(200);

    for_both_wires! {
        through_socks,
        through_socks_with_a_login,
        through_http,
        through_http_with_a_login,
        a_login_that_is_wanted_or_refused,
        refusals_are_told,
        what_is_no_proxy,
        endless_answers,
        trickling_answers,
        a_name_that_could_end_a_line,
        no_proxy_at_all,
        a_unix_socket_behind_a_proxy,
    }

    /// A proxy that does what `script` says with its one client; gives its address and what the script returned.
    fn proxy<T: Send + 'static>(
        script: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
    ) -> (String, JoinHandle<T>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let work = thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a client");
            let result = script(&mut peer);
            // What is not read would reset the connection, and the last words with it.
            let _ = peer.shutdown(std::net::Shutdown::Write);
            let _ = io::copy(&mut peer, &mut io::sink());
            result
        });
        (address, work)
    }

    fn through(proxy: &str, host: &str) -> Target {
        let mut target = Target::new(Place::Tcp(host.to_owned(), 587));
        target.proxy = Some(Proxy::parse(proxy).expect("a proxy"));
        target
    }

    fn hear(peer: &mut TcpStream, length: usize) -> Vec<u8> {
        let mut heard = vec![0; length];
        peer.read_exact(&mut heard).expect("as many octets");
        heard
    }

    fn hear_head(peer: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(hear(peer, 1));
        }
        String::from_utf8(head).expect("text")
    }

    fn say(peer: &mut TcpStream, what: &[u8]) {
        // The client may be gone already, as it should.
        let _ = peer.write_all(what);
    }

    /// The server's first words come with the proxy's last ones, and none of them is lost.
    async fn greeted<W: Wire>(target: &Target) {
        let mut wire: W = connect(target, LONG).await.expect("connected");
        let mut greeting = [0; 8];
        let deadline = Instant::now() + LONG;
        receive_all(&mut wire, &mut greeting, deadline)
            .await
            .expect("all of it");
        assert_eq!(&greeting, b"220 hi\r\n");
        assert_eq!(wire.send(b"EHLO", LONG).await.expect("sent"), 4);
    }

    async fn fails<W: Wire>(target: &Target, limit: Duration) -> io::Error {
        connect::<W>(target, limit)
            .await
            .err()
            .expect("no connection")
    }

    async fn through_socks<W: Wire>() {
        let bound: [&[u8]; 3] = [
            b"\x01\x7f\x00\x00\x01\x00\x19",
            b"\x04ABCDABCDABCDABCD\x00\x19",
            b"\x03\x05there\x00\x19",
        ];
        for bound in bound {
            let (address, work) = proxy(move |peer| {
                assert_eq!(hear(peer, 3), b"\x05\x01\x00");
                say(peer, b"\x05\x00");
                assert_eq!(hear(peer, 19), b"\x05\x01\x00\x03\x0cmail.example\x02\x4b");
                say(peer, &[b"\x05\x00\x00", bound, b"220 hi\r\n"].concat());
                hear(peer, 4)
            });
            greeted::<W>(&through(&format!("socks5://{address}"), "mail.example")).await;
            assert_eq!(work.join().expect("no panic"), b"EHLO");
        }
    }

    async fn through_socks_with_a_login<W: Wire>() {
        let (address, work) = proxy(|peer| {
            assert_eq!(hear(peer, 4), b"\x05\x02\x00\x02");
            say(peer, b"\x05\x02");
            assert_eq!(hear(peer, 13), b"\x01\x03ann\x07hunter2");
            say(peer, b"\x01\x00");
            assert_eq!(hear(peer, 10), b"\x05\x01\x00\x01\xc0\x00\x02\x01\x02\x4b");
            say(peer, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00220 hi\r\n");
            hear(peer, 4)
        });
        greeted::<W>(&through(
            &format!("socks5://ann:hunter2@{address}"),
            "192.0.2.1",
        ))
        .await;
        assert_eq!(work.join().expect("no panic"), b"EHLO");
    }

    async fn through_http<W: Wire>() {
        for answer in [
            "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
            "HTTP/1.0 200\n\n",
        ] {
            let (address, work) = proxy(move |peer| {
                let head = hear_head(peer);
                say(peer, format!("{answer}220 hi\r\n").as_bytes());
                assert_eq!(hear(peer, 4), b"EHLO");
                head
            });
            greeted::<W>(&through(&format!("http://{address}"), "mail.example")).await;
            assert_eq!(
                work.join().expect("no panic"),
                "CONNECT mail.example:587 HTTP/1.1\r\nHost: mail.example:587\r\n\r\n"
            );
        }
    }

    async fn through_http_with_a_login<W: Wire>() {
        let (address, work) = proxy(|peer| {
            let head = hear_head(peer);
            say(peer, b"HTTP/1.1 200 ok\r\n\r\n220 hi\r\n");
            hear(peer, 4);
            head
        });
        greeted::<W>(&through(&format!("http://ann:hunter2@{address}"), "::1")).await;
        let head = work.join().expect("no panic");
        assert!(head.starts_with("CONNECT [::1]:587 HTTP/1.1\r\n"), "{head}");
        assert!(
            head.contains("\r\nProxy-Authorization: Basic YW5uOmh1bnRlcjI=\r\n"),
            "{head}"
        );
    }

    async fn a_login_that_is_wanted_or_refused<W: Wire>() {
        let cases: [(&str, &'static [u8], &'static [u8], &str); 6] = [
            (
                "http://",
                b"HTTP/1.1 407 Login\r\n\r\n",
                b"",
                "wants a user name",
            ),
            (
                "http://a:b@",
                b"HTTP/1.1 407 Login\r\n\r\n",
                b"",
                "refused the user name",
            ),
            ("socks5://", b"\x05\xff", b"", "wants a user name"),
            ("socks5://a:b@", b"\x05\xff", b"", "refused the user name"),
            (
                "socks5://a:b@",
                b"\x05\x02",
                b"\x01\x01",
                "refused the user name",
            ),
            ("socks5://a:b@", b"\x05\x02", b"", "refused the user name"),
        ];
        for (start, first, second, words) in cases {
            let (address, _work) = proxy(move |peer| {
                hear(peer, 3);
                say(peer, first);
                if first.ends_with(b"\x02") {
                    hear(peer, 6);
                    say(peer, second);
                }
            });
            let error = fails::<W>(&through(&format!("{start}{address}"), "mx"), LONG).await;
            assert!(error.to_string().contains(words), "{start}: {error}");
            assert!(
                error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<LoginRefused>()),
                "{error}"
            );
        }
    }

    async fn refusals_are_told<W: Wire>() {
        let cases: [(&str, &'static [u8], &str); 6] = [
            (
                "http",
                b"HTTP/1.1 403 Forbidden port\r\n\r\n",
                "403 Forbidden port",
            ),
            ("http", b"HTTP/1.1 502 \r\n\r\n", "502"),
            ("http", b"HTTP/1.1 200 ok\r\n", "closed the connection"),
            ("socks5", b"\x05\x00\x05\x02", "its rules do not allow"),
            (
                "socks5",
                b"\x05\x00\x05\x05\x00\x01",
                "the connection was refused",
            ),
            ("socks5", b"\x05\x00\x05\x63", "status 99"),
        ];
        for (kind, answer, words) in cases {
            let (address, _work) = proxy(move |peer| {
                hear(peer, 3);
                say(peer, answer);
            });
            let error = fails::<W>(&through(&format!("{kind}://{address}"), "mx"), LONG).await;
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    async fn what_is_no_proxy<W: Wire>() {
        let cases: [(&str, &'static [u8]); 6] = [
            ("http", b"220 mx.example ESMTP\r\n"),
            ("http", b"HTTP/1.1 two hundred\r\n\r\n"),
            ("socks5", b"220 mx.example ESMTP\r\n"),
            ("socks5", b"\x04\x00"),
            ("socks5", b"\x05\x02"),
            ("socks5", b"\x05\x00\x05\x00\x00\x07"),
        ];
        for (kind, answer) in cases {
            let (address, _work) = proxy(move |peer| {
                hear(peer, 3);
                say(peer, answer);
                let _ = io::copy(peer, &mut io::sink());
            });
            let error = fails::<W>(&through(&format!("{kind}://{address}"), "mx"), LONG).await;
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{answer:?}: {error}");
        }
    }

    async fn endless_answers<W: Wire>() {
        let cases: [&'static [u8]; 2] = [b"X-More: and more\r\n", b"x"];
        for piece in cases {
            let (address, _work) = proxy(move |peer| {
                say(peer, b"HTTP/1.1 200 ok\r\n");
                while peer.write_all(piece).is_ok() {}
            });
            let error = fails::<W>(&through(&format!("http://{address}"), "mx"), LONG).await;
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        }
    }

    /// An octet now and then gains no time.
    async fn trickling_answers<W: Wire>() {
        let cases: [(&str, &'static [u8]); 2] =
            [("http", b"HTTP/1.1 200 ok\r\nX: "), ("socks5", b"\x05")];
        for (kind, start) in cases {
            let (address, _work) = proxy(move |peer| {
                say(peer, start);
                while kind == "http" && peer.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
                let _ = io::copy(peer, &mut io::sink());
            });
            let target = through(&format!("{kind}://{address}"), "mx");
            let begun = Instant::now();
            let error = fails::<W>(&target, SHORT).await;
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
            assert!(begun.elapsed() < LONG);
        }
    }

    async fn a_name_that_could_end_a_line<W: Wire>() {
        let long = "a".repeat(256);
        for host in [
            "mx\r\nX: y",
            "mx y",
            "mx/",
            "a@mx",
            "mx:25",
            "",
            "mx\0",
            &long,
        ] {
            for kind in ["http", "socks5"] {
                let (address, work) = proxy(|peer| {
                    let mut heard = Vec::new();
                    peer.read_to_end(&mut heard).expect("an end");
                    heard
                });
                let error = fails::<W>(&through(&format!("{kind}://{address}"), host), LONG).await;
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{host:?}");
                assert!(work.join().expect("no panic").is_empty(), "{host:?}");
            }
        }
    }

    async fn no_proxy_at_all<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let error = fails::<W>(&through(&format!("http://{address}"), "mx"), LONG).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(
            error.to_string().contains("no connection to the proxy"),
            "{error}"
        );
    }

    async fn a_unix_socket_behind_a_proxy<W: Wire>() {
        let mut target = through("http://127.0.0.1:1", "mx");
        target.place = Place::Unix("/run/lmtp".into());
        assert_eq!(
            fails::<W>(&target, LONG).await.kind(),
            ErrorKind::InvalidInput
        );
    }
}
