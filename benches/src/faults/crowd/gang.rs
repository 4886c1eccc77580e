//! A process of the crowd's clients: the parent's side.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};

use anyhow::{Context, ensure};

use super::client::{Plan, Seen};
use crate::faults::PATIENCE;
use crate::faults::network;
use crate::faults::process::{Process, Signal};
use crate::faults::served::mortal;

/// Clients in a process of their own; killed when dropped.
#[derive(Debug)]
pub struct Gang {
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
    /// How many clients it has.
    pub count: u32,
}

impl Gang {
    /// Starts the process; its connections come one after the other.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut command = mortal();
        if plan.wired {
            command.args(["unshare", "--net", "--"]);
        }
        command.arg(std::env::current_exe()?).arg("client").arg(serde_json::to_string(plan)?);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("its output was asked for")?;
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.for_each(|line| drop(send.send(line)));
        });
        let mut gang = Self { orders: child.stdin.take(), child, lines, count: plan.count };
        if plan.wired {
            gang.hears("here")?;
            network::lay_wire(gang.child.id())?;
            gang.order("wired")?;
        }
        Ok(gang)
    }

    /// Waits until all connections stand.
    ///
    /// # Errors
    /// When one could not be had.
    pub fn is_in(&self) -> anyhow::Result<()> {
        self.hears("in")
    }

    /// Tells it something.
    ///
    /// # Errors
    /// When it is gone.
    pub fn order(&mut self, word: &str) -> anyhow::Result<()> {
        let orders = self.orders.as_mut().context("its input was asked for")?;
        writeln!(orders, "{word}").context("clients of the crowd are gone too early")
    }

    /// Stops the process where it is.
    ///
    /// # Errors
    /// When it is gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        Process(self.child.id()).signal(Signal::STOP)
    }

    /// Lets it end by itself, and tell what it saw.
    ///
    /// # Errors
    /// When it ended before.
    pub fn farewell(mut self) -> anyhow::Result<Seen> {
        self.orders = None;
        let line = self.lines.recv_timeout(PATIENCE).context("clients ended without a word")?;
        serde_json::from_str(&line).with_context(|| format!("clients said {line:?}"))
    }

    fn hears(&self, word: &str) -> anyhow::Result<()> {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.with_context(|| format!("clients ended before they said `{word}`"))?;
        ensure!(line == word, "clients said {line:?} and not `{word}`");
        Ok(())
    }
}

/// SIGKILL: also to those that are stopped.
impl Drop for Gang {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
