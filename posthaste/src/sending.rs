//! What the short functions return: mail that is about to be sent, and can be refined before.

use std::marker::PhantomData;

use posthaste_message::{Address, EmailMessage};

use crate::connection::Connection;
use crate::error::{Error, ErrorKind};
use crate::mailer::Mailer;
use crate::mode::{Async, Blocking, Mode, block_on};
use crate::report::{Report, Reports};
use crate::settings::{Options, Secret, Settings};

/// A mail, or many, about to be sent.
///
/// Nothing is done before it is awaited or, in [`blocking`](crate::blocking), before [`send`](Self::send). The outcome is a
/// [`Report`] for one mail and [`Reports`] for many; it is an error when nobody got a mail, and the error's
/// [`reports`](Error::reports) then tell of all of them.
///
/// # Examples
///
/// Each argument of Django's `send_mail` has its place.
///
/// ```
/// use posthaste::blocking::send_mail;
///
/// # let outbox = posthaste::Outbox::new();
/// # outbox.mailer().blocking().scope(|| {
/// let report = send_mail("Hi", "text", ("Ann", "a@example.com"), ["b@example.com"])
///     .html_message("<p>text")
///     .fail_silently()
///     .send()?;
/// # Ok::<(), posthaste::Error>(())
/// # })?;
/// # Ok::<(), posthaste::Error>(())
/// ```
#[must_use = "nothing is sent before this is awaited (or, when blocking, before `send`)"]
#[derive(Debug)]
pub struct Sending<'c, P, M = Async> {
    payload: P,
    audience: Audience,
    mailer: Option<Mailer>,
    alias: Option<String>,
    login: Login,
    fail_silently: bool,
    connection: Option<&'c mut Connection<M>>,
    mode: PhantomData<M>,
}

/// Who a mail is for.
#[derive(Clone, Copy, Debug)]
enum Audience {
    /// Those whom the message names.
    Given,
    /// Those whom the setting names.
    Admins,
    Managers,
}

/// A login that overrides the settings.
#[derive(Debug, Default)]
struct Login {
    user: Option<String>,
    password: Option<Secret>,
}

impl<P, M> Sending<'static, P, M> {
    pub(crate) fn new(payload: P) -> Self {
        Self {
            payload,
            audience: Audience::Given,
            mailer: None,
            alias: None,
            login: Login::default(),
            fail_silently: false,
            connection: None,
            mode: PhantomData,
        }
    }
}

impl<M> Sending<'static, EmailMessage, M> {
    pub(crate) fn to_admins(subject: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            audience: Audience::Admins,
            ..Self::new(EmailMessage::new(subject, body))
        }
    }

    pub(crate) fn to_managers(subject: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            audience: Audience::Managers,
            ..Self::new(EmailMessage::new(subject, body))
        }
    }
}

impl<M> Sending<'_, EmailMessage, M> {
    /// Adds the body as HTML.
    pub fn html_message(mut self, html: impl Into<String>) -> Self {
        self.payload.attach_alternative(html.into(), "text/html");
        self
    }
}

impl<P, M> Sending<'_, P, M> {
    /// Sends by the named mailer of the settings.
    pub fn using(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// Takes settings and backends from this mailer, not from the [current](Mailer::current) one.
    pub fn mailer(mut self, mailer: &Mailer) -> Self {
        self.mailer = Some(mailer.clone());
        self
    }

    /// Makes no error of a failed delivery; the report tells of it all the same. What is wrong with the message itself or
    /// with the settings stays an error.
    pub fn fail_silently(mut self) -> Self {
        self.fail_silently = true;
        self
    }

    /// Logs in under this name, whatever the settings say.
    pub fn auth_user(mut self, user: impl Into<String>) -> Self {
        self.login.user = Some(user.into());
        self
    }

    /// Logs in with this password, whatever the settings say.
    pub fn auth_password(mut self, password: impl Into<Secret>) -> Self {
        self.login.password = Some(password.into());
        self
    }

    /// Sends over this connection, and leaves it as open as it was. Without it, it goes over one that the mailer keeps, if its backend keeps any.
    pub fn connection<'d>(self, connection: &'d mut Connection<M>) -> Sending<'d, P, M> {
        Sending {
            connection: Some(connection),
            payload: self.payload,
            audience: self.audience,
            mailer: self.mailer,
            alias: self.alias,
            login: self.login,
            fail_silently: self.fail_silently,
            mode: self.mode,
        }
    }
}

