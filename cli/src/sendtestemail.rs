//! `posthaste sendtestemail`: Django's management command.

use jiff::Timestamp;
use posthaste::blocking::{Sending, mail_admins, mail_managers, send_mail};
use posthaste::{EmailMessage, Mailer, Report, Status};

use crate::args::{Globals, SendTestEmail};
use crate::exit::{Exit, Failure, complain, tell};
use crate::interrupt;
use crate::send::{Console, Tally, complaints};

const BODY: &str = "If you're reading this, it was successful.";

/// Sends the test mail to the addresses, the managers and the admins.
pub(crate) fn run(args: &SendTestEmail, globals: &Globals) -> Result<Exit, Failure> {
    let console = Console::new(false);
    let mailer = match &args.using.using {
        Some(alias) => globals.mailer()?.using(alias),
        None => globals.mailer()?,
    };
    let test = Test {
        mailer: console.install(mailer),
        console,
        subject: subject(),
    };
    interrupt::finish_the_message();
    let mut tally = Tally::default();
    if !args.addresses.is_empty() {
        let from = &test.mailer.settings().default_from_email;
        test.send(
            send_mail(&test.subject, BODY, from, &args.addresses),
            "",
            &mut tally,
        );
    }
    if args.managers {
        test.send(mail_managers(&test.subject, BODY), "MANAGERS", &mut tally);
    }
    if args.admins {
        test.send(mail_admins(&test.subject, BODY), "ADMINS", &mut tally);
    }
    Ok(tally.exit(false))
}

/// What all test mails of a run have in common.
struct Test {
    mailer: Mailer,
    console: Console,
    subject: String,
}

impl Test {
    /// Sends one mail and says what became of it. `setting` is where its recipients come from, if from a setting.
    fn send(&self, mail: Sending<'static, EmailMessage>, setting: &str, tally: &mut Tally) {
        let _busy = interrupt::begin();
        let report = mail.mailer(&self.mailer).send().unwrap_or_else(|error| {
            let report = error.reports().first().cloned();
            report.unwrap_or_else(|| Report::failed(None, error))
        });
        tally.add(&report);
        if self.console.is_closed() {
            return;
        }
        complaints(&report).for_each(complain);
        match report.status() {
            Status::Skipped if !setting.is_empty() => tell(format_args!(
                "{setting} names nobody; nothing was sent to them"
            )),
            Status::Skipped => tell("there is no recipient; nothing was sent"),
            Status::Sent | Status::Partial => {
                let accepted: Vec<String> = report
                    .accepted
                    .iter()
                    .map(|mailbox| mailbox.addr_spec())
                    .collect();
                tell(format_args!("test email sent to {}", accepted.join(", ")));
            }
            _ => {}
        }
    }
}

/// `Test email from <this machine> on <this moment>`.
fn subject() -> String {
    let host = hostname::get().unwrap_or_default();
    let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S.%6f+00:00");
    format!("Test email from {} on {now}", host.to_string_lossy())
}
