//! What the screen looks like, as text: `>` before a line that is selected, `!` before one in red, `~` in yellow, `*` in bold.

use std::path::Path;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use lockproof_reference_server::sessions::Sessions;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::look::Look;
use super::screen::{Screen, Wish};
use super::{once, view};

/// A server in trouble.
fn page() -> Value {
    json!({
        "schema": "lockproof.sessions/1",
        "uptime_seconds": 7385.25,
        "can_end": true,
        "totals": {
            "connections": { "memcached": 2, "netmem": 3, "locker": 1, "echo": 0 },
            "bytes_in": 34_012_345, "bytes_out": 1_234_567_890, "slow_readers": 1,
            "locker": { "keys_held": 3, "holders": 1 },
            "netmem": { "pages_held": 2, "pages_waited_for": 1, "holders": 1, "waiters": 2 },
            "memcached": {
                "get_hits": 950, "get_misses": 50, "hit_ratio": 0.95,
                "items": 12_345, "bytes": 23_456_789, "bytes_max": 67_108_864
            }
        },
        "sessions": [
            session(7, "netmem", &json!({
                "holds": {
                    "count": 2, "seconds": 95.5, "waiters": 2, "waited_seconds": 61.25,
                    "some": [
                        { "page": 3, "seconds": 61.5, "waiters": 2 },
                        { "page": 5, "seconds": 95.5, "waiters": 0 }
                    ]
                }
            })),
            session(12, "memcached", &json!({ "unsent": { "bytes": 1_234_567, "seconds": 8.765 } })),
            session(8, "netmem", &json!({ "waits": { "page": 3, "seconds": 61.25, "held_by": 7 } })),
            session(9, "netmem", &json!({ "waits": { "page": 3, "seconds": 2.5, "held_by": 7 } })),
            session(10, "locker", &json!({
                "holds": {
                    "count": 3, "seconds": 3700.0, "waiters": 0, "waited_seconds": 0.0,
                    "some": [{ "key": "disk-7", "seconds": 3700.0, "waiters": 0 }]
                }
            })),
            session(11, "memcached", &json!({})),
        ],
        "sessions_left_out": 0
    })
}

fn session(id: u64, protocol: &str, more: &Value) -> Value {
    let mut session = json!({
        "id": id, "protocol": protocol, "peer": format!("127.0.0.1:{}", 40_000 + id),
        "age_seconds": 7300.0 - 60.0 * f64::from(u32::try_from(id).unwrap()),
        "bytes_in": id * 1000, "bytes_out": id * 100_000,
        "unsent": null, "holds": null, "waits": null
    });
    for (key, value) in more.as_object().unwrap() {
        session[key] = value.clone();
    }
    session
}

fn said(page: Value) -> Sessions {
    serde_json::from_value(page).unwrap()
}

/// The same, two seconds later: 11 has moved most, 7 has gone, and 8 holds its page.
fn later() -> Value {
    let mut page = page();
    page["uptime_seconds"] = json!(7387.25);
    page["totals"]["bytes_out"] = json!(1_234_767_890_u64);
    let sessions = page["sessions"].as_array_mut().unwrap();
    sessions.remove(0);
    sessions[4]["bytes_out"] = json!(1_100_000 + 200_000);
    sessions[1]["waits"] = Value::Null;
    sessions[1]["holds"] = json!({
        "count": 1, "seconds": 1.0, "waiters": 1, "waited_seconds": 4.5,
        "some": [{ "page": 3, "seconds": 1.0, "waiters": 1 }]
    });
    page
}

fn screen() -> Screen {
    let mut screen = Screen::new("127.0.0.1:9150", true);
    screen.take(Ok(said(page())));
    screen
}

fn press(screen: &mut Screen, code: KeyCode) -> Wish {
    screen.key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Draws the screen, and holds it against what is kept under that name.
#[track_caller]
fn looks(screen: &Screen, (width, height): (u16, u16), name: &str) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, screen, true)).unwrap();
    is_kept(&text(terminal.backend().buffer()), name);
}

#[track_caller]
fn is_kept(text: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(text, snapbox::Data::read_from(&path, None));
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let has = |what: Modifier| cells.iter().any(|cell| cell.modifier.contains(what));
        let is = |color| cells.iter().any(|cell| cell.fg == color);
        let marks = [
            (has(Modifier::REVERSED), '>'),
            (is(Color::Red), '!'),
            (is(Color::Yellow), '~'),
            (has(Modifier::BOLD), '*'),
        ];
        let marks: String = marks.iter().map(|(is, mark)| if *is { *mark } else { ' ' }).collect();
        let symbols: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{marks}|{symbols}").trim_end().to_owned() + "\n"
    };
    buffer.content.chunks(width).map(line).collect()
}

#[test]
fn a_server_in_trouble() {
    looks(&screen(), (130, 16), "top-wide.txt");
}

#[test]
fn a_narrow_terminal_shows_what_matters() {
    looks(&screen(), (80, 14), "top-narrow.txt");
}

