//! The families of models whose images are prepared here: one table.

/// How a family of models takes images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Its name, as templates and recipes have it.
    pub name: &'static str,
    /// Sides of a patch in pixels.
    pub patch: u32,
    /// Patches along a side of what becomes one token.
    pub merge: u32,
    /// Copies of a still image along time.
    pub temporal: u32,
    /// Mean of each channel, of values from 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
    /// Fewest pixels, where nobody says otherwise.
    pub min_pixels: u64,
    /// Most pixels, where nobody says otherwise.
    pub max_pixels: u64,
}

/// Patches of an image: along time, height and width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Along time: 1 for an image.
    pub t: u32,
    /// Along the height.
    pub h: u32,
    /// Along the width.
    pub w: u32,
}

const QWEN2_5_VL: Family = Family {
    name: "qwen2.5-vl",
    patch: 14,
    merge: 2,
    temporal: 2,
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
    min_pixels: 3_136,
    max_pixels: 12_845_056,
};

const QWEN3_VL: Family = Family {
    name: "qwen3-vl",
    patch: 16,
    merge: 2,
    temporal: 2,
    mean: [0.5; 3],
    std: [0.5; 3],
    min_pixels: 65_536,
    max_pixels: 16_777_216,
};

impl Family {
    /// All families.
    pub const ALL: [&'static Self; 2] = [&QWEN2_5_VL, &QWEN3_VL];

    /// The family of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|family| family.name == name)
    }

    /// What the sides of a prepared image are multiples of.
    #[must_use]
    pub fn factor(&self) -> u32 {
        self.patch * self.merge
    }

    /// The patches of a prepared image.
    #[must_use]
    pub fn grid(&self, height: u32, width: u32) -> Grid {
        Grid {
            t: 1,
            h: height / self.patch,
            w: width / self.patch,
        }
    }

    /// Tokens that stand for an image of this grid.
    #[must_use]
    pub fn tokens(&self, grid: Grid) -> u32 {
        grid.t * (grid.h / self.merge) * (grid.w / self.merge)
    }
}
