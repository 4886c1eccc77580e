//! The terminal, and those who tell it something: keys, the server, signals. Each sends into one channel; what is shown is drawn
//! after each word from there.

use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use lockproof_reference_server::sessions::Sessions;
use ratatui::DefaultTerminal;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::client::Client;
use super::screen::{Screen, Wish};
use super::view;
use crate::exit::{Done, Problem};

/// What somebody tells.
enum News {
    Key(KeyEvent),
    /// The size of the terminal changed.
    Resized,
    Looked(Result<Box<Sessions>, String>),
    /// What came of ending a session.
    Ended(String),
    /// A signal, or a terminal that is gone.
    Leave,
}

/// Shows it until somebody leaves. The terminal is as before afterwards, also after a panic and a signal.
pub(super) fn run(client: Client, interval: Duration) -> Done {
    let screen = Screen::new(&client.address, client.token.is_some());
    let (news, hear) = channel();
    let (wishes, granted) = unbounded_channel();
    let mut terminal = ratatui::try_init().map_err(Problem::harness)?;
    let started = start(client, interval, news, granted);
    let shown = started.and_then(|()| show(&mut terminal, screen, &hear, &wishes));
    ratatui::restore();
    shown.map_err(Problem::harness)?;
    Ok(ExitCode::SUCCESS)
}

/// Says, however a thread ends, that it has.
struct Farewell(Sender<News>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send(News::Leave);
    }
}

fn start(
    client: Client,
    interval: Duration,
    news: Sender<News>,
    granted: UnboundedReceiver<u64>,
) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (keys, server) = (Farewell(news.clone()), Farewell(news));
    thread::Builder::new().name("keys".into()).spawn(move || read_keys(&keys.0))?;
    thread::Builder::new().name("server".into()).spawn(move || {
        // It ends by a signal, or when signals can't be had: then there is nothing to stay for.
        let _ = runtime.block_on(ask(&client, interval, &server.0, granted));
    })?;
    Ok(())
}

fn show(
    terminal: &mut DefaultTerminal,
    mut screen: Screen,
    hear: &Receiver<News>,
    wishes: &UnboundedSender<u64>,
) -> std::io::Result<()> {
    let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    loop {
        terminal.draw(|frame| view::draw(frame, &screen, colors))?;
        match hear.recv() {
            Ok(News::Key(key)) => match screen.key(key) {
                Wish::Nothing => {}
                Wish::Leave => return Ok(()),
                Wish::End(id) => {
                    screen.say(format!("ending session {id}"));
                    let _ = wishes.send(id);
                }
            },
            Ok(News::Resized) => {}
            Ok(News::Looked(said)) => screen.take(said.map(|said| *said)),
            Ok(News::Ended(said)) => screen.say(said),
            Ok(News::Leave) | Err(_) => return Ok(()),
        }
    }
}

fn read_keys(news: &Sender<News>) {
    loop {
        let told = match crossterm::event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => news.send(News::Key(key)),
            Ok(Event::Resize(..)) => news.send(News::Resized),
            Ok(_) => Ok(()),
            Err(_) => return,
        };
        if told.is_err() {
            return;
        }
    }
}

/// Asks the server, again and again and whenever a session was ended, until a signal comes.
async fn ask(
    client: &Client,
    interval: Duration,
    news: &Sender<News>,
    mut granted: UnboundedReceiver<u64>,
) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let asking = async {
        loop {
            if news.send(News::Looked(client.sessions().await.map(Box::new))).is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                id = granted.recv() => match id {
                    Some(id) => drop(news.send(News::Ended(client.end(id).await))),
                    None => return,
                },
            }
        }
    };
    tokio::select! {
        () = asking => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
