//! Recognises kinds of data by a column's name.

use super::Sort;

/// The last words of a name, without trailing numbers as in `home_phone_2`. The first match counts.
const ENDINGS: &[(&str, Sort)] = &[
    ("ip", Sort::IpAddress),
    ("ip address", Sort::IpAddress),
    ("ip addr", Sort::IpAddress),
    ("ipaddress", Sort::IpAddress),
    ("ipaddr", Sort::IpAddress),
    ("remote addr", Sort::IpAddress),
    ("remote address", Sort::IpAddress),
    ("email", Sort::Email),
    ("e mail", Sort::Email),
    ("mail", Sort::Email),
    ("emails", Sort::Email),
    ("email address", Sort::Email),
    ("mail address", Sort::Email),
    ("emailaddress", Sort::Email),
    ("courriel", Sort::Email),
    ("phone", Sort::Phone),
    ("phones", Sort::Phone),
    ("phone number", Sort::Phone),
    ("phone no", Sort::Phone),
    ("phonenumber", Sort::Phone),
    ("telephone", Sort::Phone),
    ("telephone number", Sort::Phone),
    ("tel", Sort::Phone),
    ("mobile", Sort::Phone),
    ("mobile number", Sort::Phone),
    ("cell", Sort::Phone),
    ("fax", Sort::Phone),
    ("fax number", Sort::Phone),
    ("msisdn", Sort::Phone),
    ("telefon", Sort::Phone),
    ("handy", Sort::Phone),
    ("whatsapp", Sort::Phone),
    ("first name", Sort::FirstName),
    ("firstname", Sort::FirstName),
    ("fname", Sort::FirstName),
    ("given name", Sort::FirstName),
    ("givenname", Sort::FirstName),
    ("forename", Sort::FirstName),
    ("middle name", Sort::FirstName),
    ("middlename", Sort::FirstName),
    ("vorname", Sort::FirstName),
    ("prenom", Sort::FirstName),
    ("last name", Sort::LastName),
    ("lastname", Sort::LastName),
    ("lname", Sort::LastName),
    ("surname", Sort::LastName),
    ("family name", Sort::LastName),
    ("familyname", Sort::LastName),
    ("maiden name", Sort::LastName),
    ("nachname", Sort::LastName),
    ("nom de famille", Sort::LastName),
    ("full name", Sort::FullName),
    ("fullname", Sort::FullName),
    ("real name", Sort::FullName),
    ("display name", Sort::FullName),
    ("legal name", Sort::FullName),
    ("contact name", Sort::FullName),
    ("customer name", Sort::FullName),
    ("client name", Sort::FullName),
    ("patient name", Sort::FullName),
    ("employee name", Sort::FullName),
    ("recipient name", Sort::FullName),
    ("holder name", Sort::FullName),
    ("cardholder", Sort::FullName),
    ("cardholder name", Sort::FullName),
    ("emergency contact", Sort::FullName),
    ("next of kin", Sort::FullName),
    ("username", Sort::Username),
    ("user name", Sort::Username),
    ("login", Sort::Username),
    ("login name", Sort::Username),
    ("nickname", Sort::Username),
    ("linkedin", Sort::Username),
    ("twitter", Sort::Username),
    ("instagram", Sort::Username),
    ("facebook", Sort::Username),
    ("skype", Sort::Username),
    ("screen name", Sort::Username),
    ("password", Sort::Secret),
    ("passwd", Sort::Secret),
    ("pwd", Sort::Secret),
    ("passphrase", Sort::Secret),
    ("password hash", Sort::Secret),
    ("password digest", Sort::Secret),
    ("passwordhash", Sort::Secret),
    ("pw hash", Sort::Secret),
    ("pwhash", Sort::Secret),
    ("pass hash", Sort::Secret),
    ("hashed password", Sort::Secret),
    ("encrypted password", Sort::Secret),
    ("password salt", Sort::Secret),
    ("secret", Sort::Secret),
    ("secret key", Sort::Secret),
    ("api key", Sort::Secret),
    ("apikey", Sort::Secret),
    ("private key", Sort::Secret),
    ("token", Sort::Secret),
    ("access token", Sort::Secret),
    ("pin", Sort::Secret),
    ("cvv", Sort::Secret),
    ("cvc", Sort::Secret),
    ("card number", Sort::CardNumber),
    ("cardnumber", Sort::CardNumber),
    ("card no", Sort::CardNumber),
    ("cc number", Sort::CardNumber),
    ("ccnum", Sort::CardNumber),
    ("cc num", Sort::CardNumber),
    ("credit card", Sort::CardNumber),
    ("creditcard", Sort::CardNumber),
    ("pan", Sort::CardNumber),
    ("iban", Sort::Iban),
    ("bank account", Sort::Iban),
    ("bank account number", Sort::Iban),
    ("account iban", Sort::Iban),
    ("kontonummer", Sort::Iban),
    ("birth date", Sort::BirthDate),
    ("birthdate", Sort::BirthDate),
    ("date of birth", Sort::BirthDate),
    ("dob", Sort::BirthDate),
    ("birthday", Sort::BirthDate),
    ("born", Sort::BirthDate),
    ("born on", Sort::BirthDate),
    ("geburtsdatum", Sort::BirthDate),
    ("date naissance", Sort::BirthDate),
    ("ssn", Sort::SocialSecurity),
    ("social security", Sort::SocialSecurity),
    ("social security number", Sort::SocialSecurity),
    ("social security no", Sort::SocialSecurity),
    ("national id", Sort::NationalId),
    ("national insurance number", Sort::NationalId),
    ("nino", Sort::NationalId),
    ("insurance no", Sort::NationalId),
    ("insurance id", Sort::NationalId),
    ("tax id", Sort::NationalId),
    ("taxid", Sort::NationalId),
    ("tax number", Sort::NationalId),
    ("steuernummer", Sort::NationalId),
    ("personal id", Sort::NationalId),
    ("personal number", Sort::NationalId),
    ("passport", Sort::NationalId),
    ("passport number", Sort::NationalId),
    ("passport no", Sort::NationalId),
    ("id card number", Sort::NationalId),
    ("identity number", Sort::NationalId),
    ("driver license", Sort::NationalId),
    ("drivers license", Sort::NationalId),
    ("driving licence", Sort::NationalId),
    ("licence plate", Sort::NationalId),
    ("license plate", Sort::NationalId),
    ("cpf", Sort::NationalId),
    ("insurance number", Sort::NationalId),
    ("address", Sort::Address),
    ("addr", Sort::Address),
    ("address line", Sort::Address),
    ("street", Sort::Address),
    ("street address", Sort::Address),
    ("street name", Sort::Address),
    ("strasse", Sort::Address),
    ("adresse", Sort::Address),
    ("zip", Sort::PostalCode),
    ("zip code", Sort::PostalCode),
    ("zipcode", Sort::PostalCode),
    ("postal code", Sort::PostalCode),
    ("postcode", Sort::PostalCode),
    ("post code", Sort::PostalCode),
    ("plz", Sort::PostalCode),
    ("lat", Sort::Latitude),
    ("latitude", Sort::Latitude),
    ("lon", Sort::Longitude),
    ("lng", Sort::Longitude),
    ("long", Sort::Longitude),
    ("longitude", Sort::Longitude),
    ("gender", Sort::Gender),
    ("sex", Sort::Gender),
    ("geschlecht", Sort::Gender),
];

