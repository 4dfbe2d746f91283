//! The macro that makes a table of the deployment file: one list of keys serves the type, the
//! reader, the suggestions and the JSON Schema.

/// Defines the struct of a table with its reader.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(default, skip_serializing_if = "crate::spec::read::is_absent")]
                pub $field: $type,
            )+
        }

        impl $crate::spec::read::Read for $name {
            const EXPECTED: &'static str = "a table";

            fn read(
                value: &toml::de::DeValue<'_>,
                path: &$crate::diagnostic::KeyPath,
                reader: &mut $crate::spec::read::Reader<'_>,
            ) -> Option<Self> {
                let table = reader.table(value, path, Self::EXPECTED)?;
                reader.refuse_unknown_keys(table, path, Self::FIELDS);
                Some(Self { $($field: reader.field(
                        table,
                        path,
                        $crate::spec::define::key_of(stringify!($field)),
                    ),)+ })
            }

            fn shape() -> $crate::spec::read::Shape {
                $crate::spec::read::Shape::Table(Self::FIELDS)
            }
        }

        impl $name {
            /// The keys of this table.
            pub(in crate::spec) const FIELDS: &'static [$crate::spec::read::Field] = &[
                $($crate::spec::read::Field {
                    key: $crate::spec::define::key_of(stringify!($field)),
                    shape: <$type as $crate::spec::read::Read>::shape,
                },)+
            ];
        }
    };
}

pub(super) use section;

/// The key of a field: a word that Rust keeps for itself is written `r#match` there.
pub(in crate::spec) const fn key_of(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}
