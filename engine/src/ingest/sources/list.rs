//! Code and constants derived from the list of sources.

use crate::json::{Name, Value};

/// The names in any of the lists, each once; `N` is [`count`] of the lists.
pub(super) const fn union<const N: usize>(lists: &[&[Name]]) -> [Name; N] {
    let mut names = [Name::new("", ""); N];
    each_once(lists, &mut names);
    names
}

/// The number of different names in the lists.
pub(super) const fn count(lists: &[&[Name]]) -> usize {
    let mut names = [Name::new("", ""); 256];
    each_once(lists, &mut names)
}

const fn each_once(lists: &[&[Name]], names: &mut [Name]) -> usize {
    let (mut length, mut list) = (0, 0);
    while list < lists.len() {
        let mut name = 0;
        while name < lists[list].len() {
            if place(names, length, lists[list][name].word).is_none() {
                names[length] = lists[list][name];
                length += 1;
            }
            name += 1;
        }
        list += 1;
    }
    length
}

/// The indexes of a source's names in the names of all sources.
pub(super) const fn places<const N: usize>(all: &[Name], names: &[Name]) -> [usize; N] {
    let (mut places, mut at) = ([0; N], 0);
    while at < N {
        places[at] = match place(all, all.len(), names[at].word) {
            Some(place) => place,
            None => all.len(),
        };
        at += 1;
    }
    places
}

/// For each of all names, the index in a source's nested fields.
pub(super) const fn nested<const N: usize>(all: &[Name; N], names: &[Name], nested: &[usize]) -> [Option<usize>; N] {
    let (mut own, mut at) = ([None; N], 0);
    while at < nested.len() {
        if let Some(place) = place(all, N, names[nested[at]].word) {
            own[place] = Some(nested[at]);
        }
        at += 1;
    }
    own
}

/// Fails the build if two sources read the same nested object.
pub(super) const fn assert_nested_once<const N: usize>(sources: &[[Option<usize>; N]]) {
    let mut field = 0;
    while field < N {
        let (mut readers, mut source) = (0, 0);
        while source < sources.len() {
            readers += sources[source][field].is_some() as usize;
            source += 1;
        }
        assert!(readers <= 1, "two sources read the nested object of one field: see `Source::NESTED`");
        field += 1;
    }
}

const fn place(names: &[Name], length: usize, word: &str) -> Option<usize> {
    let mut at = 0;
    while at < length {
        if is_same(names[at].word, word) {
            return Some(at);
        }
        at += 1;
    }
    None
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The values of a source's fields.
#[inline(always)]
pub(super) fn values_at<const N: usize>(top: &[Value], places: &[usize; N]) -> [Value; N] {
    places.map(|place| top.get(place).copied().unwrap_or_default())
}

/// The names of the fields that identify an object as one of some source.
pub(super) fn signs(sources: &[(&'static [Name], &[usize])]) -> Vec<&'static str> {
    let mut words = Vec::new();
    for name in sources.iter().flat_map(|(names, signs)| signs.iter().filter_map(|sign| names.get(*sign))) {
        if !words.contains(&name.word) {
            words.push(name.word);
        }
    }
    words
}

macro_rules! sources {
    ($(
        $(#[doc = $doc:literal])+
        $number:literal => $variant:ident: $module:ident::$source:ident $(if $feature:literal)?;
    )+) => {
        /// Which source an input comes from (rule W6). A source whose Cargo feature is off has no variant.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Format {
            /// Detected for each object: the source with the strongest claim reads it.
            #[default]
            Auto = 0,
            $( $(#[doc = $doc])+ $(#[cfg(feature = $feature)])? $variant = $number, )+
        }

        impl Format {
            /// Every format; [`Format::Auto`] is first.
            pub const ALL: &'static [Self] = &[Self::Auto, $( $(#[cfg(feature = $feature)])? Self::$variant, )+];
            /// The name of every format, in the same order.
            pub const NAMES: &'static [&'static str] =
                &[Self::Auto.name(), $( $(#[cfg(feature = $feature)])? Self::$variant.name(), )+];

            /// The name, as in `--format NAME` and in [`Event::source`](crate::Event::source): `auto`, `airship`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Auto => "auto",
                    $( $(#[cfg(feature = $feature)])?
                    Self::$variant => <$module::$source as Source>::NAME, )+
                }
            }

            /// A description in one sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    Self::Auto => "Detected for each object.",
                    $( $(#[cfg(feature = $feature)])?
                    Self::$variant => concat!($($doc),+).trim(), )+
                }
            }
        }

        const WANTED: &[&[Name]] = &[$( $(#[cfg(feature = $feature)])? <$module::$source as Source>::WANTED, )+];

        /// The fields of the outermost object that any source wants.
        pub(super) const TOP: [Name; list::count(WANTED)] = list::union(WANTED);

        const _: () = list::assert_nested_once(&[$(
            $(#[cfg(feature = $feature)])?
            list::nested(&TOP, <$module::$source as Source>::WANTED, <$module::$source as Source>::NESTED),
        )+]);

        /// The results of the sources from reading nested objects.
        #[derive(Default)]
        pub(super) struct Nested {
            $( $(#[cfg(feature = $feature)])? $module: <$module::$source as Source>::Nested, )+
        }

        impl Nested {
            /// Reads the object in a field of [`TOP`] if a source wants it.
            #[inline]
            pub(super) fn read(&mut self, field: usize, reader: &mut Reader<'_, '_>) -> Option<Result<Value, Fault>> {
                $( $(#[cfg(feature = $feature)])? {
                    type S = $module::$source;
                    const OWN: [Option<usize>; TOP.len()] = list::nested(&TOP, S::WANTED, S::NESTED);
                    if let Some(Some(own)) = OWN.get(field) {
                        return Some(S::read_nested(&mut self.$module, *own, reader));
                    }
                } )+
                None
            }
        }

        /// The source to which the object belongs.
        #[inline]
        pub(super) fn detect(site: Site<'_>, top: &[Value; TOP.len()]) -> Option<Format> {
            let mut best = (Claim::No, None);
            $( $(#[cfg(feature = $feature)])? {
                type S = $module::$source;
                const PLACES: [usize; S::WANTED.len()] = list::places(&TOP, S::WANTED);
                let values = list::values_at(top, &PLACES);
                let claim = S::claims(&site.fields("", site.at, S::WANTED, &values));
                if claim >= best.0 && claim != Claim::No {
                    best = (claim, Some(Format::$variant));
                }
            } )+
            best.1
        }

        /// The object as the source of this format interprets it; `None` if the format is [`Format::Auto`].
        #[inline]
        pub(super) fn understand<'a>(
            format: Format,
            site: Site<'a>,
            top: &[Value; TOP.len()],
            nested: &Nested,
            take: &mut Take<'_>,
        ) -> Option<Checked<Understood<'a>>> {
            match format {
                Format::Auto => None,
                $( $(#[cfg(feature = $feature)])?
                Format::$variant => {
                    type S = $module::$source;
                    const PLACES: [usize; S::WANTED.len()] = list::places(&TOP, S::WANTED);
                    let values = list::values_at(top, &PLACES);
                    let top = site.fields("", site.at, S::WANTED, &values);
                    Some(S::understand(&Object::new(site, top, &nested.$module), take))
                } )+
            }
        }

        /// The names of the fields that identify an object as one of some source.
        pub(super) fn signs() -> Vec<&'static str> {
            list::signs(&[$(
                $(#[cfg(feature = $feature)])?
                (<$module::$source as Source>::WANTED, <$module::$source as Source>::SIGNS),
            )+])
        }
    };
}
