//! Faults at every stage of a conversation, by both drivers, against servers that offer less and more: what the reports say
//! is what the server knows. Never `sent` without the server's word, in doubt exactly where nobody can know, nothing twice,
//! and later mail goes out over a new connection.

mod truth;

use std::thread;
use std::time::Duration;

use posthaste::testing::{At, Builder, Certificate, Extension, Rule, Server};
use posthaste::{EmailMessage, Mailer, Report, Settings};

use truth::Truth;

/// Who moves the bytes.
#[derive(Clone, Copy, Debug)]
enum Driver {
    Std,
    #[cfg(feature = "tokio")]
    Tokio,
}

const DRIVERS: &[Driver] = &[
    Driver::Std,
    #[cfg(feature = "tokio")]
    Driver::Tokio,
];

/// What the server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    Nothing,
    Pipelining,
    Chunking,
}

const OFFERS: [Offer; 3] = [Offer::Nothing, Offer::Pipelining, Offer::Chunking];

impl Offer {
    fn server(self) -> Builder {
        let server = Server::builder().without_extensions();
        match self {
            Self::Nothing => server,
            Self::Pipelining => server.with(Extension::Pipelining),
            Self::Chunking => server.with(Extension::Pipelining).with(Extension::Chunking),
        }
    }
}

/// Where it happens; always on the first connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    /// In the second of three messages.
    Mail,
    FirstRcpt,
    SecondRcpt,
    /// DATA, or the first BDAT.
    Data,
    Body,
    Chunk,
    Final,
    /// After the answer to the second message.
    Between,
    Rset,
    Quit,
}

const STAGES: [Stage; 14] = [
    Stage::Greeting,
    Stage::Ehlo,
    Stage::StartTls,
    Stage::Auth,
    Stage::Mail,
    Stage::FirstRcpt,
    Stage::SecondRcpt,
    Stage::Data,
    Stage::Body,
    Stage::Chunk,
    Stage::Final,
    Stage::Between,
    Stage::Rset,
    Stage::Quit,
];

impl Stage {
    fn at(self, offer: Offer) -> At {
        let at = match self {
            Self::Greeting => At::greeting(),
            Self::Ehlo => At::ehlo(),
            Self::StartTls => At::starttls(),
            Self::Auth => At::auth(),
            Self::Mail => At::mail("two@*"),
            Self::FirstRcpt => At::rcpt("two.a@*"),
            Self::SecondRcpt => At::rcpt("two.b@*"),
            Self::Data if offer == Offer::Chunking => At::bdat().skip(1),
            Self::Data => At::data().skip(1),
            Self::Body => At::content(5).holding("Subject: two"),
            Self::Chunk => At::chunk().holding("Subject: two"),
            Self::Final => At::end().holding("Subject: two"),
            Self::Between => At::after_end().holding("Subject: two"),
            Self::Rset => At::rset(),
            Self::Quit => At::quit(),
        };
        at.connection(0)
    }

    /// Whether no message can have been begun.
    fn is_opening(self) -> bool {
        matches!(
            self,
            Self::Greeting | Self::Ehlo | Self::StartTls | Self::Auth
        )
    }
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Close,
    Reset,
    Stall,
    Freeze,
    HalfClose,
    Garbage,
    EndlessLine,
    EndlessLines,
    CutReply,
    Told421,
    TwoReplies,
}

const FAULTS: [Fault; 11] = [
    Fault::Close,
    Fault::Reset,
    Fault::Stall,
    Fault::Freeze,
    Fault::HalfClose,
    Fault::Garbage,
    Fault::EndlessLine,
    Fault::EndlessLines,
    Fault::CutReply,
    Fault::Told421,
    Fault::TwoReplies,
];

impl Fault {
    fn rule(self, at: At) -> Rule {
        match self {
            Self::Close => at.close(),
            Self::Reset => at.reset(),
            Self::Stall => at.stall(),
            Self::Freeze => at.freeze(),
            Self::HalfClose => at.half_close(),
            Self::Garbage => at.raw("HTTP/1.1 400 Bad Request\r\n"),
            Self::EndlessLine => at.endless_line(),
            Self::EndlessLines => at.endless_lines(),
            Self::CutReply => at.cut_reply(2),
            Self::Told421 => at.reply("421 4.3.2 Enough"),
            Self::TwoReplies => at.accept_and_say("250 2.0.0 Once more\r\n"),
        }
    }