impl<P: Payload> Sending<'_, P, Blocking> {
    /// Sends, and waits until it is done.
    ///
    /// # Errors
    ///
    /// When nobody got a mail, unless it is to fail silently; when a message is invalid; when the settings cannot be
    /// used, or arguments exclude each other.
    pub fn send(self) -> Result<P::Outcome, Error> {
        block_on(self.run())
    }
}

impl<P: Payload, M: Mode> Sending<'_, P, M> {
    pub(crate) async fn run(mut self) -> Result<P::Outcome, Error> {
        self.refuse_conflicts()?;
        let mailer = match self.mailer.take() {
            Some(mailer) => mailer,
            None => Mailer::current()?,
        };
        if let Some((people, name)) = self.audience.of(mailer.settings()) {
            if people.is_empty() {
                return Ok(P::nothing());
            }
            for message in self.payload.messages_mut() {
                address(message, people, name, mailer.settings())?;
            }
        }
        if self.payload.is_to_nobody() {
            return Ok(P::nothing());
        }
        let mut own;
        let connection = match self.connection {
            Some(connection) => connection,
            None => {
                let mailer = match self.alias {
                    Some(alias) => mailer.using(alias),
                    None => mailer,
                };
                let login = self.login;
                own = mailer.borrow::<M>(|options| login.override_in(options))?;
                &mut own
            }
        };
        let fail_silently = self.fail_silently || connection.fails_silently();
        let outcome = self.payload.deliver(connection).await;
        P::settle(outcome, fail_silently)
    }

    /// An argument that would have no effect is refused, as in Django. `fail_silently` always has one here.
    fn refuse_conflicts(&self) -> Result<(), Error> {
        let login = self.login.user.is_some() || self.login.password.is_some();
        let conflict = match (&self.connection, &self.alias) {
            (Some(_), Some(_)) => "using has no effect on a connection that is made; leave one out",
            (Some(_), None) if login => {
                "auth_user and auth_password have no effect on a connection that is made; leave them out"
            }
            (None, Some(_)) if login => {
                "auth_user and auth_password exclude using; set username and password of that mailer"
            }
            _ => return Ok(()),
        };
        let field = if self.connection.is_some() {
            "connection"
        } else {
            "using"
        };
        Err(Error::invalid(field, conflict))
    }
}

impl Audience {
    /// The people, and the setting that names them.
    fn of(self, settings: &Settings) -> Option<(&[String], &'static str)> {
        match self {
            Self::Given => None,
            Self::Admins => Some((&settings.admins, "ADMINS")),
            Self::Managers => Some((&settings.managers, "MANAGERS")),
        }
    }
}

impl Login {
    fn override_in(self, options: &mut Options) {
        if let Some(user) = self.user {
            options.set("username", user);
        }
        if let Some(password) = self.password {
            options.set("password", password.expose());
        }
    }
}

/// What can be sent at one go: an [`EmailMessage`], or many of them.
pub trait Payload: sealed::Payload {
    /// What is said of it afterwards.
    type Outcome: Send;

    #[doc(hidden)]
    fn nothing() -> Self::Outcome;

    #[doc(hidden)]
    fn is_to_nobody(&self) -> bool;

    #[doc(hidden)]
    fn messages_mut(&mut self) -> &mut [EmailMessage];

