//! A scripted SMTP server for tests.

mod builder;
mod record;
mod rule;
mod stream;
mod talk;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use posthaste_smtp::Protocol;

pub use self::builder::{Builder, Certificate};
pub use self::record::{Conversation, Received, Recipient};
pub use self::rule::{At, Rule};

use self::builder::Setup;
use self::rule::{Here, Place};
use self::talk::{Over, Talk};
use crate::settings::Settings;

/// How long [`Server::wait`] waits, and settings let a test wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An SMTP server for tests: it listens on a free port of this machine, takes mail, keeps all that it saw, and misbehaves
/// where a test wants it to. It stops when it is dropped.
///
/// It works in threads of its own, for blocking and asynchronous code alike. It knows what a modern server knows
/// ([`Extension`](super::Extension)); what it says it can do, what it can do, and what it does when it is asked to are three
/// things that a test may choose apart ([`Builder`], [`Rule`]).
///
/// # Examples
///
/// A recipient is refused:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use posthaste::testing::{At, Server};
/// use posthaste::{EmailMessage, Mailer, Status};
///
/// let server = Server::builder()
///     .rule(At::rcpt("bob@*").reply("550 5.1.1 No such user"))
///     .start();
/// let mailer = Mailer::new(server.settings());
///
/// let message = EmailMessage::new("Hello", "Are you there?")
///     .from("shop@example.com")
///     .to(["ann@example.com", "bob@example.com"]);
/// let report = mailer.send(&message).await;
///
/// assert_eq!(report.status(), Status::Partial);
/// assert_eq!(report.rejected[0].reply.code(), 550);
/// let mail = &server.taken()[0];
/// assert_eq!(mail.from, "shop@example.com");
/// assert_eq!(mail.accepted(), ["ann@example.com"]);
/// assert!(mail.text().contains("Subject: Hello\r\n"));
/// # }
/// # #[cfg(not(feature = "tokio"))] fn main() {}
/// ```
///
/// The answer to a message is lost, so nobody can know whether it was taken. The next one goes over a new connection:
///
/// ```
/// use posthaste::testing::{At, Server};
/// use posthaste::{EmailMessage, Mailer};
///
/// let server = Server::builder()
///     .without_extensions()
///     .rule(At::end().holding("Subject: one").close())
///     .start();
/// let message = |subject| EmailMessage::new(subject, "text").from("a@example.com").to(["b@example.com"]);
/// let reports = Mailer::new(server.settings())
///     .blocking()
///     .send_messages(&[message("one"), message("two")]);
///
/// assert!(reports[0].error.as_ref().is_some_and(|error| error.is_in_doubt()));
/// assert_eq!(reports[1].count(), 1);
/// let connections = server.conversations();
/// assert_eq!(connections.len(), 2);
/// assert!(connections[0].messages[0].is_complete && !connections[0].messages[0].is_taken());
/// assert!(connections[1].transcript().contains("C: DATA\nS: 354 "));
/// ```
pub struct Server {
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that takes everything.
    ///
    /// # Panics
    ///
    /// When this machine has no free port.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A server of your choice.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn new(config: Setup, rules: Vec<Rule>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            config,
            rules: Mutex::new(rules.into_iter().map(Arc::new).collect()),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let (threads, inside) = (thread::Builder::new(), Arc::clone(&shared));
        let threads = threads.name("posthaste-testing".to_owned());
        let listener = threads.spawn(move || inside.listen(&listener))?;
        Ok(Self {
            shared,
            listener: Some(listener),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Settings by which mail goes to this server, with the protocol, the TLS and the login that it wants; patience for 20 seconds. The root
    /// that signed its certificate is not among them: set [`Settings::email_ssl_cafile`].
    #[must_use]
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        let config = &self.shared.config;
        settings.email_backend = "smtp".to_owned();
        settings.email_host = self.address().ip().to_string();
        settings.email_lmtp = config.smtp.protocol == Protocol::Lmtp;
        settings.email_port = Some(self.address().port());
        settings.email_timeout = Some(PATIENCE);
        settings.email_use_ssl = config.implicit_tls;
        settings.email_use_tls = config.smtp.starttls;
        if let Some((user, secret)) = config.logins.first() {
            settings.email_host_user.clone_from(user);
            settings.email_host_password = secret.as_str().into();
        }
        settings
    }

    /// One more rule, before all others.
    pub fn add_rule(&self, rule: Rule) {
        self.shared.rules().insert(0, Arc::new(rule));
    }

    /// Forgets all rules.
    pub fn clear_rules(&self) {
        self.shared.rules().clear();
    }

    /// All connections so far, in the order in which they were made.
    #[must_use]
    pub fn conversations(&self) -> Vec<Conversation> {
        self.shared.state().conversations.clone()
    }

    /// The command lines of the connection of this number, counted from 0; none if there is no such connection.
    #[must_use]
    pub fn commands(&self, connection: usize) -> Vec<String> {
        let state = self.shared.state();
        let found = state.conversations.get(connection);
        found
            .map(|record| record.commands.clone())
            .unwrap_or_default()
    }

    /// All messages that were begun, on all connections.
    #[must_use]
    pub fn messages(&self) -> Vec<Received> {
        let state = self.shared.state();
        let all = state.conversations.iter();
        all.flat_map(|record| record.messages.iter().cloned())
            .collect()
    }

    /// The messages that the server said it has taken.
    #[must_use]
    pub fn taken(&self) -> Vec<Received> {
        let mut messages = self.messages();
        messages.retain(Received::is_taken);
        messages
    }

    /// Waits until the connections are as a test wants them, for 20 seconds at most; blocks the thread. Says whether they are.
    /// What a client has got an answer for is always there already; this is for what it does without waiting for one.
    pub fn wait(&self, mut until: impl FnMut(&[Conversation]) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state();
        loop {
            if until(&state.conversations) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
        // Wakes the listener up; where that fails it is gone already.
        let _ = TcpStream::connect(self.address());
        if let Some(listener) = self.listener.take() {
            // A thread that panicked has said so.
            let _ = listener.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// What all threads of a server have in common.
struct Shared {
    address: SocketAddr,
    config: Setup,
    rules: Mutex<Vec<Arc<Rule>>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    conversations: Vec<Conversation>,
    /// Handles of the open connections, to close them by.
    streams: HashMap<usize, TcpStream>,
    stopping: bool,
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        let mut threads = Vec::new();
        for stream in listener.incoming() {
            let (Ok(stream), Some(number)) = (stream, self.open()) else {
                break;
            };
            if let Ok(handle) = stream.try_clone() {
                self.state().streams.insert(number, handle);
            }
            let inside = Arc::clone(self);
            threads.push(thread::spawn(move || Talk::run(stream, number, &inside)));
        }
        for thread in threads {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }

    /// The number of a new connection; none if there are to be no more.
    fn open(&self) -> Option<usize> {
        let mut state = self.state();
        if state.stopping {
            return None;
        }
        state.conversations.push(Conversation::default());
        self.changed.notify_all();
        Some(state.conversations.len() - 1)
    }

    /// Lets go of the handle of a connection.
    fn forget(&self, number: usize) {
        self.state().streams.remove(&number);
    }

    fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        for (_, stream) in state.streams.drain() {
            // One that is closed already needs no closing.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    /// Waits so long, unless the server is stopped.
    fn sleep(&self, time: Duration) -> Result<(), Over> {
        if time.is_zero() {
            return Ok(());
        }
        let waited = self
            .changed
            .wait_timeout_while(self.state(), time, |state| !state.stopping);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.stopping { Err(Over) } else { Ok(()) }
    }

    fn record<T>(&self, number: usize, write: impl FnOnce(&mut Conversation) -> T) -> T {
        let mut state = self.state();
        let mut nowhere = Conversation::default();
        let written = write(state.conversations.get_mut(number).unwrap_or(&mut nowhere));
        self.changed.notify_all();
        written
    }

    /// The first rule that holds, other than those that have had their turn.
    fn rule(&self, here: Here<'_>, fired: &[Arc<Rule>]) -> Option<Arc<Rule>> {
        let has_fired = |rule: &Arc<Rule>| fired.iter().any(|other| Arc::ptr_eq(rule, other));
        let rules = self.rules();
        let mut left = rules.iter().filter(|rule| !has_fired(rule));
        left.find(|rule| rule.holds(here)).cloned()
    }

    fn awaits(&self, place: &Place) -> bool {
        self.rules().iter().any(|rule| rule.is_at(place))
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Arc<Rule>>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
