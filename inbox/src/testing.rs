//! An inbox in tests: private boxes, waiting for mail, and what a mail is to hold.
//!
//! ```
//! use posthaste::{EmailMessage, Mailer};
//! use posthaste_inbox::fault::Rule;
//! use posthaste_inbox::{Inbox, Want};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::builder().start()?;
//! inbox.fail(Rule::rcpt("bob@*").reply(451, "4.7.1", "later").times(1));
//!
//! let message = EmailMessage::new("Welcome", "Your code is 482913.")
//!     .from("shop@example.com")
//!     .to(["ann@example.com"])
//!     .cc(["bob@example.com"]);
//! let report = Mailer::new(inbox.settings()).send(&message).await;
//! assert_eq!(report.rejected[0].reply.code(), 451);
//!
//! let mail = inbox.wait(Want::to("ann@example.com")).await?;
//! assert_eq!(mail.envelope.rcpt_to(), ["ann@example.com"]);
//! mail.assert_subject("Welcome");
//! mail.assert_text_contains("482913");
//! assert_eq!(mail.code(), "482913");
//! assert!(mail.transcript.contains("fault rule 1: 451 4.7.1 later"));
//! inbox.expect_none().await;
//! # Ok(())
//! # }
//! ```
//!
//! Tests that run at the same time share an inbox without meeting: the name that a client logs in by is the box of its mails.
//! Blocking code has the same calls with `_blocking` behind their names.
//!
//! ```
//! use posthaste::{EmailMessage, blocking::Mailer};
//! use posthaste_inbox::{Inbox, Want};
//!
//! let inbox = Inbox::builder().start()?;
//! let (here, there) = (inbox.private("here"), inbox.private("there"));
//! let message = EmailMessage::new("Hello", "").from("a@example.com").to(["b@example.com"]);
//! assert_eq!(Mailer::new(here.settings()).send(&message).count(), 1);
//!
//! let mail = here.wait_blocking(Want::any())?;
//! assert_eq!(mail.mailbox, "here");
//! there.expect_none_blocking();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assertions;
mod report;
mod want;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{fmt, io};

use posthaste::Settings;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

use crate::event::Event;
use crate::fault::{InvalidRule, Listed, Rule};
use crate::inbox::{Inbox, Shared};
use crate::mail::{Id, Mail};
use crate::query::Query;
use crate::store::Page;

pub use want::Want;

/// Who expects no mail waits so long for one.
const QUIET: Duration = Duration::from_millis(100);

/// The mails of one box: of clients that log in by its name. See [`Inbox::private`].
#[derive(Clone, Debug)]
pub struct PrivateBox<'i> {
    inbox: &'i Inbox,
    name: String,
}

/// The mail that was waited for did not come. `Display` and `Debug` say what did.
#[derive(Clone)]
pub struct NoMail {
    /// What was wanted.
    pub wanted: Box<Want>,
    /// All mails of the inbox or box, oldest first.
    pub came: Vec<Arc<Mail>>,
}

/// The mails that no wait has given yet are told from the others by this.
pub(crate) type Given = Mutex<HashSet<Id>>;

