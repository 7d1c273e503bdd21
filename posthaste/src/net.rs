//! Sockets: what moves the bytes of an SMTP conversation, blocking or on tokio.

#[cfg(test)]
mod both;
mod channel;
mod clock;
mod connect;
mod drive;
mod proxy;
mod std;
mod target;
mod tls;
#[cfg(feature = "tokio")]
mod tokio;
mod watch;
mod wire;

pub(crate) use self::clock::connect_limit;
pub(crate) use self::connect::connect;
pub(crate) use self::drive::{Contents, Event, Fault, Link, NoContents, Piece, drive};
pub(crate) use self::proxy::LoginRefused;
pub(crate) use self::proxy::Proxy;
pub(crate) use self::std::StdWire;
pub(crate) use self::target::{Place, Target};
pub(crate) use self::tls::Safety;
pub(crate) use self::tls::{Files, Tls, Unusable, explain};
#[cfg(feature = "tokio")]
pub(crate) use self::tokio::TokioWire;
pub(crate) use self::watch::Seen;
pub(crate) use self::wire::Wire;

#[cfg(test)]
mod tests {
    use ::std::io::{ErrorKind, Read, Write};
    use ::std::net::{IpAddr, TcpListener, TcpStream};
    use ::std::sync::mpsc;
    use ::std::thread::{self, JoinHandle};
    use ::std::time::{Duration, Instant};

    use super::both::for_both_wires;
    use super::wire::Moved;
    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    for_both_wires! {
        talks,
        keeps_its_limits,
        refused,
        reads_while_it_writes,
        tells_what_has_come,
        connects_from_an_address,
        talks_over_a_unix_socket,
        waits_for_a_place_in_the_queue,
    }

    fn target(listener: &TcpListener, host: &str) -> Target {
        let port = listener.local_addr().expect("an address").port();
        Target::new(Place::Tcp(host.to_owned(), port))
    }

