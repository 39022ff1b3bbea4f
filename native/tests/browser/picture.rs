//! A screenshot's pixels.

/// `rrggbb`, at compile time.
pub(crate) const fn hex(text: &str) -> [u8; 3] {
    const fn digit(b: u8) -> u8 {
        if b.is_ascii_digit() { b - b'0' } else { b - b'a' + 10 }
    }
    let b = text.as_bytes();
    [digit(b[0]) * 16 + digit(b[1]), digit(b[2]) * 16 + digit(b[3]), digit(b[4]) * 16 + digit(b[5])]
}

/// A rectangle of the page, in CSS pixels.
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Rect {
    pub(crate) fn right(&self) -> f64 {
        self.x + self.w
    }
}

/// A decoded screenshot, one pixel a CSS pixel.
pub(crate) struct Picture {
    width: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Picture {
    pub(crate) fn of(png: &[u8]) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut bytes).expect("a frame");
        let width = usize::try_from(info.width).unwrap();
        Self { width, channels: info.color_type.samples(), bytes }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a screen")]
    pub(crate) fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let at = (y.floor() as usize * self.width + x.floor() as usize) * self.channels;
        [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2]]
    }

    /// The share of pixels from `x` to `end` in row `y` that are clearly not `colour`.
    pub(crate) fn share_unlike(&self, colour: [u8; 3], x: f64, end: f64, y: f64) -> f64 {
        let (mut unlike, mut all) = (0.0, 0.0);
        let mut at = x;
        while at < end {
            let off = self.at(at, y).iter().zip(colour).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            unlike += f64::from(u8::from(off > 24));
            all += 1.0;
            at += 1.0;
        }
        unlike / all
    }
}
