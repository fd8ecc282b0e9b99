//! Power cuts at a random moment of a command: what reached the medium survives.
//!
//! The database lies on an ext4 image, as in the other [power cuts](crate::torture::cuts).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;

use super::bench::{Bench, Work};
use super::desk::Desk;
use crate::torture::campaign::{Campaign, Trials};
use crate::torture::cuts::{IMAGE_BYTES, cut_power};
use crate::torture::mount::{Mount, copy_image, make_image};
use crate::torture::report::Report;

pub(super) fn run(campaign: &Campaign, work: Work) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("care-cuts-").tempdir().context("a folder")?;
    let bench = Bench::make(folder.path(), campaign.seed, &[work])?;
    let laid = folder.path().join("laid");
    make_image(&laid, IMAGE_BYTES)?;
    let mount = Mount::image(&laid, &folder.path().join("mounted"))?;
    Desk { bench: &bench, work, folder: mount.point(), is_in_empty: false }.lay()?;
    mount.unmount()?;
    campaign.run(1, |range, trials| {
        for trial in range {
            let desk = tempfile::Builder::new().prefix("care-cut-").tempdir_in(folder.path()).context("a folder")?;
            match cut(&bench, work, &laid, desk.path(), trial, trials) {
                Ok(true) => trials.passed(work.name()),
                Ok(false) => trials.passed("ended before the cut"),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
        }
        Ok(())
    })
}

/// Cuts the power, and checks the medium. Returns whether the command was still running.
fn cut(bench: &Bench, work: Work, laid: &Path, desk: &Path, trial: u64, trials: &Trials<'_>) -> Result<bool> {
    let (image, cut) = (desk.join("image"), desk.join("cut"));
    copy_image(laid, &image)?;
    let mount = Mount::image(&image, &desk.join("mounted"))?;
    let place = Desk { bench, work, folder: mount.point(), is_in_empty: false };
    let took = bench.took.get(&work).copied().unwrap_or_default();
    let after = trials.random(trial).random_range(Duration::ZERO..=took);
    let has_ended = cut_power(&mut place.command(), after, &image, &cut)?;
    mount.unmount()?;
    let mount = Mount::image(&cut, &desk.join("cut-mounted"))?;
    let place = Desk { bench, work, folder: mount.point(), is_in_empty: false };
    place.go_on(!has_ended, trials).with_context(|| format!("{work:?} in {}", place.folder.display()))?;
    mount.unmount()?;
    Ok(!has_ended)
}
