//! Enumerations whose values have names.

/// A name that is not a value of the enumeration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("invalid {what} {found:?} (expected one of: {})", .expected.join(", "))]
pub struct UnknownName {
    /// What the name stands for, such as `sort`.
    pub what: &'static str,
    /// The valid names.
    pub expected: &'static [&'static str],
    /// The given name.
    pub found: String,
}

impl UnknownName {
    /// The error for this name.
    #[must_use]
    pub fn new(what: &'static str, expected: &'static [&'static str], found: &str) -> Self {
        Self { what, expected, found: found.to_owned() }
    }
}

/// Names the values of an enumeration. `ALL`, `NAMES`, `name`, `Display`, `FromStr` and `Serialize` follow from this
/// list. A variant that is missing in it does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! named {
    ($Enum:ident is a $what:literal: $($Variant:ident $name:expr),+ $(,)?) => {
        impl $Enum {
            /// Every value, in the order of [`Self::NAMES`].
            pub const ALL: [Self; Self::NAMES.len()] = [$(Self::$Variant),+];
            /// The name of every value.
            pub const NAMES: [&'static str; [$($name),+].len()] = [$($name),+];

            /// The name, as all bindings, the command and JSON spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }
        }

        impl ::std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $Enum {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.into_iter().find(|value| value.name() == name);
                found.ok_or_else(|| $crate::UnknownName::new($what, &Self::NAMES, name))
            }
        }

        impl $crate::serde::Serialize for $Enum {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $Enum {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <::std::string::String as $crate::serde::Deserialize>::deserialize(deserializer)?;
                name.parse().map_err($crate::serde::de::Error::custom)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::{Kind, Sort};

    #[test]
    fn a_name_is_read_back_as_its_value() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(serde_json::from_value::<Kind>(kind.name().into()).unwrap(), kind);
        }
        assert_eq!(Kind::NAMES, Kind::ALL.map(Kind::name));
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_exist() {
        let error = "start".parse::<Sort>().unwrap_err();
        assert_eq!(error.to_string(), r#"invalid sort "start" (expected one of: activity, waiting, started, closed)"#);
    }
}
