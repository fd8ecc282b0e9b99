//! The setters of builders.

/// Setters with the names of their fields. Each takes a value or an `Option`; `None` removes the value.
macro_rules! setters {
    ($($(#[$attribute:meta])* $field:ident: $value:ty,)*) => {
        $(
            $(#[$attribute])*
            #[must_use]
            pub fn $field(mut self, $field: impl Into<Option<$value>>) -> Self {
                self.$field = $field.into();
                self
            }
        )*
    };
}

pub(crate) use setters;
