//! `lockproof sim merge`: seeds that ran apart come to what one run comes to.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{file, lockproof};

/// A report without what differs from run to run.
fn report(arguments: &[&str]) -> Value {
    let done = lockproof(&[&["sim"], arguments, &["--format", "json"]].concat()).assert();
    let text = String::from_utf8_lossy(&done.get_output().stdout).into_owned();
    let mut document: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    document["millis"] = json!(0);
    document
}

fn saved(directory: &TempDir, reports: &[&Value]) -> Vec<String> {
    let save = |(index, report): (usize, &&Value)| -> PathBuf {
        file(directory, &format!("{index}.json"), &report.to_string())
    };
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    reports.iter().enumerate().map(save).map(path).collect()
}

fn merge(files: &[String]) -> Vec<&str> {
    [vec!["merge"], files.iter().map(String::as_str).collect()].concat()
}

/// Two that fail and others that do not; hashes, counts, failures: all as if nobody had cut.
#[test]
fn parts_come_to_the_whole() {
    for server in ["reference", "K04"] {
        let all = ["client-drips", "--seeds", "10..14", "--server", server];
        let part = |shard| report(&[&all[..], &["--shard", shard]].concat());
        let (first, second, third) = (part("0/3"), part("1/3"), part("2/3"));
        let seeds = |from, to| json!({ "from": from, "to": to });
        assert_eq!(first["seeds"], seeds(10, 11));
        assert_eq!(third["seeds"], seeds(12, 14));
        let directory = tempfile::tempdir().unwrap();
        let files = saved(&directory, &[&third, &first, &second]);
        let merged = report(&merge(&files));
        // One report shows fewer failures of a scenario in full than several do.
        let without_failures = |mut report: Value| {
            for scenario in report["scenarios"].as_array_mut().unwrap() {
                scenario["failures"] = json!([]);
            }
            report
        };
        assert_eq!(without_failures(merged), without_failures(report(&all)));
    }
}

#[test]
fn people_read_what_failed() {
    let failing = report(&["memcached/client-drips", "--seed", "3", "--server", "K04"]);
    let directory = tempfile::tempdir().unwrap();
    let files = saved(&directory, &[&failing]);
    let done = lockproof(&[&["sim"], &merge(&files)[..]].concat()).assert().code(1);
    let text = String::from_utf8_lossy(&done.get_output().stdout);
    let again = "  again:  lockproof sim memcached/client-drips --seed 3 --server K04\n";
    assert!(text.contains(again) && text.contains("\nFAIL  seed 3\n  client "), "{text}");
    assert!(text.ends_with("memcached/client-drips failed with 3\nviolated: 1 runs\n"), "{text}");
}

/// Nobody reads a thousand stories; the seeds are all named.
#[test]
fn people_read_some_of_many_failures() {
    let mut failing = report(&["memcached/client-drips", "--seed", "3", "--server", "K04"]);
    let scenario = &mut failing["scenarios"][0];
    scenario["failed"] = (3..16).map(Value::from).collect();
    scenario["failures"] = vec![scenario["failures"][0].clone(); 13].into();
    let directory = tempfile::tempdir().unwrap();
    let files = saved(&directory, &[&failing]);
    let done = lockproof(&[&["sim"], &merge(&files)[..]].concat()).assert().code(1);
    let text = String::from_utf8_lossy(&done.get_output().stdout);
    assert_eq!(text.matches("\nFAIL  ").count(), 10, "{text}");
    assert!(text.contains("\n3 more are told in the JSON report\n"), "{text}");
    let all = "\nmemcached/client-drips failed with 3 4 5 6 7 8 9 10 11 12 13 14 15\n";
    assert!(text.contains(all), "{text}");
}

#[test]
fn what_has_no_sum_is_refused() {
    let one = report(&["memcached/calm", "--seed", "1"]);
    let next = report(&["memcached/calm", "--seed", "2"]);
    let far = report(&["memcached/calm", "--seed", "5"]);
    let other = report(&["netmem/calm", "--seed", "2"]);
    let mut rebuilt = next.clone();
    rebuilt["build"]["commit"] = json!("another");
    let mut foreign = next.clone();
    foreign["schema"] = json!("lockproof.report/1");
    for (second, text) in [
        (&far, "seeds 2..5 are missing between them"),
        (&one, "both have seed 1"),
        (&other, "not the same list of scenarios, so there is no sum"),
        (&rebuilt, "not the same build, so there is no sum"),
        (&foreign, "no report of `lockproof sim --format json` (lockproof.sim/1)"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let files = saved(&directory, &[&one, second]);
        let done =
            lockproof(&[&["sim"], &merge(&files)[..]].concat()).assert().code(2).stdout_eq("");
        let said = String::from_utf8_lossy(&done.get_output().stderr);
        assert!(said.trim_end().ends_with(text), "{said}");
    }
}

#[test]
fn a_file_that_is_no_report_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let session = file(&directory, "a.session", "case   echo/a/b\n");
    let arguments = ["sim", "merge", session.to_str().unwrap()];
    let done = lockproof(&arguments).assert().code(2).stdout_eq("");
    let said = String::from_utf8_lossy(&done.get_output().stderr);
    assert!(said.contains("a.session: no report of `lockproof sim --format json`"), "{said}");
}
