//! A backend of one's own, called by its name in the settings: `cargo run --example custom_backend`. It is tested by the suite
//! that Posthaste's own backends pass: `cargo test -p posthaste --example custom_backend`.

use std::sync::{Arc, Mutex};

use posthaste::{
    Backend, BoxFuture, EmailMessage, Error, Mailer, Renderer, Report, Settings, send_mail,
};

/// Where the mail goes: the octets of each one.
type Shelf = Arc<Mutex<Vec<Vec<u8>>>>;

/// Puts every mail on a shelf.
struct ShelfBackend {
    renderer: Renderer,
    shelf: Shelf,
}

impl ShelfBackend {
    fn put(&self, message: &EmailMessage) -> Result<Report, Error> {
        let options = self.renderer.options();
        let envelope = message.envelope(&options)?;
        let rendered = message.render(&options)?;
        let octets = rendered.to_vec()?;
        self.shelf.lock().expect("nobody panics").push(octets);
        Ok(Report::sent(rendered.message_id(), envelope.to))
    }
}

impl Backend for ShelfBackend {
    fn send_messages<'a>(&'a mut self, messages: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        Box::pin(async {
            let put = |message| {
                self.put(message)
                    .unwrap_or_else(|error| Report::failed(None, error))
            };
            messages.iter().map(put).collect()
        })
    }
}

/// A mailer that knows the backend as `shelf`.
fn mailer(shelf: Shelf) -> Mailer {
    let mut settings = Settings::default();
    settings.email_backend = "shelf".to_owned();
    Mailer::new(settings).register("shelf", move |ctx| {
        Ok(Box::new(ShelfBackend {
            renderer: ctx.renderer(),
            shelf: Arc::clone(&shelf),
        }))
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let shelf = Shelf::default();
    mailer(Arc::clone(&shelf)).set_default();
    let report = send_mail(
        "Hello",
        "How are you?",
        "ann@example.com",
        ["bob@example.com"],
    )
    .await?;
    assert_eq!(report.count(), 1);
    assert_eq!(shelf.lock().expect("nobody panics").len(), 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use posthaste::testing::{Subject, conformance};

    use super::*;

    /// Tells the suite how to make one and what arrived.
    struct Tested(Shelf);

    impl Subject for Tested {
        fn backend(&self) -> Box<dyn Backend> {
            Box::new(ShelfBackend {
                renderer: mailer(Arc::clone(&self.0)).renderer(),
                shelf: Arc::clone(&self.0),
            })
        }

        fn arrived(&self) -> Option<Vec<Vec<u8>>> {
            Some(self.0.lock().expect("nobody panics").clone())
        }
    }

    #[tokio::test]
    async fn does_what_every_backend_has_to_do() {
        conformance(&Tested(Shelf::default())).await;
    }
}
