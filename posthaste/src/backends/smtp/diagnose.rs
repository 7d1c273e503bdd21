//! A look at the server: connects as for a message, logs in, and notes all that is said.

use std::time::{Duration, Instant};

use posthaste_smtp::{Line, Reply, ViolationKind};

use super::advice::{self, Trouble};
use super::failure::{Ended, unreachable};
use super::options::Server;
use crate::backend::Context;
use crate::check::{Diagnosis, LoginResult, certificate};
use crate::error::{Error, Phase};
use crate::net::{Event, Fault, Link, NoContents, Seen, Wire, connect, connect_limit, drive};
use crate::trace::Trace;

/// How long each answer may take, if nothing else is said: nobody wants to wait five minutes to learn what is wrong.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many answers are timed.
const SAMPLES: usize = 5;

/// Looks at the server that the options describe.
pub(crate) struct Inspector {
    server: Server,
    seen: Seen,
}

impl Inspector {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// When an option is unknown or cannot be used.
    pub(crate) fn new(ctx: &Context<'_>, domain: &str) -> Result<Self, Error> {
        let mut server = Server::new(ctx, domain)?;
        server.timeout.get_or_insert(PATIENCE);
        let seen = Seen::default();
        if let Some(tls) = &mut server.tls {
            // What cannot be watched is looked at without.
            *tls = tls.watched(&seen).unwrap_or_else(|_| tls.clone());
        }
        Ok(Self { server, seen })
    }

    /// Connects, asks and takes leave.
    pub(crate) async fn look<W: Wire>(&self) -> Diagnosis {
        let mut found = Diagnosis {
            server: self.server.target.to_string(),
            ..Diagnosis::default()
        };
        let trouble = self.talk::<W>(&mut found).await.err();
        found.certificate = self
            .seen
            .certificate()
            .and_then(|der| certificate::read(&der));
        found.problems = advice::problems(&self.server, &found, trouble.as_ref());
        found.error = trouble.map(|trouble| trouble.error);
        found
    }

    async fn talk<W: Wire>(&self, found: &mut Diagnosis) -> Result<(), Trouble> {
        let server = &self.server;
        let credentials = server.first_credentials::<W>().await?;
        let mut config = server.session_config(credentials);
        let mut trace = Trace::new(&server.target, &mut config);
        config.transcript = true;
        let wire = connect::<W>(&server.target, connect_limit(server.timeout, None)).await;
        let wire = wire.map_err(|error| trace.failed(unreachable(&server.target, error)))?;
        let link = Link::begin(wire, config, server.timeout, None, server.tls.clone()).await;
        let mut link = link.map_err(|fault| ended(Ended::Fault(fault), Phase::Starttls))?;
        // The link itself tells nobody, so that all that was said is there to be noted.
        let event = drive(&mut link, &mut NoContents).await;
        self.note(&mut link, &mut trace, found);
        let end = match event {
            Ok(Event::Idle | Event::Waiting | Event::Done(..)) => None,
            Ok(Event::Closed(reply)) => Some(Ended::Closed(reply)),
            Err(fault) => Some(Ended::Fault(fault)),
        };
        if let Some(end) = end {
            let mut trouble = ended(end, link.phase().into());
            trouble.error = trace.failed(server.explained(trouble.error, &link.session));
            return Err(trouble);
        }
        trace.opened(&link.session, &|| link.safety());
        found.round_trip = round_trip(&mut link).await;
        link.session.quit();
        let _ = drive(&mut link, &mut NoContents).await;
        trace.quit();
        Ok(())
    }

    /// Takes over what was said and agreed on.
    fn note<W: Wire>(&self, link: &mut Link<W>, trace: &mut Trace, found: &mut Diagnosis) {
        if let Some(safety) = link.safety() {
            found.tls_version = Some(safety.version_name());
            found.tls_cipher = Some(safety.cipher);
        }
        let mechanism = link.session.mechanism().map(|one| one.to_string());
        let mut is_tls = self.server.is_implicit;
        let mut said = String::new();
        for line in link.session.transcript() {
            trace.said(&line);
            match line {
                Line::Client(line) => said = line,
                Line::Server(reply) if said.is_empty() => found.greeting = Some(reply),
                Line::Server(reply) if is_hello(&said) && reply.is_success() => {
                    let lines = reply.lines().skip(1).map(str::to_owned).collect();
                    match is_tls {
                        true => found.offered_under_tls = lines,
                        false => found.offered = lines,
                    }
                }
                Line::Server(reply) if is_login(&said) && reply.code() != 334 => {
                    found.login = Some(login(mechanism.clone(), reply));
                }
                Line::Tls => is_tls = true,
                _ => {}
            }
        }
    }
}

fn login(mechanism: Option<String>, reply: Reply) -> LoginResult {
    LoginResult {
        mechanism,
        is_accepted: reply.is_success(),
        reply: Some(reply),
    }
}

fn is_hello(said: &str) -> bool {
    said.starts_with("EHLO ") || said.starts_with("LHLO ")
}

/// What is said to log in, as the transcript shows it.
fn is_login(said: &str) -> bool {
    said.starts_with("AUTH ") || said == "***"
}

fn ended(end: Ended, phase: Phase) -> Trouble {
    let violation = match &end {
        Ended::Fault(Fault::Peer(violation)) => Some(violation.kind()),
        _ => None,
    };
    Trouble {
        violation,
        error: end.error(phase),
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self {
            violation: None::<ViolationKind>,
            error,
        }
    }
}

/// The median of the time that some answers take.
async fn round_trip<W: Wire>(link: &mut Link<W>) -> Option<Duration> {
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let start = Instant::now();
        link.session.noop();
        let Ok(Event::Idle) = drive(link, &mut NoContents).await else {
            break;
        };
        times.push(start.elapsed());
    }
    times.sort();
    times.get(times.len() / 2).copied()
}