/// Tables in which the column `name` is a person's name.
const PERSONS: &[&str] = &[
    "user",
    "customer",
    "person",
    "employee",
    "contact",
    "member",
    "patient",
    "client",
    "author",
    "student",
    "teacher",
    "guest",
    "staff",
    "people",
    "driver",
    "applicant",
    "candidate",
    "subscriber",
    "kunde",
    "kunden",
    "mitarbeiter",
    "personne",
    "passenger",
    "owner",
    "tenant",
    "recipient",
    "attendee",
    "visitor",
    "lead",
    "owners",
    "doctor",
];

/// The kind of data by the name of a column, in a table of this name; both without quotes.
pub(super) fn sort(table: &str, column: &str) -> Option<Sort> {
    let words = words(column);
    let fits =
        |ending: &str| words == ending || words.strip_suffix(ending).is_some_and(|rest| rest.ends_with(' '));
    // The longest ending is the most specific: an IP address is not a postal address.
    let found = ENDINGS.iter().filter(|(ending, _)| fits(ending)).max_by_key(|(ending, _)| ending.len());
    if let Some((_, sort)) = found {
        return Some(*sort);
    }
    let of_persons = || {
        let table = super::name::words(table);
        let last = table.rsplit(' ').next().unwrap_or_default();
        PERSONS.iter().any(|person| last == *person || last.strip_suffix('s') == Some(person))
    };
    (words == "name" && of_persons()).then_some(Sort::FullName)
}

/// The words in lower case, separated by blanks, without digits at the end: `homePhone_2` is `home phone`.
fn words(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let new_word =
            c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_lower));
        if (new_word || !c.is_alphanumeric()) && !out.ends_with(' ') {
            out.push(' ');
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
        before = c;
    }
    out.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ').trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_names() {
        for (name, expected) in [
            ("homePhone_2", "home phone"),
            ("EMAIL", "email"),
            ("customerID", "customer id"),
            ("HTTPServer", "http server"),
            ("e-mail", "e mail"),
            ("address1", "address"),
        ] {
            assert_eq!(words(name), expected);
        }
    }
}