/// Nothing is drawn where there is no room, and nothing breaks.
#[test]
fn any_size_will_do() {
    let mut screen = screen();
    screen.take(Err("gone".to_owned()));
    for size in [(1, 1), (1, 40), (200, 1), (7, 7), (20, 9)] {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| view::draw(frame, &screen, true)).unwrap();
    }
}

#[test]
fn without_colors_there_are_none() {
    let mut terminal = Terminal::new(TestBackend::new(130, 16)).unwrap();
    terminal.draw(|frame| view::draw(frame, &screen(), false)).unwrap();
    let cells = &terminal.backend().buffer().content;
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::BOLD)));
}

#[test]
fn a_question_before_a_session_is_ended() {
    let mut screen = screen();
    press(&mut screen, KeyCode::Down);
    assert_eq!(press(&mut screen, KeyCode::Char('e')), Wish::Nothing);
    looks(&screen, (130, 16), "top-question.txt");
    assert_eq!(press(&mut screen, KeyCode::Char('y')), Wish::End(12));
    for no in [KeyCode::Char('n'), KeyCode::Enter, KeyCode::Esc] {
        press(&mut screen, KeyCode::Char('e'));
        assert_eq!(press(&mut screen, no), Wish::Nothing, "{no:?}");
        assert_eq!(screen.asks, None);
    }
}

/// The table may move between `e` and `y`; who was asked about is meant.
#[test]
fn the_question_is_about_a_session_and_not_about_a_row() {
    let mut screen = screen();
    press(&mut screen, KeyCode::Char('e'));
    screen.take(Ok(said(later())));
    assert_eq!(screen.rows[0].id, 8);
    assert_eq!(press(&mut screen, KeyCode::Char('y')), Wish::End(7));
}

#[test]
fn who_may_not_end_a_session_is_told_why() {
    let mut screen = Screen::new("127.0.0.1:9150", false);
    screen.take(Ok(said(page())));
    press(&mut screen, KeyCode::Char('e'));
    assert!(screen.said.as_ref().unwrap().contains("--token-file FILE"), "{:?}", screen.said);
    let mut page = page();
    page["can_end"] = json!(false);
    screen.take(Ok(said(page)));
    press(&mut screen, KeyCode::Char('e'));
    assert!(screen.said.as_ref().unwrap().contains("--http-token-file"), "{:?}", screen.said);
    assert_eq!(screen.asks, None);
}

#[test]
fn the_next_look_shows_how_fast_it_goes_and_the_selection_stays() {
    let mut screen = screen();
    press(&mut screen, KeyCode::End);
    assert_eq!(screen.rows[screen.selected].id, 11);
    screen.take(Ok(said(later())));
    press(&mut screen, KeyCode::Char('s'));
    assert_eq!((screen.rows[0].id, screen.selected), (11, 0));
    looks(&screen, (130, 16), "top-later.txt");
    // At the top, the selection is of the place and not of the session.
    press(&mut screen, KeyCode::Char('s'));
    assert_eq!((screen.rows[0].id, screen.selected), (8, 0));
}

#[test]
fn a_server_that_is_gone_is_said_and_what_it_told_stays() {
    let mut screen = screen();
    screen.take(Err("127.0.0.1:9150: Connection refused (os error 111)".to_owned()));
    press(&mut screen, KeyCode::Char('p'));
    looks(&screen, (130, 16), "top-lost.txt");
    screen.take(Ok(said(later())));
    assert_eq!((&screen.lost, screen.rows[0].id), (&None, 7), "paused, and there again");
    press(&mut screen, KeyCode::Char('p'));
    // A server that was started anew has counted less: nothing is faster than it was.
    let mut anew = page();
    anew["uptime_seconds"] = json!(1.0);
    screen.take(Ok(said(anew)));
    assert_eq!(screen.look.as_ref().unwrap().pace, None);
}

#[test]
fn keys_that_leave() {
    for code in [KeyCode::Char('q'), KeyCode::Esc] {
        assert_eq!(press(&mut screen(), code), Wish::Leave);
    }
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let mut screen = screen();
    press(&mut screen, KeyCode::Char('e'));
    assert_eq!(screen.key(control_c), Wish::Leave, "also out of a question");
}

#[test]
fn on_paper() {
    let mut page = page();
    page["sessions_left_out"] = json!(2);
    is_kept(&once::text("127.0.0.1:9150", &Look::first(said(page))), "top-once.txt");
}

#[test]
fn nobody_is_there() {
    let mut page = page();
    page["sessions"] = json!([]);
    let mut screen = Screen::new("127.0.0.1:9150", true);
    screen.take(Ok(said(page)));
    for code in [KeyCode::Down, KeyCode::Up, KeyCode::PageDown, KeyCode::End, KeyCode::Char('e')] {
        assert_eq!(press(&mut screen, code), Wish::Nothing);
        assert_eq!((screen.selected, screen.asks), (0, None));
    }
}

/// Neither a key nor an address may paint the terminal of who watches.
#[test]
fn control_characters_are_shown_as_such() {
    let mut page = page();
    page["sessions"][0]["peer"] = json!("\u{1b}[2J");
    let text = once::text("127.0.0.1:9150", &Look::first(said(page)));
    assert!(text.contains("\\u{1b}[2J") && !text.contains('\u{1b}'), "{text}");
}
