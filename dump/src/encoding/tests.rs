use super::*;

fn named(name: &str) -> Encoding {
    Encoding::from_name(name).unwrap()
}

fn text(name: &str, bytes: &[u8]) -> String {
    named(name).to_utf8(bytes).unwrap().into_owned()
}

fn refused_at(name: &str, bytes: &[u8]) -> usize {
    let error = named(name).to_utf8(bytes).unwrap_err();
    assert_eq!(error.encoding, named(name).name());
    error.offset
}

fn single_byte() -> impl Iterator<Item = &'static SingleByteTable> {
    tables::NAMES.iter().filter_map(|(_, known)| match known {
        Known::SingleByte(table) => Some(*table),
        _ => None,
    })
}

#[test]
fn names_are_sorted_so_that_each_is_found() {
    assert!(tables::NAMES.is_sorted_by(|(before, _), (after, _)| before < after));
    for (alias, known) in tables::NAMES {
        match known {
            Known::Utf8 => assert_eq!(Encoding::from_name(alias), Ok(Encoding::Utf8)),
            Known::SqlAscii => assert_eq!(Encoding::from_name(alias), Ok(Encoding::SqlAscii)),
            Known::SingleByte(table) => {
                assert_eq!(Encoding::from_name(alias), Ok(Encoding::SingleByte(table)))
            }
            Known::MultiByte(name) => {
                assert_eq!(Encoding::from_name(alias), Err(UnsupportedEncoding::MultiByte(name)));
            }
        }
    }
}

#[test]
fn a_name_means_what_it_means_to_postgresql() {
    for (name, canonical) in [
        ("UTF8", "UTF8"),
        ("utf-8", "UTF8"),
        (" 'Unicode' ", "UTF8"),
        ("SQL_ASCII", "SQL_ASCII"),
        ("sqlascii", "SQL_ASCII"),
        ("ISO-8859-1", "LATIN1"),
        ("ISO 8859-9", "LATIN5"),
        ("iso_8859_10", "LATIN6"),
        ("iso_8859_16", "LATIN10"),
        ("ISO_8859_5", "ISO_8859_5"),
        ("Windows-1252", "WIN1252"),
        ("WIN", "WIN1251"),
        ("ALT", "WIN866"),
        ("koi8", "KOI8R"),
        ("KOI8-U", "KOI8U"),
        ("vscii", "WIN1258"),
    ] {
        assert_eq!(named(name).name(), canonical, "{name}");
        assert_eq!(named(name).to_string(), canonical);
        assert_eq!(named(canonical), named(name));
    }
}