impl Inbox {
    /// A box for mails of clients that log in by this name, with any password.
    pub fn private(&self, name: impl Into<String>) -> PrivateBox<'_> {
        PrivateBox {
            inbox: self,
            name: name.into(),
        }
    }

    /// Makes a fault from now on, if no earlier rule fits.
    ///
    /// # Panics
    ///
    /// When the rule makes no sense: when [`Rule::check`] is an error.
    #[track_caller]
    pub fn fail(&self, rule: Rule) {
        if let Err(error) = self.shared.faults.push(rule) {
            panic!("{error}");
        }
    }

    /// The fault rules, and how often each had its turn.
    pub fn faults(&self) -> Vec<Listed> {
        self.shared.faults.list()
    }

    /// Makes these faults from now on, and no others.
    ///
    /// # Errors
    ///
    /// When one of them makes no sense. Then nothing is changed.
    pub fn set_faults(&self, rules: Vec<Rule>) -> Result<(), InvalidRule> {
        self.shared.faults.replace(rules)
    }

    /// Waits for a mail, and gives it. A mail that a wait has given is not given again.
    ///
    /// # Errors
    ///
    /// When it does not come in time. The error says what did come.
    pub async fn wait(&self, want: Want) -> Result<Arc<Mail>, NoMail> {
        self.outcome(None, want).await
    }

    /// [`wait`](Self::wait) for code that blocks.
    ///
    /// # Errors
    ///
    /// When it does not come in time.
    pub fn wait_blocking(&self, want: Want) -> Result<Arc<Mail>, NoMail> {
        self.outcome_blocking(None, want)
    }

    /// Makes sure that no mail is there but those that were waited for, and that none comes within 100 ms.
    ///
    /// # Panics
    ///
    /// When there is one.
    pub async fn expect_none(&self) {
        none_expected(self.outcome(None, Want::any().within(QUIET)).await);
    }

    /// [`expect_none`](Self::expect_none) for code that blocks.
    ///
    /// # Panics
    ///
    /// When there is one.
    #[track_caller]
    pub fn expect_none_blocking(&self) {
        none_expected(self.outcome_blocking(None, Want::any().within(QUIET)));
    }

    /// All mails, oldest first, those too that were not taken.
    pub async fn mails(&self) -> Vec<Arc<Mail>> {
        let all = self.spawn(|shared, _| async move { all(&shared, None).await });
        all.await.unwrap_or_default()
    }

    /// [`mails`](Self::mails) for code that blocks.
    pub fn mails_blocking(&self) -> Vec<Arc<Mail>> {
        let all = self.block(|shared, _| async move { all(&shared, None).await });
        all.unwrap_or_default()
    }

    /// Writes all that came into one HTML file that needs nothing else: for a test that failed where nobody can look into the inbox.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn report(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, report::page(&self.mails_blocking(), &self.faults()))
    }

    async fn outcome(&self, mailbox: Option<String>, want: Want) -> Result<Arc<Mail>, NoMail> {
        let wanted = want.clone();
        let outcome =
            self.spawn(|shared, given| async move { next(&shared, &given, mailbox, want).await });
        outcome.await.unwrap_or_else(|| Err(NoMail::none(wanted)))
    }

    fn outcome_blocking(&self, mailbox: Option<String>, want: Want) -> Result<Arc<Mail>, NoMail> {
        let wanted = want.clone();
        let outcome =
            self.block(|shared, given| async move { next(&shared, &given, mailbox, want).await });
        outcome.unwrap_or_else(|| Err(NoMail::none(wanted)))
    }

    /// Does something on the inbox's own runtime, which has a clock: who waits may be on another, or on none.
    async fn spawn<F, T>(&self, work: impl FnOnce(Arc<Shared>, Arc<Given>) -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let work = work(Arc::clone(&self.shared), Arc::clone(&self.given));
        self.handle()?.spawn(work).await.ok()
    }

    fn block<F, T>(&self, work: impl FnOnce(Arc<Shared>, Arc<Given>) -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let work = work(Arc::clone(&self.shared), Arc::clone(&self.given));
        let (tell, told) = mpsc::sync_channel(1);
        self.handle()?.spawn(async move {
            // Whoever asked may have gone.
            let _ = tell.send(work.await);
        });
        told.recv().ok()
    }
}

impl PrivateBox<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Settings by which a mailer sends to it.
    pub fn settings(&self) -> Settings {
        let mut settings = self.inbox.settings();
        settings.email_host_user.clone_from(&self.name);
        settings.email_host_password = "any".into();
        settings
    }

    /// Makes a fault for clients of this box alone.
    ///
    /// # Panics
    ///
    /// When the rule makes no sense, or acts before a client has logged in.
    #[track_caller]
    pub fn fail(&self, rule: Rule) {
        self.inbox.fail(rule.user(&self.name));
    }

    /// Waits for a mail in this box. See [`Inbox::wait`].
    ///
    /// # Errors
    ///
    /// When it does not come in time.
    pub async fn wait(&self, want: Want) -> Result<Arc<Mail>, NoMail> {
        self.inbox.outcome(Some(self.name.clone()), want).await
    }

    /// [`wait`](Self::wait) for code that blocks.
    ///
    /// # Errors
    ///
    /// When it does not come in time.
    pub fn wait_blocking(&self, want: Want) -> Result<Arc<Mail>, NoMail> {
        self.inbox.outcome_blocking(Some(self.name.clone()), want)
    }

    /// Makes sure that this box has no mail but those that were waited for. See [`Inbox::expect_none`].
    ///
    /// # Panics
    ///
    /// When there is one.
    pub async fn expect_none(&self) {
        none_expected(self.wait(Want::any().within(QUIET)).await);
    }

    /// [`expect_none`](Self::expect_none) for code that blocks.
    ///
    /// # Panics
    ///
    /// When there is one.
    #[track_caller]
    pub fn expect_none_blocking(&self) {
        none_expected(self.wait_blocking(Want::any().within(QUIET)));
    }

    /// All mails of this box, oldest first.
    pub async fn mails(&self) -> Vec<Arc<Mail>> {
        let name = Some(self.name.clone());
        let all = |shared: Arc<Shared>, _| async move { all(&shared, name).await };
        self.inbox.spawn(all).await.unwrap_or_default()
    }

    /// [`mails`](Self::mails) for code that blocks.
    pub fn mails_blocking(&self) -> Vec<Arc<Mail>> {
        let name = Some(self.name.clone());
        let all = |shared: Arc<Shared>, _| async move { all(&shared, name).await };
        self.inbox.block(all).unwrap_or_default()
    }
}

