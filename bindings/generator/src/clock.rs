//! Timestamps in the formats of the sources.

use crate::json::padded;

/// Formats times and caches the last second, because times in a log are in order and often share it.
#[derive(Debug)]
pub(crate) struct Clock {
    second: u64,
    date: [u8; 10],
    time: [u8; 8],
}

impl Clock {
    /// A clock at the epoch.
    pub(crate) fn new() -> Self {
        let mut clock = Self { second: 0, date: [0; 10], time: [0; 8] };
        clock.turn_to(0);
        clock
    }

    /// `2019-08-13 19:15:00.123000`, as in Airship's Custom Events sample.
    pub(crate) fn write_micros(&mut self, out: &mut Vec<u8>, ms: u64) {
        self.write_millis(out, ms, b' ');
        out.extend_from_slice(b"000");
    }

    /// `2016-05-23T17:34:40.525Z`, as in Airship's data stream.
    pub(crate) fn write_zulu(&mut self, out: &mut Vec<u8>, ms: u64) {
        self.write_millis(out, ms, b'T');
        out.push(b'Z');
    }

    /// `2018-04-24T08:18:42.089895Z`, as in SuperOffice's webhooks: ticks of 100 ns without trailing zeros.
    pub(crate) fn write_ticks(&mut self, out: &mut Vec<u8>, ms: u64, ticks: u64) {
        self.write_millis(out, ms, b'T');
        out.extend_from_slice(&padded::<4>(ticks));
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
        out.push(b'Z');
    }

    fn write_millis(&mut self, out: &mut Vec<u8>, ms: u64, between: u8) {
        self.turn_to(ms / 1000);
        out.extend_from_slice(&self.date);
        out.push(between);
        out.extend_from_slice(&self.time);
        out.push(b'.');
        out.extend_from_slice(&padded::<3>(ms % 1000));
    }

    fn turn_to(&mut self, second: u64) {
        if second == self.second && self.date[0] != 0 {
            return;
        }
        self.second = second;
        let (year, month, day) = civil(second / 86_400);
        self.date[..4].copy_from_slice(&padded::<4>(year));
        self.date[4..].copy_from_slice(b"-00-00");
        self.date[5..7].copy_from_slice(&padded::<2>(month));
        self.date[8..].copy_from_slice(&padded::<2>(day));
        let of_day = second % 86_400;
        self.time.copy_from_slice(b"00:00:00");
        self.time[..2].copy_from_slice(&padded::<2>(of_day / 3600));
        self.time[3..5].copy_from_slice(&padded::<2>(of_day / 60 % 60));
        self.time[6..].copy_from_slice(&padded::<2>(of_day % 60));
    }
}

/// Year, month and day of a number of days since the epoch: Howard Hinnant's `civil_from_days` for days after the epoch.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // since 0000-03-01
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Clock, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut Clock::new(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_source_has_its_form() {
        let ms = 1_627_535_468_595;
        assert_eq!(written(|c, o| c.write_micros(o, ms)), "2021-07-29 05:11:08.595000");
        assert_eq!(written(|c, o| c.write_zulu(o, ms)), "2021-07-29T05:11:08.595Z");
        assert_eq!(written(|c, o| c.write_ticks(o, ms, 1234)), "2021-07-29T05:11:08.5951234Z");
        assert_eq!(written(|c, o| c.write_ticks(o, ms, 1200)), "2021-07-29T05:11:08.59512Z");
        assert_eq!(written(|c, o| c.write_ticks(o, ms - 595, 0)), "2021-07-29T05:11:08Z");
    }

    #[test]
    fn dates_are_right_at_the_edges() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(19_722), (2023, 12, 31));
        assert_eq!(civil(2_932_896), (9999, 12, 31));
    }

    #[test]
    fn the_clock_moves_on() {
        let mut clock = Clock::new();
        let mut out = Vec::new();
        clock.write_zulu(&mut out, 999);
        clock.write_zulu(&mut out, 86_400_000);
        assert_eq!(out, b"1970-01-01T00:00:00.999Z1970-01-02T00:00:00.000Z");
    }
}
