//! Text commands.

use lockproof_state_machine::Now;

use super::Flaw;
use super::request::Request;
use super::table::{Item, Lines};

/// `get` and `gets`.
pub(super) fn get(table: &Lines, now: Now, request: &Request) -> Vec<u8> {
    let mut out = Vec::new();
    for key in request.keys() {
        let Some(item) = table.find(now, key) else {
            if table.has(Flaw::T02) {
                break;
            }
            continue;
        };
        let cas = if request.name() == "gets" { format!(" {}", item.cas) } else { String::new() };
        let line = format!("VALUE {key} {} {}{cas}\r\n", item.flags, item.value.len());
        out.extend([line.as_bytes(), &item.value, b"\r\n"].concat());
    }
    out.extend(b"END\r\n");
    out
}

/// All that may change something. What was sent with noreply is answered all the same: the answer is not sent.
pub(super) fn change(table: &mut Lines, now: Now, request: &Request) -> Vec<u8> {
    let mut reply = said(table, now, request).into_bytes();
    reply.extend(b"\r\n");
    reply
}

fn said(table: &mut Lines, now: Now, request: &Request) -> String {
    let key = request.key();
    let old = table.find(now, key).cloned();
    let said = match (request.name(), old) {
        ("add", Some(_)) => "NOT_STORED",
        ("cas", Some(item)) if !table.fits(&item, request.number(5)) => "EXISTS",
        ("cas" | "delete" | "incr" | "touch", None) => "NOT_FOUND",
        ("set" | "add" | "cas", _) => {
            let value = request.block.clone().unwrap_or_default();
            let until = Lines::until(now, request.number(3));
            let item = Item { value, flags: request.number(2), until, ..Item::default() };
            table.put(key, item);
            "STORED"
        }
        ("delete", Some(_)) => {
            table.remove(key);
            "DELETED"
        }
        ("touch", Some(item)) => {
            table.mark(key, Item { until: Lines::until(now, request.number(2)), ..item });
            "TOUCHED"
        }
        ("incr", Some(item)) => match Lines::counted(&item, request.number(2)) {
            Some(number) => {
                let text = number.to_string();
                table.put(key, Item { value: text.clone().into(), ..item });
                return text;
            }
            None => "CLIENT_ERROR cannot increment or decrement non-numeric value",
        },
        ("flush_all", _) => {
            table.clear();
            "OK"
        }
        _ => "ERROR",
    };
    said.to_owned()
}
