//! Sockets: what moves the bytes of an SMTP conversation, blocking or on tokio.

mod channel;
mod clock;
mod drive;
#[allow(dead_code)]
mod proxy;
mod std;
#[allow(dead_code)]
mod target;
mod tls;
#[cfg(feature = "tokio")]
mod tokio;
mod wire;

pub(crate) use self::clock::connect_limit;
pub(crate) use self::drive::{Event, Fault, Link, drive};
pub(crate) use self::proxy::Proxy;
pub(crate) use self::std::StdWire;
pub(crate) use self::target::{Place, Target};
pub(crate) use self::tls::{Files, Tls, Unusable};
#[cfg(feature = "tokio")]
pub(crate) use self::tokio::TokioWire;
pub(crate) use self::wire::Wire;

#[cfg(test)]
mod tests {
    use ::std::io::{ErrorKind, Read, Write};
    use ::std::net::TcpListener;
    use ::std::pin::pin;
    use ::std::task::{Context, Poll, Waker};
    use ::std::thread;
    use ::std::time::{Duration, Instant};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    /// Polls once: a blocking wire must be ready then.
    fn now<T>(work: impl Future<Output = T>) -> T {
        match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a blocking wire has to be ready at the first poll"),
        }
    }

    #[cfg(feature = "tokio")]
    fn on_tokio<T>(work: impl Future<Output = T>) -> T {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        builder
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(work)
    }

    fn target(listener: &TcpListener, host: &str) -> Target {
        let port = listener.local_addr().expect("an address").port();
        Target::new(Place::Tcp(host.to_owned(), port))
    }

    async fn talks<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "localhost");
        let echo = thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a client");
            let mut bytes = [0; 4];
            peer.read_exact(&mut bytes).expect("four bytes");
            peer.write_all(&bytes).expect("written");
            let mut rest = Vec::new();
            peer.read_to_end(&mut rest).expect("the rest");
            rest
        });
        let mut wire = W::connect(&at, LONG).await.expect("connected");
        assert_eq!(wire.send(b"ping", LONG).await.expect("sent"), 4);
        let mut buffer = [0; 9];
        let mut heard = Vec::new();
        while heard.len() < 4 {
            let n = wire.receive(&mut buffer, LONG).await.expect("received");
            heard.extend_from_slice(&buffer[..n]);
        }
        assert_eq!(heard, b"ping");
        wire.send_now(b"QUIT\r\n");
        drop(wire);
        assert_eq!(echo.join().expect("no panic"), b"QUIT\r\n");
    }

    async fn keeps_its_limits<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        let mut wire = W::connect(&at, LONG).await.expect("connected");
        let start = Instant::now();
        let late = wire.receive(&mut [0; 9], SHORT).await;
        assert_eq!(late.expect_err("nothing comes").kind(), ErrorKind::TimedOut);
        let block = vec![0; 1 << 20];
        let late = loop {
            // Nobody reads, so the buffers of both ends fill up.
            match wire.send(&block, SHORT).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() < LONG);
    }

    async fn refused<W: Wire>() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = target(&listener, "127.0.0.1");
        drop(listener);
        let failure = W::connect(&at, LONG).await.err().expect("nobody is there");
        assert_eq!(failure.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn std_wire() {
        now(talks::<StdWire>());
        now(keeps_its_limits::<StdWire>());
        now(refused::<StdWire>());
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn tokio_wire() {
        on_tokio(talks::<TokioWire>());
        on_tokio(keeps_its_limits::<TokioWire>());
        on_tokio(refused::<TokioWire>());
    }
}
