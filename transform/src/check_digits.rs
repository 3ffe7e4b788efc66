//! Numbers with digits that follow from the others: IBANs and the numbers of payment cards.
//!
//! Blanks, hyphens and the case of letters are only spelling. They stay where they are, and do not change what a number
//! becomes. So different texts become different, also where upper and lower case count as equal.

use crate::error::Reason;
use crate::permute::Permutation;

/// Characters of an IBAN, in any country.
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

/// Digits of a card number, of any issuer.
const CARD: std::ops::RangeInclusive<usize> = 12..=19;

/// The fewest characters of an IBAN.
pub(crate) const SHORTEST_IBAN: usize = *IBAN.start();

/// The fewest digits of a card number.
pub(crate) const SHORTEST_CARD: usize = *CARD.start();

/// Two letters of a country, two check digits, and letters and digits to which they belong.
pub(crate) fn is_iban(text: &str) -> bool {
    bare(text).is_some_and(|number| has_iban_check(&number))
}

/// Digits, of which the last one follows from the others.
pub(crate) fn is_card_number(text: &str) -> bool {
    bare(text).is_some_and(|number| has_luhn_check(&number))
}

/// Makes an IBAN another one of the same country, with a digit for each digit and a letter for each letter.
pub(crate) fn iban(permutation: Permutation, text: &str, out: &mut String) -> Result<(), Reason> {
    let number = bare(text).filter(|number| has_iban_check(number)).ok_or(Reason::Input("IBAN"))?;
    let mut moved = String::with_capacity(number.len());
    permutation.pattern(&[&number[..2], &number[4..]].concat(), 2, 0, &mut moved);
    moved.insert_str(2, &iban_check(&moved[..2], &moved[2..]));
    spell(&moved, text, out);
    Ok(())
}

/// Makes a card number another one of the same length that begins with the same digits, so many of them.
pub(crate) fn card_number(
    permutation: Permutation,
    keep_first: usize,
    text: &str,
    out: &mut String,
) -> Result<(), Reason> {
    let number = bare(text).filter(|number| has_luhn_check(number)).ok_or(Reason::Input("card number"))?;
    let mut moved = String::with_capacity(number.len());
    permutation.pattern(&number[..number.len() - 1], keep_first, 0, &mut moved);
    moved.push(char::from(b'0' + luhn_check_digit(moved.as_bytes())));
    spell(&moved, text, out);
    Ok(())
}

/// The digit that makes the digits before it pass Luhn's test.
pub(crate) fn luhn_check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let value = u32::from(digit - b'0') * if i % 2 == 0 { 2 } else { 1 };
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    ((10 - sum % 10) % 10) as u8
}

fn has_luhn_check(number: &str) -> bool {
    let digits = number.as_bytes();
    CARD.contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && luhn_check_digit(&digits[..digits.len() - 1]) == digits[digits.len() - 1] - b'0'
}

/// The check digits must be those that are computed. `99` leaves the same remainder as `02`, and two numbers that differ
/// in nothing else would become one.
fn has_iban_check(number: &str) -> bool {
    let bytes = number.as_bytes();
    IBAN.contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && number[2..4] == *iban_check(&number[..2], &number[4..])
}

/// The two check digits, by ISO 7064's MOD 97-10: behind account and country they leave 1, and a letter counts as two
/// digits from 10.
fn iban_check(country: &str, account: &str) -> String {
    let remainder =
        [account, country, "00"].iter().flat_map(|part| part.bytes()).fold(0, |remainder, byte| {
            if byte.is_ascii_digit() {
                (remainder * 10 + u32::from(byte - b'0')) % 97
            } else {
                (remainder * 100 + u32::from(byte - b'A') + 10) % 97
            }
        });
    format!("{:02}", 98 - remainder)
}

