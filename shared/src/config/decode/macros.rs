//! The declarations: `object!` for an object, `tagged!` for one whose `type` decides, `choice!` for a word.

/// Declares an object: each attribute with its meaning, type, rule and presence.
///
/// ```text
/// object! {
///     /// What the object is.
///     pub struct Health as "a health check" {
///         /// Seconds between two probes.
///         pub interval as "interval": Duration = seconds(0.1..=3600.0), default(json!(5), Duration::from_secs(5));
///     }
///     ignored { /// Meaning in Crossbar.io. "debug" = boolean(); }
///     check Health::rules;
/// }
/// ```
///
/// Presence is one of: `required`; `optional` (the field is an `Option`); `default(VALUE)`, or `default(JSON, VALUE)`;
/// `defaulted` (an object, absent like `{}`); `flatten` (its attributes are written in this object);
/// `special(FUNCTION)` (read by a function of the object's own). Behind it may stand who looks at the attribute, unless the
/// processes of the worker do: `for kernel` (the controller sets it on sockets that listen) or `for controller`. A reload
/// that changes nothing else replaces no process.
/// `ignored` attributes are checked and then have no effect, which is said. `silent` ones are names for people.
/// `also` declares attributes that a `special` function reads. `check` looks at several attributes at once; `open`
/// lets unknown ones pass; `absent default` makes the type `Default`.
macro_rules! object {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident as $expected:literal {
            $( $(#[doc = $fdoc:literal])* pub $field:ident as $key:literal : $ty:ty = $rule:expr, $mode:ident $(($($arg:expr),*))? $(, for $consumer:ident)? ; )*
        }
        $( ignored { $( $(#[doc = $idoc:literal])* $ikey:literal = $irule:expr; )* } )?
        $( silent { $( $(#[doc = $sdoc:literal])* $skey:literal = $srule:expr; )* } )?
        $( also { $( $(#[doc = $adoc:literal])* $akey:literal = $arule:expr; )* } )?
        $( check $check:expr; )?
        $( open $open:tt; )?
        $( absent $absent:tt; )?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $fdoc])* pub $field: $ty, )*
        }

        impl $crate::config::decode::Object for $name {
            const NAME: &'static str = stringify!($name);
            const EXPECTED: &'static str = $expected;

            #[allow(unused_variables)]
            fn read(
                fields: &mut $crate::config::decode::Fields<'_>,
                cx: &mut $crate::config::decode::Context<'_>,
            ) -> Option<Self> {
                let before = cx.errors();
                // One tuple, so that no field's name hides what a later rule calls.
                let ($( $field, )*): ($( Option<$ty>, )*) =
                    ($( $crate::config::decode::macros::read!(fields, cx, $key, $ty, $rule, $mode $(($($arg),*))?), )*);
                $( $( fields.ignored($ikey, &$irule, cx); )* )?
                $( $( fields.given($skey, &$srule, cx); )* )?
                $( { let _ = $open; fields.leave_open(); } )?
                let built = Self { $( $field: $field?, )* };
                if cx.errors() != before {
                    return None;
                }
                $( $check(&built, fields, cx); )?
                (cx.errors() == before).then_some(built)
            }

            #[allow(unused_mut, unused_variables)]
            fn shape(defs: &mut $crate::config::decode::Defs) -> $crate::config::decode::Shape {
                let mut shape = $crate::config::decode::Shape {
                    doc: $crate::config::decode::doc(&[$($doc),*]),
                    ..Default::default()
                };
                $( $crate::config::decode::macros::declare!(shape, defs, $key, [$($fdoc),*], $ty, $rule, $mode $(($($arg),*))?);
                    $( shape.read_by($crate::config::decode::macros::consumer!($consumer)); )? )*
                $( $( shape.fields.push($crate::config::decode::declared(defs, $ikey, &[$($idoc),*], &$irule, $crate::config::decode::Presence::Optional, true)); )* )?
                $( $( shape.fields.push($crate::config::decode::declared(defs, $skey, &[$($sdoc),*], &$srule, $crate::config::decode::Presence::Optional, false)); )* )?
                $( $( shape.fields.push($crate::config::decode::declared(defs, $akey, &[$($adoc),*], &$arule, $crate::config::decode::Presence::Optional, false)); )* )?
                $( { let _ = $open; shape.open = true; } )?
                shape
            }
        }

        impl $crate::config::decode::ReadByProcesses for $name {
            fn forget_the_rest(&mut self) {
                // Any value will do: it is the same on both sides of a comparison.
                $( $( { let _ = $crate::config::decode::macros::consumer!($consumer); self.$field = Default::default(); } )? )*
            }
        }

        $crate::config::decode::macros::absent! { $($absent)? $name { $( $field : $mode $(($($arg),*))? ; )* } }
    };
}

/// `Default` for objects that are declared with `absent default;`: what holds where the object is absent.
macro_rules! absent {
    (default $name:ident { $( $field:ident : $mode:ident $(($($arg:expr),*))? ; )* }) => {
        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::config::decode::macros::default!($mode $(($($arg),*))?), )* }
            }
        }
    };
    ($name:ident { $($rest:tt)* }) => {};
}

/// Who looks at an attribute, other than the processes of the worker.
macro_rules! consumer {
    (kernel) => {
        $crate::config::decode::Consumer::Kernel
    };
    (controller) => {
        $crate::config::decode::Consumer::Controller
    };
}

macro_rules! default {
    (optional) => {
        None
    };
    (default($value:expr)) => {
        $value
    };
    (default($json:expr, $value:expr)) => {
        $value
    };
    ($other:ident) => {
        Default::default()
    };
}

/// Reads one attribute by its presence.
macro_rules! read {
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, required) => {{
        let rule: &dyn $crate::config::decode::Rule<Out = $ty> = &$rule;
        $fields.required($key, rule, $cx)
    }};
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, optional) => {{
        let rule: &dyn $crate::config::decode::Rule<Out = <$ty as $crate::config::decode::Maybe>::Inner> =
            &$rule;
        match $fields.given($key, rule, $cx) {
            None => Some(None),
            Some(None) => None,
            Some(given) => Some(given),
        }
    }};
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, default($value:expr)) => {
        $crate::config::decode::macros::read!($fields, $cx, $key, $ty, $rule, default((), $value))
    };
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, default($json:expr, $value:expr)) => {{
        let rule: &dyn $crate::config::decode::Rule<Out = $ty> = &$rule;
        $fields.given($key, rule, $cx).unwrap_or_else(|| Some($value))
    }};
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, defaulted) => {
        match $fields.given($key, &$rule, $cx) {
            None => {
                let span = $fields.span;
                <$ty as $crate::config::decode::Object>::read(
                    &mut $crate::config::decode::Fields::empty(span),
                    $cx,
                )
            }
            Some(given) => given,
        }
    };
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, flatten) => {
        <$ty as $crate::config::decode::Object>::read($fields, $cx)
    };
    ($fields:ident, $cx:ident, $key:literal, $ty:ty, $rule:expr, special($read:expr, $presence:expr)) => {
        $read($fields, $cx)
    };
}

