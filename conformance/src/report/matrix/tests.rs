//! Queries, tallies, and what is no matrix.

use serde_json::{Value, json};

use super::{Matrix, Rows};

/// A report of these lines: case, delivery, verdict.
fn report(lines: &[(&str, &str, &str)]) -> String {
    let cases: Vec<Value> = lines
        .iter()
        .map(|(id, delivery, verdict)| {
            json!({ "id": id, "level": "must", "delivery": delivery, "verdict": verdict, "new-field": 1 })
        })
        .collect();
    json!({ "schema": "lockproof.report/1", "target": "t", "implementation": "<i>", "cases": cases }).to_string()
}

fn two() -> Matrix {
    let a = report(&[
        ("echo/a/both", "whole", "pass"),
        ("echo/a/both", "bytes", "pass"),
        ("echo/a/only-whole", "whole", "pass"),
        ("echo/a/only-whole", "bytes", "fail"),
        ("echo/a/known", "whole", "expected-fail"),
        ("echo/b/neither", "whole", "fail"),
    ]);
    let b = report(&[
        ("echo/a/both", "whole", "pass"),
        ("echo/a/only-whole", "whole", "pass"),
        ("echo/a/known", "whole", "pass"),
        ("echo/b/neither", "whole", "unexpected-pass"),
        ("echo/c/new", "whole", "unsupported"),
    ]);
    Matrix::of(&[("a".to_owned(), a), ("b".to_owned(), b)]).unwrap()
}

fn asked(query: &[&str]) -> Result<Vec<String>, String> {
    let queries: Vec<String> = query.iter().map(|&query| query.to_owned()).collect();
    let matrix = two().only(&queries).map_err(|error| error.to_string())?;
    Ok(matrix.rows.iter().map(|row| row.id.rsplit('/').next().unwrap().to_owned()).collect())
}

#[test]
fn queries_choose_rows() {
    for (query, wanted) in [
        (&["a=pass"][..], &["both"][..]),
        (&["a=fail b=pass"], &["known", "only-whole", "neither"]),
        (&["a=expected-fail"], &["known"]),
        (&["a!=pass"], &["known", "only-whole", "neither", "new"]),
        (&["all=pass"], &["both"]),
        (&["any=fail"], &["known", "only-whole", "neither"]),
        (&["a=absent"], &["new"]),
        (&["b=unsupported|unexpected-pass"], &["neither", "new"]),
        (&["differ"], &["known", "only-whole", "neither"]),
        (&["differ a=expected-fail", "a=absent"], &["known", "new"]),
        (&["a=blocked"], &[]),
    ] {
        assert_eq!(asked(query).unwrap(), wanted, "{query:?}");
    }
}

#[test]
fn broken_queries_are_explained() {
    for (query, wanted) in [
        ("c=pass", "query `c=pass`: no column is named `c`; a, b, all and any are there"),
        ("a=good", "`good` is no verdict; pass, fail, expected-fail"),
        ("a", "`a` is no term; write COLUMN=VERDICT"),
        (" ", "an empty query"),
    ] {
        let said = asked(&[query]).unwrap_err();
        assert!(said.contains(wanted), "{query}: {said}");
    }
}

#[test]
fn groups_are_counted() {
    let text = two().human(Rows::None);
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("echo/a"), ["echo/a", "3", "1/3", "3/3"]);
    assert_eq!(line("echo/b"), ["echo/b", "1", "0/1", "1/1"]);
    assert_eq!(line("echo/c"), ["echo/c", "1", "·", "–1"]);
    assert_eq!(line("all"), ["all", "5", "1/4", "4/4", "–1"]);
}

#[test]
fn text_lists_what_fails_somewhere() {
    let text = two().human(Rows::Telling);
    assert!(text.contains("echo/a/known") && text.contains("echo/b/neither"), "{text}");
    assert!(!text.contains("echo/a/both") && !text.contains("echo/c/new"), "{text}");
    assert!(text.contains("3 of 5 cases fail somewhere"), "{text}");
    assert!(two().human(Rows::All).contains("echo/a/both"));
    assert!(two().of_cases(&["echo/a/*".to_owned()]).unwrap().human(Rows::All).contains("3 cases"));
    assert!(two().of_cases(&["netmem/*".to_owned()]).is_err());
}

#[test]
fn markup_shows_a_servers_words_as_words() {
    for text in [two().html(), two().markdown(Rows::All)] {
        assert!(text.contains("&lt;i&gt;") && !text.contains("<i>"), "{text}");
    }
}

#[test]
fn json_has_every_row() {
    let document: Value = serde_json::from_str(&two().json()).unwrap();
    assert_eq!(document["schema"], "lockproof.matrix/1");
    assert_eq!(document["cases"][2]["verdicts"], json!({ "a": "fail", "b": "pass" }));
    assert_eq!(document["cases"][4]["verdicts"]["a"], "absent");
    assert_eq!(document["groups"][0]["columns"]["a"]["judged"], 3);
}

/// A file with the reports of several servers is as good as several files.
#[test]
fn several_reports_in_a_file_are_columns_by_their_names() {
    let report = |verdict| -> Value {
        serde_json::from_str(&report(&[("echo/a/b", "whole", verdict)])).unwrap()
    };
    let reports = json!({ "b": report("pass"), "a": report("fail") });
    let several = json!({ "schema": "lockproof.reports/1", "reports": reports }).to_string();
    let named = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let alone = report("pass").to_string();
    let matrix = Matrix::of(&[named("file", &several), named("alone", &alone)]).unwrap();
    let document: Value = serde_json::from_str(&matrix.json()).unwrap();
    let verdicts = json!({ "b": "pass", "a": "fail", "alone": "pass" });
    assert_eq!(document["cases"][0]["verdicts"], verdicts);
    let twice = Matrix::of(&[named("file", &several), named("a", &alone)]).unwrap_err();
    assert!(twice.to_string().contains("two columns are named `a`"), "{twice}");
    let none = json!({ "schema": "lockproof.reports/1" }).to_string();
    let none = Matrix::of(&[named("file", &none)]).unwrap_err();
    assert_eq!(none.to_string(), "file: a lockproof.reports/1 document without reports");
}

#[test]
fn what_is_no_matrix_is_refused() {
    let sound = || report(&[("echo/a/b", "whole", "pass")]);
    let of = |reports: &[(&str, String)]| {
        let named: Vec<_> =
            reports.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        Matrix::of(&named).unwrap_err().to_string()
    };
    let other = sound().replace("report/1", "report/2");
    let twice = report(&[("echo/a/b", "whole", "pass"), ("echo/a/b", "whole", "fail")]);
    for (said, wanted) in [
        (of(&[("a", sound()), ("a", sound())]), "two columns are named `a`"),
        (of(&[("my report", sound())]), "`my report` cannot be a column's name"),
        (of(&[("any", sound())]), "`any` cannot be a column's name"),
        (of(&[("a", "<xml/>".to_owned())]), "a: no JSON document"),
        (of(&[("a", "{}".to_owned())]), "lockproof.report/1 expected, got none"),
        (of(&[("a", other)]), "lockproof.report/1 expected, got lockproof.report/2"),
        (
            of(&[("a", sound().replace("whole", "").replace("\"cases\"", "\"c\""))]),
            "a: not a lockproof.report/1",
        ),
        (of(&[("a", twice)]), "echo/a/b [whole] is there twice"),
        (of(&[("a", sound().replace("\"pass\"", "\"good\""))]), "`good` is no verdict"),
    ] {
        assert!(said.contains(wanted), "{said}");
    }
}