/// The number without its spelling: letters in upper case, nothing between. `None` for what holds anything else, or is
/// longer than any number.
fn bare(text: &str) -> Option<String> {
    let mut number = String::with_capacity(*IBAN.end());
    for byte in text.bytes().filter(|byte| !is_separator(*byte)) {
        if !byte.is_ascii_alphanumeric() || number.len() == *IBAN.end() {
            return None;
        }
        number.push(char::from(byte.to_ascii_uppercase()));
    }
    Some(number)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// Appends the number in the spelling of a text that has as many letters and digits.
fn spell(number: &str, like: &str, out: &mut String) {
    let mut number = number.chars();
    out.extend(like.chars().filter_map(|spelled| {
        if u8::try_from(spelled).is_ok_and(is_separator) {
            return Some(spelled);
        }
        let new = number.next();
        if spelled.is_ascii_lowercase() { new.map(|c| c.to_ascii_lowercase()) } else { new }
    }));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::siphash::SipKey;

    /// Examples that the banks' registry of formats and payment providers publish.
    const IBANS: [&str; 14] = [
        "DE89 3704 0044 0532 0130 00",
        "GB82 WEST 1234 5698 7654 32",
        "GB29NWBK60161331926819",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NL91 ABNA 0417 1643 00",
        "NO93 8601 1117 947",
        "CH93 0076 2011 6238 5295 7",
        "BE68 5390 0754 7034",
        "ES91 2100 0418 4502 0005 1332",
        "IT60X0542811101000000123456",
        "MT84MALT011000012345MTLCAST001S",
        "AT61 1904 3002 3457 3201",
        "SE45 5000 0000 0583 9825 7466",
        "PL61 1090 1014 0000 0712 1981 2874",
    ];

    const CARDS: [&str; 10] = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4012888888881881",
        "4222222222222",
        "5555-5555-5555-4444",
        "2223003122003222",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
    ];

    fn permutation() -> Permutation {
        Permutation::new(SipKey::new([1, 2]))
    }

    fn new_iban(text: &str) -> Result<String, Reason> {
        let mut out = String::new();
        iban(permutation(), text, &mut out).map(|()| out)
    }

    fn new_card(text: &str, keep_first: usize) -> Result<String, Reason> {
        let mut out = String::new();
        card_number(permutation(), keep_first, text, &mut out).map(|()| out)
    }

    /// What stays of a text: everything but which digit and which letter it is.
    fn kinds(text: &str) -> String {
        let kind = |c: char| match c {
            '0'..='9' => '9',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            other => other,
        };
        text.chars().map(kind).collect()
    }

    #[test]
    fn published_ibans_become_others_of_their_country_and_spelling() {
        for text in IBANS {
            let new = new_iban(text).unwrap_or_else(|_| panic!("{text}"));
            assert!(is_iban(&new) && new != text && new[..2] == text[..2], "{text}: {new}");
            assert_eq!(kinds(&new), kinds(text));
            // Spelling does not count for what it becomes.
            let (plain, lower) = (text.replace(' ', ""), text.replace(' ', "-").to_lowercase());
            assert_eq!(new_iban(&plain).unwrap(), new.replace(' ', ""));
            assert_eq!(new_iban(&lower).unwrap(), new.replace(' ', "-").to_lowercase());
        }
    }

    #[test]
    fn published_card_numbers_become_others_that_begin_like_them() {
        for text in CARDS {
            for keep_first in [1, 6] {
                let new = new_card(text, keep_first).unwrap_or_else(|_| panic!("{text}"));
                assert!(is_card_number(&new) && new != text, "{text}: {new}");
                assert_eq!(kinds(&new), kinds(text));
                assert_eq!(bare(&new).unwrap()[..keep_first], bare(text).unwrap()[..keep_first]);
            }
        }
        assert_eq!(new_card(CARDS[1], 1).unwrap().replace(' ', ""), new_card(CARDS[0], 1).unwrap());
    }

    /// Computed by hand from the definition of each: `98 - (370400440532013000131400 mod 97)`, and so on.
    #[test]
    fn check_digits() {
        assert_eq!(iban_check("DE", "370400440532013000"), "89");
        assert_eq!(iban_check("GB", "WEST12345698765432"), "82");
        assert_eq!(iban_check("NO", "86011117947"), "93");
        assert_eq!(luhn_check_digit(b"7992739871"), 3);
        assert_eq!(luhn_check_digit(b"411111111111111"), 1);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "DE",
            "DE88 3704 0044 0532 0130 00",
            "DE89/3704/0044/0532/0130/00",
            "IBAN DE89 3704 0044 0532 0130 00",
            "1E89370400440532013000",
            "DE8937040044053201300é",
            "DE89 3704 0044 0532 0130 00 DE89 3704 0044 0532 0130 00",
        ] {
            assert_eq!(new_iban(text), Err(Reason::Input("IBAN")), "{text}");
        }
        for text in [
            "",
            "4111111111111112",
            "41111111111",
            "41111111111111111111",
            "+4111111111111111",
            "411111111111111x",
            "0",
        ] {
            assert_eq!(new_card(text, 1), Err(Reason::Input("card number")), "{text}");
        }
    }

    /// They leave the remainder of a valid one, and would become the same as the one whose digits are computed.
    #[test]
    fn check_digits_that_nobody_computes_are_refused() {
        let mut refused = 0;
        for account in 0..2000 {
            let account = format!("{account:011}");
            let right = iban_check("NO", &account);
            assert!(("02"..="98").contains(&right.as_str()));
            let (low, high) = match right.as_str() {
                "97" => ("00", "97"),
                "98" => ("01", "98"),
                "02" => ("99", "02"),
                _ => continue,
            };
            assert!(!is_iban(&format!("NO{low}{account}")) && is_iban(&format!("NO{high}{account}")));
            refused += 1;
        }
        assert!(refused > 30, "{refused}");
    }

    /// One to one: as many others come of them as there are, and they are the same set.
    #[test]
    fn all_numbers_of_a_kind_are_permuted() {
        let cards: HashSet<String> = (0..10_000)
            .map(|n| format!("41111111{n:04}"))
            .map(|digits| format!("{digits}{}", luhn_check_digit(digits.as_bytes())))
            .collect();
        let images: HashSet<String> = cards.iter().map(|card| new_card(card, 8).unwrap()).collect();
        assert_eq!(images, cards);
        let ibans: HashSet<String> = (0..20_000)
            .map(|n| format!("{n:011}"))
            .map(|account| format!("NO{}{account}", iban_check("NO", &account)))
            .collect();
        let images: HashSet<String> = ibans.iter().map(|iban| new_iban(iban).unwrap()).collect();
        assert!(images.len() == ibans.len() && images.iter().all(|iban| is_iban(iban)));
    }

    proptest! {
        #[test]
        fn any_iban_becomes_a_valid_one(country in "[A-Z]{2}", account in "[0-9A-Z]{11,30}", other in "[0-9A-Z]{11,30}") {
            let whole = |account: &str| format!("{country}{}{account}", iban_check(&country, account));
            let (one, two) = (new_iban(&whole(&account)).unwrap(), new_iban(&whole(&other)).unwrap());
            prop_assert!(is_iban(&one) && one[..2] == country);
            prop_assert_eq!(kinds(&one), kinds(&whole(&account)));
            prop_assert_eq!(account == other, one == two);
        }

        /// Upper and lower case, blanks and hyphens stay, and change nothing else.
        #[test]
        fn spelling_is_kept(at in 0..IBANS.len(), lower in any::<u64>(), blanks in prop::collection::vec((0_usize..40, "[ -]"), 0..6)) {
            let plain = bare(IBANS[at]).unwrap();
            let mut spelled: String = plain
                .chars()
                .enumerate()
                .map(|(i, c)| if lower >> i & 1 == 1 { c.to_ascii_lowercase() } else { c })
                .collect();
            for (place, blank) in blanks {
                spelled.insert_str(place.min(spelled.len()), &blank);
            }
            let new = new_iban(&spelled).unwrap();
            prop_assert_eq!(kinds(&new), kinds(&spelled));
            prop_assert_eq!(bare(&new).unwrap(), new_iban(&plain).unwrap());
        }

        #[test]
        fn any_card_number_becomes_a_valid_one(digits in "[0-9]{11,18}", keep_first in 1_usize..=8) {
            let card = format!("{digits}{}", luhn_check_digit(digits.as_bytes()));
            let new = new_card(&card, keep_first).unwrap();
            prop_assert!(is_card_number(&new) && new.len() == card.len());
            prop_assert_eq!(&new[..keep_first], &card[..keep_first]);
        }

        #[test]
        fn any_text_is_transformed_or_refused(text in "\\PC{0,40}") {
            let _ = (new_iban(&text), new_card(&text, 1));
        }
    }
}
