//! The message as its user sees it.

use std::path::PathBuf;

use crate::address::Address;
use crate::attachment::{Content, EmailAlternative, EmailAttachment};
use crate::dsn::{self, Dsn};
use crate::envelope::Envelope;
use crate::error::RenderError;
use crate::headers::Headers;
use crate::json;
use crate::render::{self, RenderOptions};
use crate::rendered::Rendered;

/// An e-mail: Django's `EmailMessage` and `EmailMultiAlternatives` in one.
///
/// Every field is public and may be changed until the message is rendered; nothing is checked
/// or computed before. Each field has a setter of its name, to be chained.
///
/// ```
/// use posthaste_message::{EmailMessage, RenderOptions};
///
/// let message = EmailMessage::new("Hello", "Body goes here")
///     .from("Ann <ann@example.com>")
///     .to(["bob@example.com"])
///     .header("X-Tag", "hello")
///     .html("<p>Body goes here");
/// let rendered = message.render(&RenderOptions::default())?;
/// assert!(rendered.to_vec()?.starts_with(b"MIME-Version: 1.0\r\n"));
/// # Ok::<(), posthaste_message::RenderError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EmailMessage {
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Who sends; [`RenderOptions::default_from`] if absent or empty.
    pub from_email: Option<Address>,
    /// Who gets the message.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
    /// Who gets a copy that nobody else sees.
    pub bcc: Vec<Address>,
    /// Who gets the answers.
    pub reply_to: Vec<Address>,
    /// More headers. `From`, `To`, `Cc` and `Reply-To` here replace what is shown.
    pub headers: Headers,
    /// What is attached.
    pub attachments: Vec<EmailAttachment>,
    /// The body in other forms.
    pub alternatives: Vec<EmailAlternative>,
    /// The kind of text that the body is: `plain`, or `html`.
    pub content_subtype: String,
    /// The charset of the texts; [`RenderOptions::charset`] if absent or empty.
    pub charset: Option<String>,
    /// The notices of delivery that are wanted; if absent, the servers decide. Only the SMTP backend passes it on.
    pub dsn: Option<Dsn>,
    /// Whether the message may travel under TLS only, on the whole of its way (REQUIRETLS, RFC 8689). It fails where the
    /// connection to the server is not under TLS, or the server does not promise it. Backends that store ignore it.
    pub require_tls: bool,
    /// How urgent the message is, from -9 to 9 (RFC 6710); servers that do not know it, and backends that store, ignore
    /// it.
    pub mt_priority: Option<i8>,
}

impl Default for EmailMessage {
    fn default() -> Self {
        Self {
            subject: String::new(),
            body: String::new(),
            from_email: None,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            reply_to: Vec::new(),
            headers: Headers::new(),
            attachments: Vec::new(),
            alternatives: Vec::new(),
            content_subtype: "plain".to_owned(),
            charset: None,
            dsn: None,
            require_tls: false,
            mt_priority: None,
        }
    }
}

