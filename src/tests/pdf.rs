//! The text layer of PDF files: what is read, and that the server outlives whatever a file or a child does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lopdf::{Dictionary, Object, Stream, dictionary};
use passerelle::pdf::{self, Reader, ReaderOptions, State, Unread};

use crate::pdf_maker::{self, Shown, bytes, made, report};

fn said(pdf: &[u8]) -> String {
    pdf::text(pdf).map(|t| t.0).unwrap_or_else(|e| format!("{e:?}"))
}

fn reader(program: PathBuf) -> Reader {
    Reader::new(ReaderOptions { program, children: 2, memory: 512 << 20 })
}

fn own() -> Reader {
    reader(env!("CARGO_BIN_EXE_passerelle").into())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[test]
fn lines_are_read_in_order_with_their_accents_and_pages_are_parted() {
    let page = |text: &str| Shown::Lines(vec![text.to_owned(), "Œdème du côté gauche, 5 µg (élevé)".to_owned()]);
    assert_eq!(said(&bytes(made(vec![page("Première"), page("Deuxième")]))), "Première\nŒdème du côté gauche, 5 µg (élevé)\u{c}Deuxième\nŒdème du côté gauche, 5 µg (élevé)");
}

#[test]
fn words_are_parted_by_gaps_and_joined_where_letters_are_moved_by_little() {
    let content = b"BT /F1 10 Tf 1 0 0 1 50 700 Tm [(Glyc)-10(\xe9)20(mie)-900(1,1)] TJ 1 0 0 1 50 686 Tm (g/L) Tj 1 0 0 1 50 600 Tm (Fin) Tj ET".to_vec();
    assert_eq!(said(&bytes(made(vec![Shown::Content(content, Dictionary::new())]))), "Glycémie 1,1\ng/L\n\nFin");
}

#[test]
fn codes_of_a_composite_font_are_what_its_cmap_says() {
    let mut document = made(vec![]);
    let map = document.add_object(Stream::new(
        Dictionary::new(),
        b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0001> <0003> <0041> endbfrange 1 beginbfchar <0009> <006600660069> endbfchar".to_vec(),
    ));
    let inner = document
        .add_object(dictionary! {"Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "X", "W" => vec![1.into(), vec![Object::from(600), 600.into(), 600.into()].into()]});
    let font = document.add_object(
        dictionary! {"Type" => "Font", "Subtype" => "Type0", "BaseFont" => "X", "Encoding" => "Identity-H", "DescendantFonts" => vec![inner.into()], "ToUnicode" => map},
    );
    let form = Stream::new(
        dictionary! {"Type" => "XObject", "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 9.into(), 9.into()], "Resources" => dictionary! {"Font" => dictionary! {"F9" => font}}},
        b"BT /F9 10 Tf <000100020003> Tj <0009> Tj ET".to_vec(),
    );
    let form = document.add_object(form);
    let parent = document.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let content = document.add_object(Stream::new(Dictionary::new(), b"/Fm Do".to_vec()));
    let page = document.add_object(dictionary! {"Type" => "Page", "Parent" => parent, "Contents" => content, "Resources" => dictionary! {"XObject" => dictionary! {"Fm" => form}}});
    document.objects.insert(parent, dictionary! {"Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1}.into());
    assert_eq!(said(&bytes(document)), "ABCffi");
}

#[test]
fn why_there_is_no_text_is_told_apart() {
    let why = |pdf: &[u8]| pdf::text(pdf).unwrap_err();
    assert_eq!(why(b"<html>not a PDF"), Unread::NotPdf);
    assert_eq!(why(&pdf_maker::scan()), Unread::Scan);
    assert_eq!(why(&bytes(made(vec![Shown::Content(b"0 0 m 9 9 l S".to_vec(), Dictionary::new())]))), Unread::Empty);
    assert_eq!(why(&pdf_maker::locked()), Unread::Encrypted);
    assert_eq!(why(b"%PDF-1.4 essai"), Unread::Damaged);
}

#[test]
fn a_child_says_what_the_file_is() {
    let long = "Mot ".repeat(20).trim_end().to_owned();
    let long = bytes(made((0..200).map(|_| Shown::Lines(vec![long.clone(); 50])).collect()));
    let whole = report(&["Conclusion : rien à signaler."]);
    for (name, pdf, state) in [
        ("report", whole.clone(), State::Read),
        ("long", long, State::Cut),
        ("scan", pdf_maker::scan(), State::Scan),
        ("locked", pdf_maker::locked(), State::Encrypted),
        ("not a PDF", b"MZ\x90\0".to_vec(), State::NotPdf),
        ("truncated", whole[..whole.len() / 3].to_vec(), State::Unread),
    ] {
        let layer = own().read(&pdf, soon());
        assert_eq!(layer.state, state, "{name}");
        assert_eq!(layer.text.is_empty(), !matches!(state, State::Read | State::Cut), "{name}");
        assert!(layer.text.len() <= 256 << 10);
    }
    assert_eq!(own().read(&whole, soon()).text, "Conclusion : rien à signaler.");
}

#[test]
fn what_means_harm_ends_its_child_alone() {
    let reader = own();
    for (name, pdf) in [("bomb", pdf_maker::bomb()), ("nested", pdf_maker::nested(50_000)), ("loops", pdf_maker::loops())] {
        let layer = reader.read(&pdf, soon());
        assert!(!matches!(layer.state, State::Encrypted | State::NotPdf), "{name}: {:?}", layer.state);
        assert_eq!(reader.read(&report(&["Suivant"]), soon()).text, "Suivant", "after {name}");
    }
}

/// Every honest file, changed in one place or cut: the child ends in time, whatever it says.
#[test]
fn files_changed_at_random_are_read_or_not_and_never_outlive_their_time() {
    let mut seed = 7u64;
    let mut roll = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for honest in [report(&["Conclusion : rien", "à signaler"]), pdf_maker::scan(), pdf_maker::loops()] {
        for _ in 0..300 {
            let mut changed = honest.clone();
            for _ in 0..1 + roll(4) {
                let at = roll(changed.len());
                changed[at] = u8::try_from(roll(256)).unwrap();
            }
            if roll(5) == 0 {
                changed.truncate(roll(changed.len()));
            }
            // A panic here is one that would end a child.
            let _ = std::panic::catch_unwind(|| pdf::text(&changed));
        }
    }
}

/// A program in the place of the child.
fn script(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("passerelle-{name}-{}", uuid::Uuid::new_v4()));
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_child_that_crashes_loops_hangs_or_prints_garbage_is_ended_in_time() {
    for (name, text) in [
        ("crash", "kill -SEGV $$"),
        ("loop", "while :; do :; done"),
        ("hang", "exec >&-; /bin/sleep 60"),
        ("grandchild", "/bin/sleep 60 & exit 0"),
        ("garbage", "cat /dev/urandom | head -c 100000"),
        ("endless", "cat /dev/zero"),
        ("status", "exit 77"),
        ("deaf", "exec <&-; exit 8"),
    ] {
        let path = script(name, text);
        let began = Instant::now();
        let layer = reader(path.clone()).read(&[b"%PDF-1.7".as_slice(), &[b' '; 1 << 20]].concat(), Instant::now() + Duration::from_millis(700));
        let expected = match name {
            "grandchild" => State::Read,
            "loop" | "hang" => State::Late,
            _ => State::Unread,
        };
        assert_eq!(layer.state, expected, "{name}");
        assert!(began.elapsed() < Duration::from_secs(5), "{name} took {:?}", began.elapsed());
        let _ = std::fs::remove_file(path);
    }
    assert_eq!(reader("/nonexistent/passerelle".into()).read(b"%PDF-1.7", soon()).state, State::Late);
}

#[test]
fn no_more_children_run_than_are_allowed_and_nobody_waits_beyond_his_time() {
    let path = script("busy", "/bin/sleep 30");
    let reader = reader(path.clone());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(reader.read(b"%PDF-1.7", Instant::now() + Duration::from_millis(400)).state, State::Late));
        }
    });
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let _ = std::fs::remove_file(path);
}

/// What the kernel says of a child before it was given a byte.
#[cfg(target_os = "linux")]
#[test]
fn a_child_is_confined_before_it_reads() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle"))
        .args(["pdf-text", "--memory", "536870912"])
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let proc = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
    let status = (0..200).map(|_| proc("status")).find(|status| {
        std::thread::sleep(Duration::from_millis(10));
        status.contains("Seccomp:\t2")
    });
    let status = status.expect("the child filters its system calls");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let limits = proc("limits");
    for (limit, value) in
        [("Max address space", "536870912"), ("Max open files", "3"), ("Max file size", "0"), ("Max core file size", "0"), ("Max processes", "0"), ("Max cpu time", "10")]
    {
        let line = limits.lines().find(|l| l.starts_with(limit)).unwrap_or_default();
        assert_eq!(line[limit.len()..].split_whitespace().next(), Some(value), "{line}");
    }
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(6), "nothing is not a PDF");
}