    /// Says four bytes back, and gives what comes after them.
    fn echo(mut peer: impl Read + Write + Send + 'static) -> JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut bytes = [0; 4];
            peer.read_exact(&mut bytes).expect("four bytes");
            peer.write_all(&bytes).expect("written");
            let mut rest = Vec::new();
            peer.read_to_end(&mut rest).expect("the rest");
            rest
        })
    }

    async fn hear<W: Wire>(wire: &mut W, length: usize) -> Vec<u8> {
        let mut heard = vec![0; length];
        wire::receive_all(wire, &mut heard, Instant::now() + LONG)
            .await
            .expect("received");
        heard
    }

    async fn talks<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "localhost");
        let accepted = thread::spawn(move || echo(listener.accept().expect("a client").0));
        let mut wire = connect::<W>(&at, LONG).await.expect("connected");
        assert_eq!(wire.send(b"ping", LONG).await.expect("sent"), 4);
        assert_eq!(hear(&mut wire, 4).await, b"ping");
        wire.send_now(b"QUIT\r\n");
        drop(wire);
        let echo = accepted.join().expect("no panic");
        assert_eq!(echo.join().expect("no panic"), b"QUIT\r\n");
    }

    async fn keeps_its_limits<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        let mut wire = connect::<W>(&at, LONG).await.expect("connected");
        let start = Instant::now();
        let late = wire.receive(&mut [0; 9], SHORT).await;
        assert_eq!(late.expect_err("nothing comes").kind(), ErrorKind::TimedOut);
        let block = vec![0; 1 << 20];
        let late = loop {
            // Nobody reads, so the buffers of both ends fill up.
            if let Err(error) = wire.send(&block, SHORT).await {
                break error;
            }
        };
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let late = wire.exchange(&block, &mut [0; 9], SHORT).await;
        assert_eq!(late.expect_err("nothing moves").kind(), ErrorKind::TimedOut);
        let late = W::within(Some(SHORT), ::std::future::pending::<()>()).await;
        assert_eq!(
            late.expect_err("nothing is done").kind(),
            ErrorKind::TimedOut
        );
        assert!(start.elapsed() < LONG);
    }

    async fn refused<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        drop(listener);
        let failure = connect::<W>(&at, LONG)
            .await
            .err()
            .expect("nobody is there");
        assert_eq!(failure.kind(), ErrorKind::ConnectionRefused);
    }

    /// The peer reads nothing before we have read all that it says, and that is more than all buffers hold.
    async fn reads_while_it_writes<W: Wire>() {
        const MUCH: usize = 32 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        let peer = thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a client");
            peer.write_all(&vec![b'y'; MUCH]).expect("written");
            let read = ::std::io::copy(&mut peer, &mut ::std::io::sink());
            read.expect("all of it")
        });
        let mut wire = connect::<W>(&at, LONG).await.expect("connected");
        let (block, mut into) = (vec![b'x'; 1 << 20], vec![0; 1 << 20]);
        let (mut sent, mut received) = (0, 0);
        while sent < MUCH {
            match wire
                .exchange(&block, &mut into, LONG)
                .await
                .expect("no deadlock")
            {
                Moved::Sent(n) => sent += n,
                Moved::Received(n) => received += n,
            }
        }
        while received < MUCH {
            received += wire.receive(&mut into, LONG).await.expect("the rest");
        }
        drop(wire);
        assert_eq!(peer.join().expect("no panic"), sent as u64);
    }

    async fn tells_what_has_come<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        let mut wire = connect::<W>(&at, LONG).await.expect("connected");
        let (mut peer, _) = listener.accept().expect("a client");
        assert_eq!(wire.receive_now(&mut [0; 9]).expect("open"), None);
        peer.write_all(b"421").expect("written");
        // On the loopback, what is written has come.
        assert_eq!(wire.receive_now(&mut [0; 9]).expect("open"), Some(3));
        assert_eq!(wire.receive_now(&mut [0; 9]).expect("open"), None);
        peer.write_all(b"x").expect("written");
        assert_eq!(hear(&mut wire, 1).await, b"x");
        drop(peer);
        assert_eq!(wire.receive_now(&mut [0; 9]).expect("open"), Some(0));
    }

    async fn connects_from_an_address<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut at = target(&listener, "127.0.0.1");
        let ours: IpAddr = "127.0.0.2".parse().expect("an address");
        at.bind = Some(ours);
        let wire = connect::<W>(&at, LONG).await.expect("connected");
        assert_eq!(listener.accept().expect("a client").1.ip(), ours);
        drop(wire);
        at.bind = Some("::1".parse().expect("an address"));
        let failure = connect::<W>(&at, LONG)
            .await
            .err()
            .expect("the other family");
        assert_eq!(failure.kind(), ErrorKind::AddrNotAvailable, "{failure}");
        // TEST-NET-1 is nobody's.
        at.bind = Some("192.0.2.1".parse().expect("an address"));
        let failure = connect::<W>(&at, LONG).await.err().expect("not ours");
        assert_eq!(failure.kind(), ErrorKind::AddrNotAvailable, "{failure}");
    }

    #[cfg(unix)]
    async fn talks_over_a_unix_socket<W: Wire>() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lmtp");
        let at = Target::new(Place::Unix(path.clone()));
        let failure = connect::<W>(&at, LONG)
            .await
            .err()
            .expect("nobody is there");
        assert_eq!(failure.kind(), ErrorKind::NotFound);
        let listener = ::std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        let mut wire = connect::<W>(&at, LONG).await.expect("connected");
        let echo = echo(listener.accept().expect("a client").0);
        assert_eq!(wire.send(b"ping", LONG).await.expect("sent"), 4);
        assert_eq!(hear(&mut wire, 4).await, b"ping");
        assert_eq!(wire.receive_now(&mut [0; 9]).expect("open"), None);
        wire.send_now(b"QUIT\r\n");
        drop(wire);
        assert_eq!(echo.join().expect("no panic"), b"QUIT\r\n");
    }

    #[cfg(unix)]
    async fn waits_for_a_place_in_the_queue<W: Wire>() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lmtp");
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let address = socket2::SockAddr::unix(&path).expect("an address");
        socket.bind(&address).expect("bound");
        socket.listen(0).expect("listening");
        let at = Target::new(Place::Unix(path));
        let _first = connect::<W>(&at, LONG).await.expect("connected");
        let failure = connect::<W>(&at, SHORT)
            .await
            .err()
            .expect("the queue is full");
        assert_eq!(failure.kind(), ErrorKind::TimedOut, "{failure}");
    }

    /// A peer that is quiet, one that says something, one that hangs up.
    #[test]
    fn a_channel_knows_whether_it_is_quiet() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        let quiet = |act: fn(TcpStream) -> Option<TcpStream>| {
            let wire = both::now(connect::<StdWire>(&at, LONG)).expect("connected");
            let kept = act(listener.accept().expect("a client").0);
            let is_quiet = channel::Channel::new(wire).is_quiet();
            drop(kept);
            is_quiet
        };
        assert!(quiet(Some));
        assert!(!quiet(|_| None));
        assert!(!quiet(|mut peer| {
            peer.write_all(b"421 bye\r\n").expect("written");
            Some(peer)
        }));
    }

    #[test]
    fn a_blocking_wait_is_over_when_the_work_is_done() {
        let (done, wait) = mpsc::channel::<::std::task::Waker>();
        thread::spawn(move || wait.recv().map(::std::task::Waker::wake));
        let mut polls = 0;
        let work = ::std::future::poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                done.send(context.waker().clone()).expect("a listener");
                return ::std::task::Poll::Pending;
            }
            ::std::task::Poll::Ready(7)
        });
        let value = both::now(StdWire::within(Some(LONG), work));
        assert_eq!(value.expect("in time"), 7);
    }
}
