//! Floats without the tables that the standard library brings for them: ten kilobytes for reading any decimal exactly, four
//! for powers of two. What the page reads and draws is shorter and coarser than these care for.

/// The number that a text is: digits, perhaps with a sign and a point. To the last digit as long as it has no more than fifteen.
pub fn decimal(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let (mut number, mut below) = (0.0, 1.0);
    for digit in whole.bytes().chain(part.bytes()) {
        number = number * 10.0 + f64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    part.bytes().for_each(|_| below *= 10.0);
    let number: f64 = sign * number / below;
    number.is_finite().then_some(number)
}

/// The number of pixels that a computed style names.
pub fn pixels(text: &str) -> Option<f64> {
    decimal(text.trim().trim_end_matches("px"))
}

/// A whole number as JavaScript has it: rounded down, and no more than floats are exact for.
pub fn whole(x: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what is exact")]
    let n = x.clamp(0.0, 9.0e15) as u64;
    n
}

/// 2^x; exact for whole x from -1022 to 1023.
pub fn exp2(x: f64) -> f64 {
    let whole = x.floor().clamp(-1022.0, 1023.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 2046")]
    let exponent = (whole + 1023.0) as u64;
    f64::from_bits(exponent << 52) * ((x - whole) * std::f64::consts::LN_2).exp()
}

/// The largest power of ten that is no more than `x`, which is above 0 and finite.
pub fn ten_below(x: f64) -> f64 {
    let mut power = 1.0;
    if x >= 1.0 {
        while power * 10.0 <= x {
            power *= 10.0;
        }
        return power;
    }
    while 1.0 / power > x && power < 1e300 {
        power *= 10.0;
    }
    1.0 / power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        for text in ["0", "13", "12.5", "-0.25", ".5", "7.", "1280.984375", "0.85", "1000000"] {
            assert_eq!(decimal(text), text.parse().ok(), "{text}");
        }
        for text in ["", ".", "-", "x", "1e5", "inf", "NaN", "1.2.3", "+1", " 1", &"9".repeat(400)] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(pixels("13.5px"), Some(13.5));
        assert_eq!(pixels("auto"), None);
    }

    #[test]
    fn powers() {
        for n in -60..=60i32 {
            assert_eq!(exp2(f64::from(n)).to_bits(), 2f64.powi(n).to_bits(), "{n}");
        }
        for x in [-3.7, 0.1, 0.5, 11.999, 36.25] {
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-14, "{x}");
        }
        assert!(exp2(f64::NAN).is_nan());
        for (x, below) in
            [(1.0, 1.0), (9.99, 1.0), (10.0, 10.0), (12_345.0, 1e4), (0.5, 0.1), (0.1, 0.1), (0.099, 0.01)]
        {
            assert!((ten_below(x) / below - 1.0).abs() < 1e-12, "{x}");
        }
        assert!(ten_below(f64::MIN_POSITIVE) > 0.0 && ten_below(f64::MAX) > 1e300);
    }
}
