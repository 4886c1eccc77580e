//! `lockproof top`: who is connected to a reference server, in a terminal or on paper.

mod arguments;
mod client;
mod live;
mod look;
mod once;
mod rows;
mod screen;
mod summary;
mod view;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use arguments::Top;

use std::io::IsTerminal;
use std::process::ExitCode;

use lockproof_reference_server::read_token;
use tokio::runtime::Builder;

use crate::exit::{Done, Problem};
use crate::output;
use arguments::Format;
use client::Client;
use look::Look;

pub(crate) fn run(top: &Top) -> Done {
    let token = top.token_file.as_deref().map(read_token).transpose().map_err(Problem::usage)?;
    let client = Client { address: top.address.clone(), token };
    if top.once || top.format == Format::Json || !std::io::stdout().is_terminal() {
        return once(&client, top.format);
    }
    live::run(client, top.interval)
}

fn once(client: &Client, format: Format) -> Done {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Problem::harness)?;
    let page = runtime.block_on(client.page()).map_err(|problem| unreachable(&problem))?;
    output::print(&match format {
        Format::Json => format!("{page:#}"),
        Format::Human => {
            let said = client.understand(page).map_err(|problem| unreachable(&problem))?;
            once::text(&client.address, &Look::first(said))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn unreachable(problem: &str) -> Problem {
    Problem::unreachable(format!(
        "{problem}\n  `lockproof serve --http ADDRESS` tells of its sessions there"
    ))
}
