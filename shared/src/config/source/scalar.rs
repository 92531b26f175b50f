//! What a plain YAML 1.1 scalar means, and whole numbers as Python's `int()` reads them.

use super::tree::Kind;

/// The value of an unquoted YAML scalar, by the rules of YAML 1.1 as PyYAML implements them.
pub(crate) fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Kind::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Kind::Bool(false),
        _ => {}
    }
    int(text)
        .map(Kind::Int)
        .or_else(|| float(text).map(Kind::Float))
        .unwrap_or_else(|| Kind::String(text.to_owned()))
}

fn sign(text: &str) -> (i128, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (-1, text.get(1..).unwrap_or_default()),
        Some(b'+') => (1, text.get(1..).unwrap_or_default()),
        _ => (1, text),
    }
}

/// `0b101`, `017`, `0x1F`, `8_080`, `2:14:40`; `None` for what YAML 1.1 does not call an integer.
fn int(text: &str) -> Option<i128> {
    let (sign, digits) = sign(text);
    let radix = |digits: &str, radix| {
        let digits = digits.replace('_', "");
        // `from_str_radix` takes a sign of its own.
        digits
            .starts_with(|c: char| c.is_ascii_alphanumeric())
            .then(|| i128::from_str_radix(&digits, radix).ok())?
    };
    let value = if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hex) = digits.strip_prefix("0x") {
        radix(hex, 16)?
    } else if digits == "0" {
        0
    } else if let Some(octal) = digits.strip_prefix('0')
        && !digits.contains(':')
    {
        radix(octal, 8)?
    } else if digits.contains(':') {
        sexagesimal(digits)?
    } else if digits.starts_with(|c: char| c.is_ascii_digit()) {
        radix(digits, 10)?
    } else {
        return None;
    };
    value.checked_mul(sign)
}

/// `[1-9][0-9_]*(:[0-5]?[0-9])+`
fn sexagesimal(text: &str) -> Option<i128> {
    let mut parts = text.split(':');
    let first = parts.next()?;
    if !first.starts_with(|c: char| ('1'..='9').contains(&c))
        || first.contains(|c: char| !c.is_ascii_digit() && c != '_')
    {
        return None;
    }
    parts.try_fold(first.replace('_', "").parse::<i128>().ok()?, |value, part| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let part: i128 = part.parse().ok().filter(|part| digits && *part < 60)?;
        value.checked_mul(60)?.checked_add(part)
    })
}

/// YAML 1.1 floats: a point is required, and an exponent has a sign.
fn float(text: &str) -> Option<f64> {
    let (sign, digits) = sign(text);
    let digits = digits.replace('_', "");
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits.as_str(), None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|text| {
        text.starts_with(['+', '-']) && text.len() > 1 && all_digits(text.get(1..).unwrap_or_default())
    });
    if !all_digits(whole)
        || !all_digits(fraction)
        || (whole.is_empty() && fraction.is_empty())
        || !exponent_ok
    {
        return None;
    }
    let text =
        format!("{}.{}e{}", if whole.is_empty() { "0" } else { whole }, fraction, exponent.unwrap_or("0"));
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value * sign as f64)
}

/// First characters of the runs of ten decimal digits in Unicode (general category Nd) that keyboards produce.
const ZEROS: [u32; 37] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

/// A whole number as Python's `int()` takes it from a string: surrounding space, a sign, single underscores
/// between digits, and decimal digits of any script. Crossbar.io reads port variables so.
pub(crate) fn python_int(text: &str) -> Option<i128> {
    let (sign, digits) = sign(text.trim());
    let mut value: Option<i128> = None;
    let mut underscore = false;
    for c in digits.chars() {
        if c == '_' {
            if value.is_none() || underscore {
                return None;
            }
            underscore = true;
            continue;
        }
        let code = u32::from(c);
        let digit = ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|digit| *digit < 10))?;
        value = Some(value.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
        underscore = false;
    }
    value.filter(|_| !underscore)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_pyyaml_reads() {
        let cases = [
            ("017620", Kind::Int(8080)),
            ("0x1F90", Kind::Int(8080)),
            ("8_080", Kind::Int(8080)),
            ("2:14:40", Kind::Int(8080)),
            ("0b11", Kind::Int(3)),
            ("-12", Kind::Int(-12)),
            ("+12", Kind::Int(12)),
            ("0", Kind::Int(0)),
            ("yes", Kind::Bool(true)),
            ("off", Kind::Bool(false)),
            ("~", Kind::Null),
            ("1.5", Kind::Float(1.5)),
            ("1.5e+3", Kind::Float(1500.0)),
            (".5", Kind::Float(0.5)),
            ("1e3", Kind::String("1e3".into())),
            ("08", Kind::String("08".into())),
            ("y", Kind::String("y".into())),
            ("127.0.0.1", Kind::String("127.0.0.1".into())),
            ("::1", Kind::String("::1".into())),
            ("0x", Kind::String("0x".into())),
            ("1:99", Kind::String("1:99".into())),
            (".", Kind::String(".".into())),
            ("--1", Kind::String("--1".into())),
        ];
        for (text, kind) in cases {
            assert_eq!(plain_scalar(text), kind, "{text}");
        }
    }

    #[test]
    fn port_variables_are_read_as_python_does() {
        for text in ["8080", " 8080 ", "8_080", "+8080", "٨٠٨٠", "８０８０"] {
            assert_eq!(python_int(text), Some(8080), "{text}");
        }
        for text in ["", " ", "_8", "8_", "8__0", "0x10", "8.0", "eight", "-"] {
            assert_eq!(python_int(text), None, "{text}");
        }
    }
}