#[track_caller]
fn none_expected(outcome: Result<Arc<Mail>, NoMail>) {
    if let Ok(mail) = outcome {
        panic!(
            "no mail was expected, but there is one:\n{}",
            want::line(&mail)
        );
    }
}

/// Waits for the first mail that was not given yet.
async fn next(
    shared: &Shared,
    given: &Given,
    mailbox: Option<String>,
    want: Want,
) -> Result<Arc<Mail>, NoMail> {
    let end = Instant::now() + want.limit();
    // First listen, then look: what comes in between is seen twice, not never.
    let (_, mut events) = shared.events.listen();
    let mut waiting = all(shared, mailbox.clone()).await;
    loop {
        for mail in waiting.drain(..) {
            let is_here = mailbox.as_ref().is_none_or(|name| *name == mail.mailbox);
            if is_here && want.fits(&mail) && is_first(given, mail.id) {
                return Ok(mail);
            }
        }
        match timeout_at(end, events.recv()).await {
            Ok(Ok((_, Event::Mail(mail)))) => waiting.push(mail),
            Ok(Ok(_)) => {}
            Ok(Err(RecvError::Lagged(_))) => waiting = all(shared, mailbox.clone()).await,
            Ok(Err(RecvError::Closed)) | Err(_) => break,
        }
    }
    Err(NoMail {
        wanted: Box::new(want),
        came: all(shared, mailbox).await,
    })
}

fn is_first(given: &Given, id: Id) -> bool {
    given
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id)
}

async fn all(shared: &Shared, mailbox: Option<String>) -> Vec<Arc<Mail>> {
    let query = Query {
        mailbox,
        ..Query::default()
    };
    let page = Page {
        limit: usize::MAX,
        ..Page::default()
    };
    // A store that fails has nothing to show; whoever waits says so.
    let found = shared.store.list(&query, page).await.unwrap_or_default();
    found
        .mails
        .into_iter()
        .rev()
        .map(|(mail, _)| mail)
        .collect()
}

impl NoMail {
    fn none(wanted: Want) -> Self {
        Self {
            wanted: Box::new(wanted),
            came: Vec::new(),
        }
    }
}

impl fmt::Display for NoMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no mail came {}; ", self.wanted)?;
        if self.came.is_empty() {
            return f.write_str("none came at all");
        }
        f.write_str("there are:")?;
        for mail in &self.came {
            write!(f, "\n  {}", want::line(mail))?;
        }
        Ok(())
    }
}

impl fmt::Debug for NoMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A test that ends by this error shows it so.
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NoMail {}

#[cfg(test)]
mod tests {
    use posthaste::{EmailMessage, blocking};

    use super::*;
    use crate::fault::Step;

    #[test]
    fn a_fault_is_told_where_it_happens_and_by_which_rule() {
        let inbox = Inbox::builder().start().expect("a free port");
        inbox.fail(Rule::end().times(1).delay_ms(1).skip(9));
        inbox.fail(Rule::rcpt("ann@*").reply(550, "5.1.1", "gone"));
        let (_, mut events) = inbox.shared.events.listen();
        let message = EmailMessage::new("x", "x")
            .from("a@example.com")
            .to(["ann@example.com", "once-451@fault.test"]);
        let report = blocking::Mailer::new(inbox.settings()).send(&message);
        assert_eq!(report.rejected.len(), 2);

        let mut hits = Vec::new();
        while let Ok((_, event)) = events.try_recv() {
            if let Event::Fault(hit) = event {
                hits.push((hit.rule, hit.step, hit.session, hit.what.clone()));
            }
        }
        let expected = [
            (Some(2), "550 5.1.1 gone"),
            (None, "451 As the address asks for"),
        ];
        let expected = expected.map(|(rule, what)| (rule, Step::Rcpt, 1, what.to_owned()));
        assert_eq!(hits, expected);
    }
}
