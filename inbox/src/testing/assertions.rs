//! What a mail is to hold. Each assertion that fails prints what it does hold.

use posthaste::OutboxMessage;

use crate::mail::{Arrival, Envelope, Mail, Recipient, Session};
use crate::transcript::Transcript;

impl Mail {
    /// # Panics
    ///
    /// When its subject is another.
    #[track_caller]
    pub fn assert_subject(&self, subject: &str) {
        let has = &self.view().subject;
        assert!(has == subject, "the subject is {has:?}, not {subject:?}");
    }

    /// # Panics
    ///
    /// When it has no plain text, or one without this.
    #[track_caller]
    pub fn assert_text_contains(&self, text: &str) {
        match &self.view().text {
            Some(has) => assert!(has.contains(text), "{text:?} is not in the text:\n{has}"),
            None => panic!("{text:?} is not in the text: there is none"),
        }
    }

    /// # Panics
    ///
    /// When it has no HTML, or one without this.
    #[track_caller]
    pub fn assert_html_contains(&self, text: &str) {
        match &self.view().html {
            Some(has) => assert!(has.contains(text), "{text:?} is not in the HTML:\n{has}"),
            None => panic!("{text:?} is not in the HTML: there is none"),
        }
    }

    /// # Panics
    ///
    /// When it has no attachment of this name, or other octets in it.
    #[track_caller]
    pub fn assert_attachment(&self, name: &str, content: &[u8]) {
        let view = self.view();
        let is_named = |part: &&crate::view::Part| part.file_name.as_deref() == Some(name);
        let Some(part) = view.attachments.iter().find(is_named) else {
            let names: Vec<_> = view
                .attachments
                .iter()
                .map(|part| &part.file_name)
                .collect();
            panic!("there is no attachment {name:?}; there are {names:?}");
        };
        let has = self.part_bytes(&part.path).unwrap_or_default();
        let (expected, found) = (content.len(), has.len());
        assert!(
            has == content,
            "{name:?} holds other octets: {found}, not the {expected} expected"
        );
    }

    /// Where the link with this text leads; or the only link that has the text in its address.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[track_caller]
    pub fn link(&self, text: &str) -> String {
        let links = &self.view().links;
        let exact: Vec<_> = links.iter().filter(|link| link.text == text).collect();
        let alike = links
            .iter()
            .filter(|link| link.text.contains(text) || link.url.contains(text));
        let found: Vec<_> = if exact.is_empty() {
            alike.collect()
        } else {
            exact
        };
        match found.as_slice() {
            [link] => link.url.clone(),
            found => panic!(
                "{} links have {text:?}; the links are {links:#?}",
                found.len()
            ),
        }
    }

    /// Its one-time code.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[track_caller]
    pub fn code(&self) -> String {
        match self.view().codes.as_slice() {
            [code] => code.clone(),
            codes => panic!("there is not one code, but {codes:?}"),
        }
    }

    /// A mail out of an [`Outbox`](posthaste::Outbox), so that the same assertions fit mails that never saw a server. Its octets are made
    /// anew; random parts, such as boundaries, differ from those of others.
    ///
    /// # Errors
    ///
    /// When it cannot be rendered any more, because an attached file is gone.
    ///
    /// # Example
    ///
    /// ```
    /// use posthaste::{EmailMessage, Outbox};
    /// use posthaste_inbox::Mail;
    ///
    /// let outbox = Outbox::new();
    /// let message = EmailMessage::new("Hello", "Are you there?").from("a@example.com").to(["b@example.com"]);
    /// assert_eq!(outbox.mailer().blocking().send(&message).count(), 1);
    ///
    /// let mail = Mail::of_outbox(&outbox.messages()[0])?;
    /// mail.assert_text_contains("there?");
    /// assert_eq!(mail.envelope.rcpt_to(), ["b@example.com"]);
    /// # Ok::<(), posthaste::Error>(())
    /// ```
    pub fn of_outbox(sent: &OutboxMessage) -> Result<Self, posthaste::Error> {
        let mailer = posthaste::Outbox::new().mailer().allow_files(true);
        let rendered = sent.message.render(&mailer.renderer().options())?;
        let recipients = sent.envelope.to.iter().map(|to| Recipient {
            address: to.to_string(),
            reply: None,
            orcpt: None,
            notify: None,
        });
        let envelope = Envelope {
            mail_from: sent
                .envelope
                .from
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            recipients: recipients.collect(),
            ..Envelope::default()
        };
        let arrival = Arrival {
            mailbox: String::new(),
            envelope,
            session: Session::default(),
            reply: "250 2.0.0 In the outbox".parse().ok(),
            raw: rendered.into_vec()?,
            transcript: Transcript::default(),
        };
        Ok(Self::new(0, jiff::Timestamp::now(), arrival))
    }
}