#[test]
fn every_single_byte_encoding_of_postgresql_is_there() {
    let mut names: Vec<_> = single_byte().map(|table| table.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 27, "{names:?}");
    let latin = (1..=10).map(|n| format!("LATIN{n}"));
    let iso = (5..=8).map(|n| format!("ISO_8859_{n}"));
    let win = [866, 874].into_iter().chain(1250..=1258).map(|n| format!("WIN{n}"));
    let koi = ["KOI8R", "KOI8U"].map(String::from);
    for name in latin.chain(iso).chain(win).chain(koi) {
        assert!(names.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn other_names_are_refused_with_what_to_do() {
    for name in
        ["EUC_JP", "euc-kr", "SJIS", "Shift_JIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "MULE_INTERNAL"]
    {
        let error = Encoding::from_name(name).unwrap_err();
        assert!(matches!(error, UnsupportedEncoding::MultiByte(_)), "{name}");
        assert!(error.to_string().ends_with("make the dump with pg_dump --encoding=UTF8"), "{error}");
    }
    assert_eq!(
        Encoding::from_name("mskanji").unwrap_err().to_string(),
        "encoding SJIS is not supported: make the dump with pg_dump --encoding=UTF8"
    );
    for name in ["", "UTF16", "latin11", "ÜTF8x", "-", "ascii"] {
        assert_eq!(Encoding::from_name(name), Err(UnsupportedEncoding::Unknown(name.to_owned())));
    }
    // 63 bytes are a name, 64 are not.
    assert_eq!(Encoding::from_name(&format!("{:63}", "utf8")), Ok(Encoding::Utf8));
    assert!(Encoding::from_name(&format!("{:64}", "utf8")).is_err());
}

#[test]
fn utf8_is_borrowed_or_refused() {
    for name in ["UTF8", "SQL_ASCII"] {
        assert!(named(name).is_utf8_compatible());
        for sample in ["", "plain", "é€😀\u{10ffff}\u{fffe}\t\u{1}\u{7f}"] {
            assert_eq!(named(name).to_utf8(sample.as_bytes()), Ok(Cow::Borrowed(sample)));
        }
        for (bytes, offset) in [
            (&b"caf\xe9"[..], 3),
            (b"\x80", 0),
            (b"a\xc0\x80", 1),        // overlong
            (b"ab\xed\xa0\x80", 2),   // a surrogate
            (b"\xf4\x90\x80\x80", 0), // past U+10FFFF
            (b"\xe2\x82", 0),         // cut off
            (b"ok\0ok", 2),           // NUL
            (b"ok\0ok\xff", 2),       // the first of two
            (b"\xffok\0", 0),
        ] {
            assert_eq!(refused_at(name, bytes), offset, "{bytes:x?}");
        }
    }
}

#[test]
fn ascii_is_ascii_in_every_encoding() {
    let ascii: Vec<u8> = (1..128).collect();
    for table in single_byte() {
        let encoding = Encoding::SingleByte(table);
        assert!(!encoding.is_utf8_compatible());
        assert!(matches!(encoding.to_utf8(&ascii), Ok(Cow::Borrowed(text)) if text.as_bytes() == ascii));
        assert_eq!(encoding.to_utf8(b"ab\0").unwrap_err().offset, 2);
        // NUL is refused beside other characters too; no upper byte is ASCII.
        assert!(encoding.to_utf8(b"\0\xe1").is_err());
        assert!(table.upper.iter().all(|&character| character == '\0' || !character.is_ascii()));
    }
}

/// Each pair was asked of a server by hand, apart from the script that makes the tables.
#[test]
fn letters_are_those_of_postgresql() {
    assert_eq!(text("LATIN1", b"caf\xe9 \x80\xff"), "café \u{80}ÿ");
    assert_eq!(text("LATIN9", b"5 \xa4"), "5 €");
    assert_eq!(text("WIN1252", b"\x93\x80 5\x94 caf\xe9"), "“€ 5” café");
    assert_eq!(text("WIN1251", b"\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет");
    assert_eq!(text("KOI8R", b"\xf0\xd2\xc9\xd7\xc5\xd4"), "Привет");
    assert_eq!(text("WIN866", b"\x8f\xe0\xa8\xa2\xa5\xe2"), "Привет");
    assert_eq!(text("ISO_8859_5", b"\xbf\xe0\xd8\xd2\xd5\xe2"), "Привет");
    assert_eq!(text("LATIN2", b"\xb3\xf3d\xbc"), "łódź");
    assert_eq!(text("ISO_8859_7", b"\xea\xe1\xeb\xe7"), "καλη");
    assert_eq!(text("WIN1255", b"\xf9\xec\xe5\xed"), "שלום");
    assert_eq!(text("WIN874", b"\xa1\xa2"), "กข");
}

#[test]
fn what_postgresql_refuses_is_refused() {
    // The web's WIN1252 makes control characters of these five. PostgreSQL does not.
    for byte in [0x81, 0x8d, 0x8f, 0x90, 0x9d] {
        assert_eq!(refused_at("WIN1252", &[b'a', 0xe9, byte, b'b']), 2, "{byte:x}");
    }
    assert_eq!(refused_at("ISO_8859_6", b"\xc7\xa1"), 1);
    assert_eq!(refused_at("WIN1251", b"\x98"), 0);
    assert_eq!(
        named("WIN1251").to_utf8(b"ab\x98").unwrap_err().to_string(),
        "invalid byte sequence for encoding WIN1251 at offset 2"
    );
}

/// No two bytes of an encoding are one character: nothing is folded together on the way.
#[test]
fn every_byte_is_a_character_of_its_own() {
    for table in single_byte() {
        let mut seen: Vec<_> = table.upper.iter().filter(|&&character| character != '\0').collect();
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count, "{}", table.name);
    }
}
