//! A light server that takes all mail and keeps none: it counts messages, octets and round trips.
//!
//! It is told what to announce, and serves each connection in a thread. At the next port it takes any octets, to measure what
//! the link carries. A line on its standard input asks for what was counted, once the connections are closed, and starts
//! afresh; the end of its input ends it.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::talk::Talk;

/// Large enough for a whole message of most sizes.
const BLOCK: usize = 256 * 1024;

/// How long to wait for clients that do not close their connections.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the sink announces, and how it listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The names of extensions.
    pub(crate) extensions: Vec<String>,
    /// Speaks TLS from the first octet.
    tls: Option<Arc<ServerConfig>>,
    /// How long the way to the client and back takes: what comes sooner was no answer to what we said.
    trip: Duration,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: u64,
    pub(crate) messages: u64,
    /// Of contents.
    pub(crate) octets: u64,
    /// How often a client waited for a reply before it went on, on a warm connection: after its first message was taken.
    turns: u64,
    /// The messages that were taken since.
    warm: u64,
    /// When the first MAIL came.
    pub(crate) first: Option<Instant>,
    /// When the last message was taken.
    pub(crate) last: Option<Instant>,
}

#[derive(Debug, Default)]
struct Shared {
    counts: Mutex<(Counts, usize)>,
    closed: Condvar,
}

impl Options {
    /// Reads `[EXTENSION…] [tls=FILE] [trip=MILLISECONDS]`; the certificate is written to FILE.
    ///
    /// # Errors
    ///
    /// When the certificate cannot be made or written.
    pub(crate) fn new(
        arguments: &[&str],
        address: SocketAddr,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.split_once('=') {
                Some(("tls", file)) => options.tls = Some(certified(file, address.ip())?),
                Some(("trip", trip)) => options.trip = Duration::from_millis(trip.parse()?),
                _ => options.extensions.push(argument.to_ascii_uppercase()),
            }
        }
        Ok(options)
    }
}

/// A certificate of our own for that address, and for this machine's.
fn certified(
    file: &str,
    address: IpAddr,
) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let names = [address, Ipv4Addr::LOCALHOST.into()].map(|ip: IpAddr| ip.to_string());
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::write(file, made.cert.pem())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(Arc::new(config))
}

/// Serves until the end of standard input.
///
/// # Errors
///
/// When it cannot listen, or nobody reads what it prints.
pub(crate) fn serve(address: SocketAddr, options: Options) -> io::Result<()> {
    let shared = Arc::new(Shared::default());
    let smtp = TcpListener::bind(address)?;
    let any = TcpListener::bind((address.ip(), address.port() + 1))?;
    accept(any, &shared, swallow);
    accept(smtp, &shared, move |stream, counts| {
        converse(stream, &options, counts)
    });
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(out, "{}", shared.take().json())?;
        out.flush()?;
    }
    Ok(())
}

fn accept(
    listener: TcpListener,
    shared: &Arc<Shared>,
    serve: impl Fn(TcpStream, &mut Counts) -> io::Result<()> + Send + Clone + 'static,
) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            shared.opened();
            let (shared, serve) = (Arc::clone(&shared), serve.clone());
            thread::spawn(move || {
                let mut counts = Counts::default();
                // A client that goes away is as good as one that says QUIT.
                let _ = serve(stream, &mut counts);
                shared.closed(&counts);
            });
        }
    });
}

/// Takes whatever comes, and says when it has all.
fn swallow(mut stream: TcpStream, counts: &mut Counts) -> io::Result<()> {
    let mut buffer = vec![0; BLOCK];
    loop {
        let read = stream.read(&mut buffer)?;
        counts.first.get_or_insert_with(Instant::now);
        if read == 0 {
            counts.last = Some(Instant::now());
            return stream.write_all(b".");
        }
        counts.octets += read as u64;
    }
}

fn converse(stream: TcpStream, options: &Options, counts: &mut Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match &options.tls {
        None => talk(stream, options, counts),
        Some(config) => {
            let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            talk(StreamOwned::new(tls, stream), options, counts)
        }
    }
}

fn talk(mut stream: impl Read + Write, options: &Options, counts: &mut Counts) -> io::Result<()> {
    let mut talk = Talk::new(&options.extensions);
    let mut buffer = vec![0; BLOCK];
    let mut filled = 0;
    stream.write_all(b"220 sink ESMTP\r\n")?;
    stream.flush()?;
    let mut answered = Some(Instant::now());
    let mut turns = 0;
    let mut cold = None;
    while !talk.is_over() {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            break;
        }
        let now = Instant::now();
        let turned = answered.is_some_and(|at| (now - at) * 10 >= options.trip * 9);
        filled += read;
        let taken = talk.hear(&buffer[..filled], counts, now);
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        turns += u64::from(turned);
        answered = None;
        if !talk.replies.is_empty() {
            stream.write_all(&talk.replies)?;
            stream.flush()?;
            answered = Some(Instant::now());
            if std::mem::take(&mut talk.accepted) {
                counts.last = answered;
                let (cold_turns, cold_messages) = *cold.get_or_insert((turns, counts.messages));
                counts.turns = turns - cold_turns;
                counts.warm = counts.messages - cold_messages;
            }
            talk.replies.clear();
        }
    }
    Ok(())
}

impl Shared {
    fn opened(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
    }

    fn closed(&self, more: &Counts) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.0.add(more);
        counts.1 -= 1;
        self.closed.notify_all();
    }

    /// What was counted since this was last asked.
    fn take(&self) -> Counts {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .closed
            .wait_timeout_while(counts, PATIENCE, |(_, open)| *open > 0);
        let (mut counts, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut counts.0)
    }
}

impl Counts {
    fn add(&mut self, more: &Self) {
        self.connections += 1;
        self.messages += more.messages;
        self.octets += more.octets;
        self.turns += more.turns;
        self.warm += more.warm;
        self.first = self.first.into_iter().chain(more.first).min();
        self.last = self.last.max(more.last);
    }

    fn json(&self) -> String {
        let seconds = self.first.zip(self.last);
        let seconds = seconds.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        format!(
            "{{\"connections\": {}, \"messages\": {}, \"octets\": {}, \"turns\": {}, \"warm\": {}, \"seconds\": {seconds:.6}}}",
            self.connections, self.messages, self.octets, self.turns, self.warm
        )
    }
}