    fn is_silence(self) -> bool {
        matches!(self, Self::Stall | Self::Freeze)
    }
}

/// One of the many.
#[derive(Clone, Copy, Debug)]
struct Case {
    driver: Driver,
    offer: Offer,
    stage: Stage,
    fault: Fault,
    /// The second message is much larger than all buffers on the way.
    large: bool,
}

impl Case {
    fn server(self) -> Server {
        let mut server = self.offer.server();
        if self.stage == Stage::StartTls {
            server = server.starttls(certificate());
        }
        if self.stage == Stage::Auth {
            server = server.login("ann", "hunter2");
        }
        if self.stage == Stage::Rset {
            // RSET follows a failure.
            server = server.rule(At::rcpt("one.*").reply("550 5.1.1 No such user"));
        }
        server
            .rule(self.fault.rule(self.stage.at(self.offer)))
            .start()
    }

    fn settings(self, server: &Server) -> Settings {
        let mut settings = server.settings();
        if self.fault.is_silence() {
            settings.email_timeout = Some(Duration::from_secs(1));
        }
        settings
    }

    fn run(self) {
        let server = self.server();
        let mut messages = ["one", "two", "three"].map(message);
        if self.large {
            messages[1].body = "a line of text that is not long\n".repeat(200_000);
        }
        let reports = send(self.driver, self.settings(&server), &messages);
        Truth::new(self, &server, &reports).check();
    }
}

fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    Certificate::from_pem(&made.cert.pem(), &made.signing_key.serialize_pem())
}

fn message(name: &str) -> EmailMessage {
    EmailMessage::new(name, format!("This is {name}.\n.\n"))
        .from(format!("{name}@from.example"))
        .to(["a", "b"].map(|to| format!("{name}.{to}@to.example")))
}

/// Sends all through one connection, and closes it.
fn send(driver: Driver, settings: Settings, messages: &[EmailMessage]) -> Vec<Report> {
    let mailer = Mailer::new(settings);
    let reports = match driver {
        Driver::Std => {
            let connection = mailer.blocking().connection();
            connection.expect("usable settings").send_messages(messages)
        }
        #[cfg(feature = "tokio")]
        Driver::Tokio => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(async {
                let connection = mailer.connection();
                let mut connection = connection.expect("usable settings");
                connection.send_messages(messages).await
            }),
    };
    reports.into_vec()
}

/// Runs cases side by side, because some of them do nothing but wait; those come first.
fn run_all(mut cases: Vec<Case>) {
    cases.sort_by_key(|case| !case.fault.is_silence());
    let mut failed = Vec::new();
    for some in cases.chunks(16) {
        let run = |case: &Case| {
            let case = *case;
            (case, thread::spawn(move || case.run()))
        };
        let running: Vec<_> = some.iter().map(run).collect();
        let all = running.into_iter();
        failed.extend(all.filter_map(|(case, thread)| thread.join().err().map(|_| case)));
    }
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
}

fn matrix(stages: &[Stage], offer: Offer) -> Vec<Case> {
    let mut cases = Vec::new();
    for &driver in DRIVERS {
        for &stage in stages {
            cases.extend(FAULTS.map(|fault| Case {
                driver,
                offer,
                stage,
                fault,
                large: false,
            }));
        }
    }
    cases
}

#[test]
fn at_every_stage_without_extensions() {
    run_all(matrix(&STAGES, OFFERS[0]));
}

#[test]
fn at_every_stage_with_pipelining() {
    run_all(matrix(&STAGES, OFFERS[1]));
}

#[test]
fn at_every_stage_with_pipelining_and_chunking() {
    run_all(matrix(&STAGES, OFFERS[2]));
}

/// Each with one driver alone: it is much to move.
#[test]
fn amid_a_large_content() {
    let cases = OFFERS
        .into_iter()
        .flat_map(|offer| matrix(&[Stage::Body], offer));
    let some = cases.step_by(DRIVERS.len());
    run_all(
        some.map(|case| Case {
            large: true,
            ..case
        })
        .collect(),
    );
}
