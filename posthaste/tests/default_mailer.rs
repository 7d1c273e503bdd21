//! The mailer of the whole process: a program of its own, since there is one only, and one test, since its steps follow
//! each other.

use std::panic::catch_unwind;
use std::thread;

use posthaste::blocking::{get_connection, mail_admins, send_mail};
use posthaste::{Mailer, Outbox, Settings, Status};

fn mail(subject: &str) {
    let report = send_mail(subject, "", "a@example.com", ["b@example.com"]).send();
    assert_eq!(report.expect("sent").status(), Status::Sent);
}

fn subjects(outbox: &Outbox) -> Vec<String> {
    let all = outbox.take().into_iter();
    all.map(|mail| mail.message.subject).collect()
}

#[test]
fn is_made_from_the_environment_until_one_is_set_and_gives_way_to_a_scope() {
    // What the environment says is found out once, so that a program does not change its mind half-way.
    let settings = Mailer::current().expect("usable settings");
    let again = Mailer::current().expect("usable settings");
    assert!(std::ptr::eq(settings.settings(), again.settings()));

    let (first, second, scoped) = (Outbox::new(), Outbox::new(), Outbox::new());
    let mut settings = Settings::default();
    settings.admins = vec!["staff@example.com".to_owned()];
    first.mailer_for(settings).set_default();
    mail("one");
    thread::scope(|scope| scope.spawn(|| mail("on another thread")).join()).expect("no panic");
    assert_eq!(mail_admins("staff", "").send().expect("sent").count(), 1);
    assert!(get_connection().build().is_ok());
    let expected = ["one", "on another thread", "[Django] staff"];
    assert_eq!(subjects(&first), expected);

    scoped.mailer().blocking().scope(|| {
        mail("in the scope");
        // One that is set meanwhile is for those outside.
        second.mailer().set_default();
        mail("still in the scope");
        thread::scope(|scope| scope.spawn(|| mail("outside")).join()).expect("no panic");
    });
    mail("after");
    let panicked = catch_unwind(|| scoped.mailer().blocking().scope(|| panic!("in a scope")));
    assert!(panicked.is_err());
    mail("after a panic");
    assert_eq!(subjects(&scoped), ["in the scope", "still in the scope"]);
    assert_eq!(subjects(&second), ["outside", "after", "after a panic"]);
    assert!(first.is_empty());
}
