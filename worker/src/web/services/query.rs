//! What stands behind the question mark of an address.

use percent_encoding::percent_decode_str;
use std::collections::HashMap;

/// The fields of a query; of several with one name the last counts.
pub(in crate::web) fn query(text: &str) -> HashMap<String, String> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
