//! Cleans up after a test process that died without running its destructors.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads process ids, one a line, the last one counts (an empty line: none). At the end of its input it stops
/// that process and deletes the folder.
const SCRIPT: &str = r#"
pid=
while IFS= read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -QUIT "$pid" 2>/dev/null
    n=0
    while [ $n -lt 20 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.05; n=$((n + 1)); done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
"#;

/// Holds the writing end of the pipe; its end is the signal, whatever ended us.
#[derive(Debug)]
pub(crate) struct Reaper {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// A reaper for one folder.
    pub(crate) fn watch(folder: &Path) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A separate process group: Ctrl-C in the terminal must not end it before it has done its work.
            .process_group(0)
            .current_dir("/")
            .spawn()
            .expect("start the reaper");
        let pipe = child.stdin.take();
        Self { child, pipe }
    }

    /// From now on this process must be stopped at the end; `None`: no process.
    pub(crate) fn process(&mut self, pid: Option<u32>) {
        if let Some(pipe) = &mut self.pipe {
            let line = pid.map_or(String::new(), |p| p.to_string());
            writeln!(pipe, "{line}").and_then(|()| pipe.flush()).expect("tell the reaper");
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait();
    }
}
