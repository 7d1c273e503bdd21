//! Posthaste, as its users call it: default settings, messages that are composed when they are sent.

use std::fs;
use std::iter;

use posthaste::{Connection, EmailMessage, Mailer, Settings, Status};
use tokio::task::JoinSet;

use crate::job::{Job, Outcome};
use crate::mail;

/// How many octets of messages a batch has at most, and how many messages. All of them are in memory.
const BATCH: (usize, usize) = (16 << 20, 4000);

/// How the messages are handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Many in one call.
    Batches,
    /// Each in a call of its own, over an open connection.
    Singly,
}

/// Sends over one connection for each task.
pub(crate) fn send(job: &Job, way: Way) -> Outcome {
    let mailer = Mailer::new(settings(job));
    let message = mail::of(job)?;
    let most = match way {
        Way::Batches => {
            (BATCH.0 / usize::try_from(fs::metadata(&job.file)?.len())?).clamp(16, BATCH.1)
        }
        Way::Singly => 1,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for connection in 0..job.connections {
            let count = job.share(connection);
            let batch: Vec<_> = iter::repeat_n(message.clone(), count.min(most)).collect();
            let connection = mailer.connection()?;
            tasks.spawn(async move { over(connection, &batch, count).await });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    })
}

async fn over(mut connection: Connection, batch: &[EmailMessage], count: usize) -> Outcome {
    connection.open().await?;
    let mut left = count;
    while left > 0 {
        let batch = &batch[..left.min(batch.len())];
        for report in connection.send_messages(batch).await {
            if report.into_result()?.status() != Status::Sent {
                return Err("not sent to all".into());
            }
        }
        left -= batch.len();
    }
    connection.close().await?;
    Ok(())
}

fn settings(job: &Job) -> Settings {
    let mut settings = Settings::default();
    settings.email_host.clone_from(&job.host);
    settings.email_port = Some(job.port);
    settings.email_use_ssl = job.root.is_some();
    settings.email_ssl_cafile.clone_from(&job.root);
    settings
}