/// Declares one attribute by its presence.
macro_rules! declare {
    ($shape:ident, $defs:ident, $key:literal, [$($doc:literal),*], $ty:ty, $rule:expr, flatten) => {
        let inner = <$ty as $crate::config::decode::Object>::shape($defs);
        $shape.flatten(inner);
    };
    ($shape:ident, $defs:ident, $key:literal, [$($doc:literal),*], $ty:ty, $rule:expr, special($read:expr, $presence:expr)) => {
        $shape.fields.push($crate::config::decode::declared($defs, $key, &[$($doc),*], &$rule, $presence, false));
    };
    ($shape:ident, $defs:ident, $key:literal, [$($doc:literal),*], $ty:ty, $rule:expr, optional) => {
        let rule: &dyn $crate::config::decode::Rule<Out = <$ty as $crate::config::decode::Maybe>::Inner> = &$rule;
        let presence = $crate::config::decode::Presence::Optional;
        $shape.fields.push($crate::config::decode::declared($defs, $key, &[$($doc),*], rule, presence, false));
    };
    ($shape:ident, $defs:ident, $key:literal, [$($doc:literal),*], $ty:ty, $rule:expr, $mode:ident $(($($arg:expr),*))?) => {
        let rule: &dyn $crate::config::decode::Rule<Out = $ty> = &$rule;
        let presence = $crate::config::decode::macros::presence!($mode $(($($arg),*))?);
        $shape.fields.push($crate::config::decode::declared($defs, $key, &[$($doc),*], rule, presence, false));
    };
}

