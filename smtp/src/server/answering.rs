//! What an answer does.

use super::content::Decoder;
use super::login::Exchange;
use super::{Mode, Server, Transaction};
use crate::auth::BASE64;
use crate::{Mechanism, Reply};

/// What an answer does.
#[derive(Debug)]
pub(super) enum Effect {
    Connect,
    Hello,
    StartTls,
    Challenge(Exchange),
    Login(Mechanism, String),
    Mail(Transaction),
    Rcpt,
    Data,
    Bdat {
        size: u64,
        last: bool,
    },
    Chunk,
    Message,
    Reset,
    Quit,
    /// The line is refused, whatever the answer says.
    Refused {
        swallow: u64,
        fatal: bool,
    },
    Nothing,
}

impl Server {
    /// Says the answer, and does what it does.
    pub(super) fn settle(&mut self, effect: Effect, code: u16, reply: Option<Reply>) {
        if code == 421 {
            // Nothing is waited for any more, be it octets to pass over.
            self.write(reply);
            return self.close();
        }
        let wanted = match effect {
            Effect::Data | Effect::Challenge(_) => 3,
            _ => 2,
        };
        let reply = self.apply(effect, code / 100 == wanted, reply);
        self.write(reply);
    }

    /// Does what an answer does; gives back the reply unless it is said later.
    fn apply(&mut self, effect: Effect, accepted: bool, reply: Option<Reply>) -> Option<Reply> {
        match (effect, accepted) {
            (Effect::Connect, false) | (Effect::Quit, _) => self.close(),
            (Effect::Hello, true) => {
                self.greeted = true;
                self.transaction = None;
            }
            (Effect::StartTls, true) => {
                self.input.discard();
                self.mode = Mode::Handshake;
            }
            (Effect::Challenge(exchange), true) => self.mode = Mode::Login(exchange),
            (Effect::Login(_, user), true) => self.authenticated = Some(user),
            (Effect::Login(Mechanism::Xoauth2 | Mechanism::OauthBearer, _), false) => {
                return self.fail_token(reply);
            }
            (Effect::Mail(transaction), true) => self.transaction = Some(transaction),
            (Effect::Rcpt, true) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.recipients += 1;
                }
            }
            (Effect::Data, true) => self.mode = Mode::Data(Decoder::default()),
            (Effect::Bdat { size, last }, true) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.chunked = true;
                }
                self.mode = Mode::Chunk { left: size, last };
                return None;
            }
            (Effect::Bdat { size: left, .. }, false) => {
                self.transaction = None;
                self.mode = Mode::Swallow { left, reply };
                return None;
            }
            (
                Effect::Refused {
                    swallow,
                    fatal: false,
                },
                _,
            ) if swallow > 0 => {
                self.mode = Mode::Swallow {
                    left: swallow,
                    reply,
                };
                return None;
            }
            (Effect::Refused { fatal: true, .. }, _) => self.close(),
            (Effect::Chunk, false) | (Effect::Reset, true) => self.transaction = None,
            _ => {}
        }
        reply
    }

    /// A token that is refused is told by a challenge first, which has to be answered (RFC 7628 section 3.2.3).
    fn fail_token(&mut self, reply: Option<Reply>) -> Option<Reply> {
        self.mode = Mode::Failing(reply?);
        Some(Reply::new(334, BASE64.encode(br#"{"status":"400"}"#)))
    }

    pub(super) fn write(&mut self, reply: Option<Reply>) {
        if let Some(reply) = reply {
            self.say(reply.to_wire().as_bytes());
        }
    }
}
