//! The program and the library against a real Postfix.
use posthaste_tests::{mail, postfix::Postfix};
use std::process::Command;
#[test]
fn smoke() {
    let Some(postfix) = Postfix::start(&["ann"]) else {
        return;
    };
    let s = format!("
import smtplib
from email.message import EmailMessage
s=smtplib.SMTP('127.0.0.1',{})
m=EmailMessage(); m['Subject']='Grüße'; m['From']='ann@example.com'; m['To']='jörg@example.com'; m.set_content('häl')
m.add_alternative('<p>hi',subtype='html')
print(s.sendmail('ann@example.com',['jörg@example.com','x@example.com','refused@example.com','ann@example.com'],m.as_bytes(),['SMTPUTF8','BODY=8BITMIME']))
for i in range(200): s.sendmail('ann@example.com',['ann@example.com'],m.as_bytes(),['SMTPUTF8'])
s.quit()
", postfix.port());
    assert!(
        Command::new("python3")
            .arg("-c")
            .arg(s)
            .status()
            .unwrap()
            .success()
    );
    let mails = postfix.delivered("ann");
    assert_eq!(mails.len(), 201);
    println!("{:#}", mail::read(&mails)[0]);
    assert_eq!(postfix.count(), 203);
}