macro_rules! presence {
    (required) => {
        $crate::config::decode::Presence::Required
    };
    (default($value:expr)) => {
        $crate::config::decode::Presence::Default(serde_json::json!($value))
    };
    (default($json:expr, $value:expr)) => {
        $crate::config::decode::Presence::Default($json)
    };
    (defaulted) => {
        $crate::config::decode::Presence::Default(serde_json::json!({}))
    };
}

/// Declares an object whose attribute (mostly `type`) decides what it is.
macro_rules! tagged {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident as $expected:literal by $tag:literal {
            $( $(#[doc = $vdoc:literal])* $variant:ident($inner:ty) = $value:literal, )*
        }
        $( silent { $( $(#[doc = $sdoc:literal])* $skey:literal = $srule:expr; )* } )?
        $( alias { $( $alias:literal => $meant:literal, $why:literal; )* } )?
        $( finish $finish:expr; )?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        // Read once and kept; the few bytes of the larger variants are not worth a box for every reader.
        #[allow(clippy::large_enum_variant)]
        pub enum $name {
            $( $(#[doc = $vdoc])* $variant($inner), )*
        }

        impl $name {
            /// The word that the configuration uses for it.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => $value, )*
                }
            }
        }

        impl $crate::config::decode::Object for $name {
            const NAME: &'static str = stringify!($name);
            const EXPECTED: &'static str = $expected;

            fn read(
                fields: &mut $crate::config::decode::Fields<'_>,
                cx: &mut $crate::config::decode::Context<'_>,
            ) -> Option<Self> {
                let known = [$($value),*];
                let aliases: &[(&str, &str, &str)] = &[$( $( ($alias, $meant, $why) ),* )?];
                let tag = fields.tag($tag, &known, aliases, cx);
                $( $( fields.given($skey, &$srule, cx); )* )?
                let value = match tag? {
                    $( $value => <$inner as $crate::config::decode::Object>::read(fields, cx).map(Self::$variant), )*
                    _ => None,
                };
                $( let value = $finish(value?, fields, cx); )?
                value
            }

            fn shape(defs: &mut $crate::config::decode::Defs) -> $crate::config::decode::Shape {
                let fields = vec![$( $( $crate::config::decode::declared(defs, $skey, &[$($sdoc),*], &$srule, $crate::config::decode::Presence::Optional, false) ),* )?];
                let variants = vec![$( ($value, {
                    let mut shape = <$inner as $crate::config::decode::Object>::shape(defs);
                    shape.doc = $crate::config::decode::doc(&[$($vdoc),*]);
                    shape
                }) ),*];
                $crate::config::decode::Shape {
                    doc: $crate::config::decode::doc(&[$($doc),*]),
                    fields,
                    variants: Some(($tag, variants)),
                    open: false,
                }
            }
        }
    };
}

/// Declares an enum of words.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident { $( $(#[doc = $vdoc:literal])* $variant:ident = $value:literal, )* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $( $(#[doc = $vdoc])* #[serde(rename = $value)] $variant, )*
        }

        impl $name {
            /// The word the configuration uses.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $value, )* }
            }
        }

        impl $crate::config::decode::Choice for $name {
            const ALL: &'static [(&'static str, Self)] = &[$( ($value, Self::$variant) ),*];
        }
    };
}

pub(crate) use {absent, choice, consumer, declare, default, object, presence, read, tagged};
