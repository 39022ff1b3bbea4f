//! Debian packages, where the person may install them.

use crate::paths;
use crate::run::{self, command};
use anyhow::{Result, bail};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::Mutex;

/// apt refuses to run twice at once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Installs packages, or says how the person can.
pub(crate) fn install(label: &str, packages: &[&str]) -> Result<()> {
    let _guard = ONE_AT_A_TIME.lock();
    let has_sudo = paths::find_program(&["sudo"]).is_some();
    let by_hand = by_hand(has_sudo, packages);
    if paths::find_program(&["apt-get"]).is_none() {
        bail!(
            "this machine has no apt-get; install with its own package manager what Debian calls {}",
            packages.join(", ")
        );
    }
    let Some(prefix) = prefix() else {
        let why = if has_sudo { "sudo asks for a password" } else { "there is no sudo" };
        bail!("installing needs root, and {why}; run this, then again what you ran: {by_hand}");
    };
    let log = paths::cache()?.join("logs/apt.log");
    let first = run::run_logged(label, &mut install_command(prefix, packages), &log, None);
    if first.is_ok() {
        return Ok(());
    }
    // Missing or stale package lists: the usual reason on a fresh machine.
    let mut update = apt(prefix);
    update.arg("update");
    let updated = run::run_logged(label, &mut update, &log, None);
    let second = run::run_logged(label, &mut install_command(prefix, packages), &log, None);
    match (second, updated) {
        (Ok(()), _) => Ok(()),
        (Err(e), Ok(())) => Err(e.context(format!("apt-get failed; by hand: {by_hand}"))),
        (Err(_), Err(e)) => Err(e.context("the package lists cannot be read: is there a network?")),
    }
}

/// What a person types.
fn by_hand(has_sudo: bool, packages: &[&str]) -> String {
    let packages = packages.join(" ");
    if has_sudo {
        format!("sudo apt-get install {packages}")
    } else {
        format!("su -c 'apt-get install {packages}'")
    }
}

/// What stands before `apt-get`: nothing for root, sudo where it asks nothing.
fn prefix() -> Option<&'static [&'static str]> {
    if std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0) {
        return Some(&[]);
    }
    run::capture(command("sudo").args(["-n", "true"])).map(|_| ["sudo", "-n"].as_slice())
}

fn apt(prefix: &[&str]) -> Command {
    let words = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]].concat();
    let mut cmd = command(words[0]);
    cmd.args(&words[1..]);
    cmd.args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    cmd
}

fn install_command(prefix: &[&str], packages: &[&str]) -> Command {
    let mut cmd = apt(prefix);
    // `--no-remove`: rather fail than take away a package of the person's.
    cmd.args(["install", "-y", "--no-remove", "--no-install-recommends"]);
    cmd.args(packages);
    cmd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_can_be_typed_here() {
        assert_eq!(by_hand(true, &["gcc", "libc6-dev"]), "sudo apt-get install gcc libc6-dev");
        assert_eq!(by_hand(false, &["gcc", "libc6-dev"]), "su -c 'apt-get install gcc libc6-dev'");
    }

    #[test]
    fn nothing_of_the_persons_is_removed_or_asked() {
        let cmd = install_command(&["sudo", "-n"], &["chromium"]);
        assert_eq!(
            run::shown(&cmd),
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 \
             install -y --no-remove --no-install-recommends chromium"
        );
    }
}