    #[doc(hidden)]
    fn deliver<M: Mode>(
        &self,
        connection: &mut Connection<M>,
    ) -> impl Future<Output = Self::Outcome> + Send;

    #[doc(hidden)]
    fn settle(outcome: Self::Outcome, fail_silently: bool) -> Result<Self::Outcome, Error>;
}

mod sealed {
    pub trait Payload: Send + Sync + 'static {}
    impl Payload for posthaste_message::EmailMessage {}
    impl Payload for Vec<posthaste_message::EmailMessage> {}
}

impl Payload for EmailMessage {
    type Outcome = Report;

    fn nothing() -> Report {
        Report::skipped()
    }

    fn is_to_nobody(&self) -> bool {
        self.recipients().next().is_none()
    }

    fn messages_mut(&mut self) -> &mut [EmailMessage] {
        std::slice::from_mut(self)
    }

    async fn deliver<M: Mode>(&self, connection: &mut Connection<M>) -> Report {
        connection.deliver(self).await
    }

    fn settle(report: Report, fail_silently: bool) -> Result<Report, Error> {
        match report
            .error
            .as_ref()
            .filter(|error| is_loud(error, fail_silently))
        {
            Some(_) => report.into_result(),
            None => Ok(report),
        }
    }
}

impl Payload for Vec<EmailMessage> {
    type Outcome = Reports;

    fn nothing() -> Reports {
        Reports::default()
    }

    fn is_to_nobody(&self) -> bool {
        self.is_empty()
    }

    fn messages_mut(&mut self) -> &mut [EmailMessage] {
        self
    }

    async fn deliver<M: Mode>(&self, connection: &mut Connection<M>) -> Reports {
        connection.deliver_all(self).await
    }

    fn settle(reports: Reports, fail_silently: bool) -> Result<Reports, Error> {
        let mut errors = reports.iter().filter_map(|report| report.error.as_ref());
        match errors.find(|error| is_loud(error, fail_silently)).cloned() {
            Some(error) => Err(error.with_reports(reports)),
            None => Ok(reports),
        }
    }
}

/// Whether a failure becomes an error. A mistake that no server is to blame for is never kept silent.
fn is_loud(error: &Error, fail_silently: bool) -> bool {
    !fail_silently || error.kind() == ErrorKind::Invalid
}

/// Makes a message one from the server to the people that the setting names.
fn address(
    message: &mut EmailMessage,
    people: &[String],
    setting: &str,
    settings: &Settings,
) -> Result<(), Error> {
    let people = people.iter().map(|person| checked(person, setting));
    message.to = people.collect::<Result<_, _>>()?;
    message.from_email = Some(checked(&settings.server_email, "SERVER_EMAIL")?);
    let prefix = &settings.email_subject_prefix;
    message.subject.insert_str(0, prefix);
    Ok(())
}

/// An address of a setting.
fn checked(text: &str, setting: &str) -> Result<Address, Error> {
    match Address::from(text).mailbox() {
        Ok(mailbox) => Ok(Address::from(mailbox)),
        Err(error) => Err(Error::invalid(setting, error.to_string())),
    }
}

/// The message of `send_mail`.
pub(crate) fn message(
    subject: impl Into<String>,
    body: impl Into<String>,
    from: impl Into<Address>,
    to: impl IntoIterator<Item: Into<Address>>,
) -> EmailMessage {
    EmailMessage::new(subject, body).from(from).to(to)
}

/// The messages of `send_mass_mail`.
pub(crate) fn messages<S, B, F, T>(
    mails: impl IntoIterator<Item = (S, B, F, T)>,
) -> Vec<EmailMessage>
where
    S: Into<String>,
    B: Into<String>,
    F: Into<Address>,
    T: IntoIterator<Item: Into<Address>>,
{
    let mails = mails.into_iter();
    mails
        .map(|(subject, body, from, to)| message(subject, body, from, to))
        .collect()
}
