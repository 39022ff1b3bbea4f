//! Real programs under every way of recording: is the trace sound, does the model agree with the kernel, was anything lost, and
//! did the program notice?

use crate::paths;
use crate::run::{self, cargo, command};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const BACKENDS: [&str; 2] = ["ptrace", "perf"];

/// A program, as a shell script whose output is the same each time.
struct Animal {
    name: &'static str,
    /// What must be there.
    needs: &'static [&'static str],
    script: &'static str,
}

/// `$TESTED` is the program of the recorder's own tests, `$FILES` a folder with things to work on, `$WORK` an empty one.
const ALL: &[Animal] = &[
    Animal { name: "true", needs: &[], script: "exec /bin/true" },
    Animal { name: "ls -R", needs: &[], script: "exec ls -R /usr/share" },
    Animal {
        name: "sh, pipes",
        needs: &[],
        script: "ls /usr/bin | sort | uniq | wc -l; for i in 1 2 3 4 5; do echo $i | cat | tr 1-5 a-e; done; exit 5",
    },
    Animal {
        name: "python imports",
        needs: &["python3"],
        script: "exec python3 -c 'import json,ssl,asyncio,decimal; print(json.dumps([1]))'",
    },
    Animal {
        name: "python, 8 threads",
        needs: &["python3"],
        script: "exec python3 -c '
import threading
def work(n):
    for i in range(60): b = [bytearray(1 << (10 + (i + n) % 12)) for _ in range(20)]
all = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in all]; [t.join() for t in all]; print(len(all))'",
    },
    Animal {
        name: "gcc",
        needs: &["gcc"],
        script: "gcc -O2 -pthread -c -o $WORK/x.o $FILES/program.c && cksum < $WORK/x.o",
    },
    Animal {
        name: "cargo build",
        needs: &["cargo"],
        script: "cd $FILES/crate && CARGO_TARGET_DIR=$WORK/t cargo build --offline --quiet && $WORK/t/debug/small",
    },
    Animal {
        name: "node",
        needs: &["node"],
        script: "exec node -e 'let a=[];for(let i=0;i<2e5;i++)a.push({i});console.log(a.length)'",
    },
    Animal {
        name: "git",
        needs: &["git"],
        script: "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_DATE='1 +0000' GIT_COMMITTER_DATE='1 +0000'
cd $WORK && git init -q . && cp -r $FILES . && git add . && git -c user.name=a -c user.email=b commit -qm x && git gc -q && git log --stat && git fsck",
    },
    Animal {
        name: "sort 50 MB",
        needs: &[],
        script: "sort --parallel=2 -S 32M -T $WORK $FILES/numbers | cksum",
    },
    Animal {
        name: "sqlite3",
        needs: &["sqlite3"],
        script: "sqlite3 $WORK/x.db 'pragma mmap_size=67108864; create table t(a,b); with recursive c(i) as (select 1 union all select i+1 from c where i<50000) insert into t select i,hex(i) from c; create index x on t(b); select count(*),max(b) from t; vacuum;'",
    },
    Animal {
        name: "redis",
        needs: &["redis-server", "redis-benchmark"],
        script: "redis-server --port 0 --unixsocket $WORK/s --dir $WORK --save '' --logfile $WORK/log & server=$!
until redis-cli -s $WORK/s ping > $WORK/out 2>&1; do sleep 0.05; done
redis-benchmark -s $WORK/s -n 3000 -d 3000 -r 1000 -t set,get,lpush -q > $WORK/out
redis-cli -s $WORK/s bgsave; sleep 0.3; redis-cli -s $WORK/s dbsize | sed 's/[0-9]*$/n/'; redis-cli -s $WORK/s shutdown nosave; wait $server",
    },
    Animal {
        name: "chromium",
        needs: &["chromium"],
        script: "exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --user-data-dir=$WORK --dump-dom file://$FILES/page.html 2> $WORK/err",
    },
    Animal { name: "MAP_FIXED", needs: &[], script: "$TESTED fixed | wc -l" },
    Animal { name: "fork, threads map", needs: &[], script: "exec $TESTED fork-while-mapping 50" },
    Animal { name: "SIGSEGV, guard", needs: &[], script: "$TESTED segv | wc -l; exec $TESTED segv > $WORK/out" },
    Animal { name: "200 threads", needs: &[], script: "exec $TESTED many-threads 200" },
    Animal { name: "2,000 forks", needs: &[], script: "exec $TESTED many-forks 2000" },
    Animal { name: "60,000 mappings", needs: &[], script: "$TESTED many-mappings 60000 > $WORK/out; echo $?" },
];

