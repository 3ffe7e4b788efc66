//! The lists from which fakes are drawn. A list of a version never changes, not in its entries and not in their
//! order.

use crate::locale::Locale;
use std::sync::LazyLock;

pub(crate) type List = Vec<&'static str>;

macro_rules! lists {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) static $name: LazyLock<List> =
            LazyLock::new(|| include_str!(concat!("../lists/1/", $file, ".txt")).lines().collect());)*

        #[cfg(test)]
        pub(crate) fn all() -> Vec<(&'static str, &'static List)> {
            let mut all: Vec<(&'static str, &'static List)> = vec![$((stringify!($name), &*$name)),*];
            all.extend(LOCALES.iter().flat_map(|locale| {
                [&locale.first_names, &locale.last_names, &locale.cities, &locale.streets, &locale.states,
                 &locale.titles, &locale.months, &locale.weekdays].map(|list| ("a locale's", list))
            }));
            all
        }
    };
}

lists! {
    JOB_TITLES = "job_titles";
    INDUSTRIES = "industries";
    WORDS = "words";
    COMPANY_SUFFIXES = "company_suffixes";
    PRODUCT_ADJECTIVES = "product_adjectives";
    PRODUCT_MATERIALS = "product_materials";
    PRODUCT_NOUNS = "product_nouns";
    COUNTRIES = "countries";
    CURRENCIES = "currencies";
    CARD_TYPES = "card_types";
    GENDERS = "genders";
}

/// The lists of one language.
pub(crate) struct Local {
    pub(crate) first_names: List,
    pub(crate) last_names: List,
    pub(crate) cities: List,
    pub(crate) streets: List,
    /// The abbreviation, a blank, the name.
    pub(crate) states: List,
    pub(crate) titles: List,
    pub(crate) months: List,
    pub(crate) weekdays: List,
}

macro_rules! local {
    ($locale:literal) => {
        Local {
            first_names: include_str!(concat!("../lists/1/", $locale, "/first_names.txt")).lines().collect(),
            last_names: include_str!(concat!("../lists/1/", $locale, "/last_names.txt")).lines().collect(),
            cities: include_str!(concat!("../lists/1/", $locale, "/cities.txt")).lines().collect(),
            streets: include_str!(concat!("../lists/1/", $locale, "/streets.txt")).lines().collect(),
            states: include_str!(concat!("../lists/1/", $locale, "/states.txt")).lines().collect(),
            titles: include_str!(concat!("../lists/1/", $locale, "/titles.txt")).lines().collect(),
            months: include_str!(concat!("../lists/1/", $locale, "/months.txt")).lines().collect(),
            weekdays: include_str!(concat!("../lists/1/", $locale, "/weekdays.txt")).lines().collect(),
        }
    };
}

static LOCALES: LazyLock<[Local; 3]> = LazyLock::new(|| [local!("en"), local!("de"), local!("fr")]);

pub(crate) fn local(locale: Locale) -> &'static Local {
    &LOCALES[match locale {
        Locale::En => 0,
        Locale::De => 1,
        Locale::Fr => 2,
    }]
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    #[test]
    fn no_entry_is_empty_or_double() {
        for (name, list) in super::all() {
            let distinct: std::collections::HashSet<_> = list.iter().collect();
            assert_eq!(distinct.len(), list.len(), "{name}");
            assert!(list.iter().all(|entry| !entry.is_empty() && entry.trim() == *entry), "{name}");
        }
    }

    /// A change of a list would change the data of every user: a new list gets a new version instead.
    #[test]
    fn lists_of_version_1_never_change() {
        let mut hash = Sha256::new();
        for (_, list) in super::all() {
            hash.update(list.join("\n"));
        }
        assert_eq!(
            crate::text::hex(&hash.finalize()),
            "139720fdfc8a68778032e0eb4a76bd7d414f9216e3e5a6b32babee3525932594"
        );
    }
}
