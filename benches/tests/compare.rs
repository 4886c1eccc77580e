//! `compare` as its users run it, for a moment each time: real servers, real sockets, and no figure held against anything.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare")).args(arguments).output().expect("it starts")
}

#[track_caller]
fn succeeds(arguments: &[&str]) -> String {
    let output = compare(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The report of a short run of that cell.
fn measured(cell: &str, room: &Path) -> Value {
    let json = room.join("results.json");
    let file = json.to_str().unwrap();
    let text = succeeds(&["--cell", cell, "--rounds", "2", "--time", "50", "--json", file]);
    assert!(text.contains(&format!("| {cell} |")), "{text}");
    serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap()
}

/// The figures of one server.
fn samples<'a>(report: &'a Value, server: &str) -> &'a Vec<Value> {
    report["cells"][0]["samples"][server].as_array().expect(server)
}

#[test]
fn each_kind_of_load_is_put_on_every_server() {
    let room = tempfile::tempdir().unwrap();
    let memcached = ["memcached -t 1", "memcached -t 2", "lockproof", "lockproof -t 2"];
    let rows = [
        ("T2/16", &memcached[..]),
        ("T4/16", &memcached),
        ("T7/4", &memcached),
        ("T8/1", &["memcached -t 1", "lockproof", "lockproof --spin"]),
        ("T10/50", &memcached),
        ("P1/pair", &["null", "lockproof"]),
        ("P3/changed", &["null", "lockproof"]),
        ("L2/batch", &["null", "lockproof"]),
        ("L3/contended", &["null", "lockproof"]),
    ];
    for (cell, servers) in rows {
        let report = measured(cell, room.path());
        assert_eq!(report["cells"].as_array().map(Vec::len), Some(1));
        for server in servers {
            let samples = samples(&report, server);
            assert_eq!(samples.len(), 2, "{cell}, {server}: a sample a round");
            for sample in samples {
                assert!(sample["throughput"].as_f64() > Some(0.0), "{cell}, {server}: {sample}");
                assert!(sample["cpu"].as_f64() > Some(0.0), "{cell}, {server}: {sample}");
                assert!(sample["p50"].as_f64() <= sample["p999"].as_f64(), "{sample}");
            }
        }
    }
}

#[test]
fn ratios_are_of_the_same_round_and_are_drawn() {
    let room = tempfile::tempdir().unwrap();
    let plot = room.path().join("ratios.svg");
    succeeds(&["--cell", "L1", "--rounds", "1", "--time", "50", "--plot", plot.to_str().unwrap()]);
    let picture = std::fs::read_to_string(plot).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("L1/single"));

    let report = measured("T2/16", room.path());
    let throughput = |server: &str| samples(&report, server)[0]["throughput"].as_f64().unwrap();
    let better = throughput("memcached -t 1").max(throughput("memcached -t 2"));
    let first = throughput("lockproof") / better;
    let ratio = &report["cells"][0]["ratios"][0];
    let (least, most) = (&ratio["spread"]["least"], &ratio["spread"]["most"]);
    let is_an_end = |end: &Value| (end.as_f64().unwrap() - first).abs() < 1e-9;
    assert!(is_an_end(least) || is_an_end(most), "{first} is neither end of {ratio}");
}

#[test]
fn growth_explains_itself() {
    let help = succeeds(&["growth", "--help"]);
    assert!(help.contains("connections, items, pages, locks"), "{help}");
}

#[test]
fn growth_measures_every_curve_at_every_size_and_draws_it() {
    let room = tempfile::tempdir().unwrap();
    let file = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    let (json, plot) = (file("growth.json"), file("growth.svg"));
    let options = ["--rounds", "1", "--time", "20", "--up-to", "1000"];
    let text = succeeds(&[&["growth"], &options[..], &["--json", &json, "--plot", &plot]].concat());
    let curves: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let sizes = |curve: &Value| -> Vec<u64> {
        let points = curve["points"].as_array().expect("points").iter();
        points.map(|point| point[0].as_u64().expect("a size")).collect()
    };
    let found: Vec<_> = curves.as_array().unwrap().iter().map(sizes).collect();
    // Connections and items of either server, then pages, then locks.
    let of_one = [vec![1, 10, 100, 1000], vec![1000]];
    let alone = [vec![16, 256], vec![1, 10, 100, 1000]];
    assert_eq!(found, [&of_one[..], &of_one, &alone].concat(), "{text}");
    for curve in curves.as_array().unwrap() {
        let costs = curve["points"].as_array().unwrap();
        assert!(costs.iter().all(|point| point[1].as_f64() > Some(0.0)), "{curve}");
    }
    assert!(std::fs::read_to_string(plot).unwrap().contains("</svg>"));
}

#[test]
fn cells_are_listed_and_unknown_ones_refused() {
    let list = succeeds(&["--list"]);
    let groups = (1..=12).map(|group| format!("T{group}/"));
    for group in groups.chain(["P1/", "P2/", "P3/", "L1/", "L2/", "L3/"].map(str::to_owned)) {
        assert!(list.lines().any(|line| line.starts_with(&group)), "{group} is not in\n{list}");
    }
    let output = compare(&["--cell", "T99"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no cell is named T99; --list"));
}