/// Records all whose names contain `filter`; prints a table.
pub(crate) fn visit(filter: &str, keep: bool, pagescope: Option<PathBuf>) -> Result<()> {
    let scratch = paths::target()?.join("zoo");
    let files = prepare(&scratch)?;
    let pagescope = match pagescope {
        Some(built) => built.canonicalize().with_context(|| built.display().to_string())?,
        None => {
            run::run(cargo().args(["build", "--locked", "--release", "-p", "pagescope"]))?;
            paths::target()?.join("release/pagescope")
        }
    };
    let backends = allowed(&pagescope, &scratch);
    println!("| program | backend | events | faults | processes | lost | drift | sound | as without us |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut bad = 0;
    for animal in ALL.iter().filter(|animal| animal.name.contains(filter)) {
        if let Some(missing) = animal.needs.iter().find(|name| paths::find_program(&[name]).is_none()) {
            println!("| {} | | MISSING: no {missing} on PATH | | | | | | |", animal.name);
            bad += 1;
            continue;
        }
        let shell = |of: &Path| {
            let mut shell = command(of);
            shell.env("TESTED", files.join("program")).env("FILES", &files).env("WORK", scratch.join("work"));
            shell.stdin(Stdio::null());
            shell
        };
        let alone = fresh(&scratch, shell(Path::new("sh")).args(["-c", animal.script]))?;
        for backend in &backends {
            let trace = scratch.join(format!("{}-{backend}.pscope", animal.name.replace(['/', ' '], "_")));
            let mut recorder = shell(&pagescope);
            recorder.args(["record", "--quiet", "--backend", backend, "-o"]).arg(&trace);
            let recorded = fresh(&scratch, recorder.args(["--", "sh", "-c", animal.script]))?;
            bad += usize::from(!told(animal.name, backend, &pagescope, &trace, (&alone, &recorded))?);
            if !keep {
                fs::remove_file(&trace).with_context(|| trace.display().to_string())?;
            }
        }
    }
    if bad > 0 {
        bail!("{bad} rows are not as they should be");
    }
    Ok(())
}

/// The backends that may be used here; others are named.
fn allowed(pagescope: &Path, scratch: &Path) -> Vec<&'static str> {
    let trace = scratch.join("probe.pscope");
    let may = |backend: &&str| {
        let mut probe = command(pagescope);
        probe.args(["record", "--quiet", "--backend", backend, "-o"]).arg(&trace).args(["--", "true"]);
        let answer = probe.output();
        let may = answer.as_ref().is_ok_and(|output| output.status.success());
        if !may {
            let why = answer.map(|o| String::from_utf8_lossy(&o.stderr).into_owned()).unwrap_or_default();
            eprintln!("backend {backend} is MISSING here: {}", why.trim_end());
        }
        may
    };
    let found = BACKENDS.into_iter().filter(may).collect();
    let _ = fs::remove_file(&trace);
    found
}

/// Runs with an empty folder to work in.
fn fresh(scratch: &Path, cmd: &mut Command) -> Result<Output> {
    let work = scratch.join("work");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    cmd.output().with_context(|| format!("cannot start `{}`", run::shown(cmd)))
}

/// One row; whether all of it is well.
fn told(name: &str, backend: &str, pagescope: &Path, trace: &Path, both: (&Output, &Output)) -> Result<bool> {
    let (alone, recorded) = both;
    let mut info = command(pagescope);
    let info = run::capture(info.arg("info").arg(trace).arg("--json")).context("pagescope info failed")?;
    let info: Value = serde_json::from_str(&info)?;
    let number = |name: &str| info[name].as_u64().unwrap_or(0);
    let faults: u64 = info["faults"].as_object().into_iter().flatten().filter_map(|f| f.1.as_u64()).sum();
    let processes = info["processes"].as_array().map_or(0, Vec::len);
    let mut check = command(pagescope);
    let check = check.arg("check").arg(trace).output().context("pagescope check cannot be started")?;
    let mut same = String::from("yes");
    // A signal is told as a shell tells it.
    let code = alone.status.code().or(alone.status.signal().map(|signal| 128 + signal));
    if code != recorded.status.code() {
        same = format!("{} instead of {}", recorded.status, alone.status);
    } else if alone.stdout != recorded.stdout || alone.stderr != recorded.stderr {
        same = "other output".to_owned();
        eprintln!("{name}, {backend}: {}", String::from_utf8_lossy(&recorded.stderr));
    }
    let sound = if check.status.success() { "yes" } else { "NO" };
    println!(
        "| {name} | {backend} | {} | {faults} | {processes} | {} | {} | {sound} | {same} |",
        number("events"),
        number("lost"),
        number("drift"),
    );
    if !check.status.success() {
        eprint!(
            "{}",
            String::from_utf8_lossy(&check.stdout)
                .lines()
                .take(3)
                .fold(String::new(), |all, line| all + line + "\n")
        );
    }
    Ok(check.status.success() && same == "yes" && number("lost") + number("drift") == 0)
}

/// What the programs work on.
fn prepare(scratch: &Path) -> Result<PathBuf> {
    let files = scratch.join("files");
    let source = paths::root().join("native/tests/recorder/program.c");
    fs::create_dir_all(files.join("crate/src")).with_context(|| files.display().to_string())?;
    fs::copy(&source, files.join("program.c"))?;
    let cc = paths::find_program(&["cc", "gcc"]).context("no C compiler on PATH")?;
    run::run(command(cc).args(["-O1", "-pthread", "-o"]).arg(files.join("program")).arg(&source))?;
    let mut numbers = String::new();
    let mut state = 1u64;
    while numbers.len() < 50_000_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        numbers.push_str(&format!("{}\n", state >> 24));
    }
    fs::write(files.join("numbers"), numbers)?;
    fs::write(
        files.join("page.html"),
        "<!doctype html><p id=p>a</p><script>p.textContent='it ran'</script>",
    )?;
    let manifest = "[package]\nname='small'\nversion='0.1.0'\nedition='2021'\n[workspace]\n";
    fs::write(files.join("crate/Cargo.toml"), manifest)?;
    fs::write(files.join("crate/src/main.rs"), "fn main() { println!(\"{:?}\", vec![1; 3]) }\n")?;
    Ok(files)
}