impl EmailMessage {
    /// A message with a subject and a text.
    pub fn new(subject: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            body: body.into(),
            ..Self::default()
        }
    }

    /// Reads a message from its JSON form.
    ///
    /// ```
    /// use posthaste_message::EmailMessage;
    ///
    /// let message = EmailMessage::from_json(r#"{"subject": "Hi", "to": ["a@example.com"]}"#)?;
    /// assert_eq!(message.to[0], "a@example.com");
    ///
    /// let error = EmailMessage::from_json(r#"{"to": "a@example.com"}"#).unwrap_err();
    /// assert_eq!(error.field(), "to");
    /// # Ok::<(), posthaste_message::RenderError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the text is no JSON or has more than a million values (the field is then `message`),
    /// when a key is unknown or stands twice, or when a value is of the wrong kind; the error names
    /// the key.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, RenderError> {
        json::parse(json.as_ref())
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets the text.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the sender.
    #[must_use]
    pub fn from(self, sender: impl Into<Address>) -> Self {
        self.from_email(sender)
    }

    /// Sets the sender.
    #[must_use]
    pub fn from_email(mut self, sender: impl Into<Address>) -> Self {
        self.from_email = Some(sender.into());
        self
    }

    /// Sets the recipients, in place of earlier ones.
    #[must_use]
    pub fn to(mut self, addresses: impl IntoIterator<Item: Into<Address>>) -> Self {
        self.to = collect(addresses);
        self
    }

    /// Sets who gets a copy, in place of earlier ones.
    #[must_use]
    pub fn cc(mut self, addresses: impl IntoIterator<Item: Into<Address>>) -> Self {
        self.cc = collect(addresses);
        self
    }

    /// Sets who gets a copy that nobody else sees, in place of earlier ones.
    #[must_use]
    pub fn bcc(mut self, addresses: impl IntoIterator<Item: Into<Address>>) -> Self {
        self.bcc = collect(addresses);
        self
    }

    /// Sets who gets the answers, in place of earlier ones.
    #[must_use]
    pub fn reply_to(mut self, addresses: impl IntoIterator<Item: Into<Address>>) -> Self {
        self.reply_to = collect(addresses);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the headers, in place of earlier ones.
    #[must_use]
    pub fn headers(mut self, headers: impl Into<Headers>) -> Self {
        self.headers = headers.into();
        self
    }

    /// Adds an attachment: an [`EmailAttachment`], or `(filename, content)`, or
    /// `(filename, content, mimetype)`.
    #[must_use]
    pub fn attach(mut self, attachment: impl Into<EmailAttachment>) -> Self {
        self.push_attachment(attachment);
        self
    }

    /// Adds the body in another form.
    #[must_use]
    pub fn alternative(mut self, content: impl Into<Content>, mimetype: impl Into<String>) -> Self {
        self.attach_alternative(content, mimetype);
        self
    }

    /// Adds the body as HTML.
    #[must_use]
    pub fn html(self, html: impl Into<String>) -> Self {
        self.alternative(html.into(), "text/html")
    }

    /// Sets what kind of text the body is.
    #[must_use]
    pub fn content_subtype(mut self, subtype: impl Into<String>) -> Self {
        self.content_subtype = subtype.into();
        self
    }

    /// Sets the charset of the texts.
    #[must_use]
    pub fn charset(mut self, charset: impl Into<String>) -> Self {
        self.charset = Some(charset.into());
        self
    }

    /// Asks for notices of delivery, or forbids them.
    #[must_use]
    pub fn dsn(mut self, dsn: Dsn) -> Self {
        self.dsn = Some(dsn);
        self
    }

    /// Sets whether the message may travel under TLS only.
    #[must_use]
    pub fn require_tls(mut self, require: bool) -> Self {
        self.require_tls = require;
        self
    }

    /// Sets how urgent the message is, from -9 to 9.
    #[must_use]
    pub fn mt_priority(mut self, priority: i8) -> Self {
        self.mt_priority = Some(priority);
        self
    }

    /// Adds an attachment in place.
    pub fn push_attachment(&mut self, attachment: impl Into<EmailAttachment>) {
        self.attachments.push(attachment.into());
    }

    /// Attaches a file under its own name; it is read when the message is rendered or sent.
    pub fn attach_file(&mut self, path: impl Into<PathBuf>) {
        self.push_attachment(EmailAttachment::path(path));
    }

    /// Adds the body in another form, in place.
    pub fn attach_alternative(&mut self, content: impl Into<Content>, mimetype: impl Into<String>) {
        self.alternatives
            .push(EmailAlternative::new(content, mimetype));
    }

    /// All who get the message: `to`, `cc` and `bcc`, in this order. Empty entries are left
    /// out; an address that stands twice stays twice.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.addressees().map(|(_, address)| address)
    }

    /// All who get the message, each with the field that names it.
    fn addressees(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        let lists = [("to", &self.to), ("cc", &self.cc), ("bcc", &self.bcc)];
        let all = lists
            .into_iter()
            .flat_map(|(field, list)| list.iter().map(move |address| (field, address)));
        all.filter(|(_, address)| !address.is_empty())
    }

    /// Whether the body and every alternative of a text type have this text in them.
    #[must_use]
    pub fn body_contains(&self, text: &str) -> bool {
        let is_text = |alternative: &&EmailAlternative| {
            let kind = alternative.mimetype.get(..5);
            kind.is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
        };
        let mut texts = self.alternatives.iter().filter(is_text);
        self.body.contains(text)
            && texts.all(|alternative| {
                let content = alternative.as_text();
                content.is_some_and(|content| content.contains(text))
            })
    }

    /// Writes the message as RFC 5322 wants it. The same message and options always give the
    /// same bytes.
    ///
    /// # Errors
    ///
    /// When something may not stand in a message: a line end in a header, a broken address, a
    /// text that the charset cannot hold, a file that cannot be read. The error names the field.
    pub fn render(&self, options: &RenderOptions) -> Result<Rendered<'_>, RenderError> {
        dsn::check(self)?;
        render::render(self, options)
    }

    /// Who the server is told to send to, and to tell of a failure, and what else it is asked for. `headers` have no say
    /// here.
    ///
    /// A sender of `<>` is the null reverse-path.
    ///
    /// # Errors
    ///
    /// When an entry is not exactly one address; the error names `from_email`, `to`, `cc` or
    /// `bcc`. When `dsn` or `mt_priority` has a value that cannot be, or `dsn` names somebody who is no recipient.
    pub fn envelope(&self, options: &RenderOptions) -> Result<Envelope, RenderError> {
        let from = self.sender(options);
        let from = match from.as_text().trim() {
            "<>" => None,
            _ => Some(from.mailbox().map_err(|error| error.at("from_email"))?),
        };
        let to = self.addressees().map(|(field, address)| {
            let mailbox = address.mailbox();
            mailbox.map_err(|error| error.at(field))
        });
        let mut envelope = Envelope::new(from, to.collect::<Result<_, _>>()?);
        dsn::check(self)?;
        envelope.require_tls = self.require_tls;
        envelope.mt_priority = self.mt_priority;
        if let Some(dsn) = &self.dsn {
            envelope.set_dsn(dsn)?;
        }
        Ok(envelope)
    }

    /// The sender, or the default one.
    pub(crate) fn sender(&self, options: &RenderOptions) -> std::borrow::Cow<'_, Address> {
        use std::borrow::Cow;
        match &self.from_email {
            Some(address) if !address.is_empty() => Cow::Borrowed(address),
            _ => Cow::Owned(Address::from(&options.default_from)),
        }
    }
}

fn collect(addresses: impl IntoIterator<Item: Into<Address>>) -> Vec<Address> {
    addresses.into_iter().map(Into::into).collect()
}
