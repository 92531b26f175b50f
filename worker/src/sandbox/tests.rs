//! Tries what a confined process must not do, and what it must still be able to. All of it holds for one thread and
//! those it starts, so each test confines a thread of its own.

use super::*;
use jackfield_shared::config;
use jackfield_tests::TempDir;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{Pid, Signal, getppid, kill_process, test_kill_process};
use rustix::thread::{CapabilitySet, capabilities};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

fn confined(needs: Needs, then: impl FnOnce() + Send + 'static) {
    let run = move || {
        confine(Sandbox::On, &needs).unwrap();
        then();
    };
    thread::spawn(run).join().unwrap();
}

fn needs_of(transport: &str) -> Needs {
    let text = format!(r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{transport}]}}]}}"#);
    let loaded = config::parse(&text, config::Format::Json, "test", "/".as_ref(), &|_| None);
    assert!(loaded.is_valid(), "{:?}", loaded.diagnostics);
    Needs::of(&loaded.node.unwrap().workers[0])
}

fn refused<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("must be refused").kind()
}

#[test]
fn files_are_read_where_the_configuration_says_and_nowhere_else() {
    let temp = TempDir::new();
    let (web, other) = (temp.path().join("web"), temp.path().join("other"));
    for directory in [&web, &other] {
        fs::create_dir(directory).unwrap();
        fs::write(directory.join("file"), "text").unwrap();
    }
    let needs = needs_of(&format!(
        r#"{{"type": "web", "endpoint": {{"type": "tcp", "port": 8080}},
            "paths": {{"/": {{"type": "static", "directory": "{}"}}}}}}"#,
        web.display()
    ));
    confined(needs, move || {
        assert_eq!(fs::read_to_string(web.join("file")).unwrap(), "text");
        assert_eq!(fs::read_dir(&web).unwrap().count(), 1);
        for secret in [other.join("file"), "/etc/passwd".into(), "/proc/1/environ".into()] {
            assert_eq!(refused(File::open(secret)), ErrorKind::PermissionDenied);
        }
        assert_eq!(refused(File::create(web.join("new"))), ErrorKind::PermissionDenied);
        assert_eq!(refused(fs::remove_file(web.join("file"))), ErrorKind::PermissionDenied);
        assert_eq!(refused(fs::rename(web.join("file"), web.join("moved"))), ErrorKind::PermissionDenied);
    });
}

#[test]
fn no_port_is_opened_and_only_those_of_the_backends_are_connected_to() {
    let [backend, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [allowed, denied] = [&backend, &other].map(|listener| listener.local_addr().unwrap());
    let needs = needs_of(&format!(
        r#"{{"type": "stream.relay", "endpoint": {{"type": "tcp", "port": 8080}},
            "backends": [{{"type": "tcp", "host": "127.0.0.1", "port": {}}}]}}"#,
        allowed.port()
    ));
    confined(needs, move || {
        TcpStream::connect(allowed).unwrap();
        assert_eq!(refused(TcpStream::connect(denied)), ErrorKind::PermissionDenied);
        assert_eq!(refused(TcpListener::bind("127.0.0.1:0")), ErrorKind::PermissionDenied);
    });
    let relay_to_unix = r#"{"type": "stream.relay", "endpoint": {"type": "tcp", "port": 8080},
        "backends": [{"type": "unix", "path": "/run/backend"}]}"#;
    confined(needs_of(relay_to_unix), move || {
        assert_eq!(refused(TcpStream::connect(allowed)), ErrorKind::PermissionDenied);
        // A path that is not there is found not to be there: Unix sockets are not held back.
        assert_eq!(refused(UnixStream::connect("/nonexistent")), ErrorKind::NotFound);
    });
}

#[test]
fn names_are_looked_up_where_a_backend_has_one() {
    let relay = r#"{"type": "stream.relay", "endpoint": {"type": "tcp", "port": 8080},
        "backends": [{"type": "tcp", "host": "localhost", "port": 80}]}"#;
    confined(needs_of(relay), || {
        let addresses: Vec<_> = ("localhost", 80).to_socket_addrs().unwrap().collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
        assert!(!addresses.is_empty());
    });
}

#[test]
fn no_program_is_started_and_no_other_process_reached() {
    confined(Needs::nothing(), || {
        assert_eq!(refused(Command::new("/bin/true").spawn()), ErrorKind::PermissionDenied);
        // Threads are.
        assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
        let parent = getppid().unwrap();
        assert_eq!(kill_process(parent, Signal::CONT), Err(Errno::PERM));
        assert_eq!(test_kill_process(Pid::INIT), Err(Errno::PERM));
        let packet = socket(AddressFamily::PACKET, SocketType::DGRAM, None);
        assert_eq!(packet.map(drop), Err(Errno::PERM));
        assert_eq!(rustix::process::chroot("/"), Err(Errno::PERM));
    });
}

#[test]
fn nothing_is_changed_about_files_and_about_other_processes() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = TempDir::new();
    let path = temp.path().join("file");
    fs::write(&path, "text").unwrap();
    let open = File::open(&path).unwrap();
    let run = {
        let path = path.clone();
        move || {
            let mode = || fs::Permissions::from_mode(0o4777);
            assert_eq!(refused(fs::set_permissions(&path, mode())), ErrorKind::PermissionDenied);
            assert_eq!(refused(open.set_permissions(mode())), ErrorKind::PermissionDenied);
            assert_eq!(refused(std::os::unix::fs::chown(&path, Some(7), None)), ErrorKind::PermissionDenied);
            assert_eq!(refused(std::os::unix::fs::lchown(&path, Some(7), None)), ErrorKind::PermissionDenied);
            assert_eq!(refused(std::os::unix::fs::fchown(&open, Some(7), None)), ErrorKind::PermissionDenied);
            let then = std::time::SystemTime::UNIX_EPOCH;
            assert_eq!(refused(open.set_modified(then)), ErrorKind::PermissionDenied);
            let name = "user.jackfield";
            let flags = rustix::fs::XattrFlags::empty();
            assert_eq!(rustix::fs::setxattr(&path, name, b"x", flags), Err(Errno::PERM));
            assert_eq!(rustix::fs::fsetxattr(&open, name, b"x", flags), Err(Errno::PERM));
            let parent = getppid();
            let all = rustix::process::Rlimit { current: None, maximum: None };
            let limited = rustix::process::prlimit(parent, rustix::process::Resource::Nproc, all);
            assert_eq!(limited.map(drop), Err(Errno::PERM));
            let cpus = rustix::thread::sched_getaffinity(None).unwrap();
            assert_eq!(rustix::thread::sched_setaffinity(parent, &cpus), Err(Errno::PERM));
            rustix::thread::sched_setaffinity(None, &cpus).unwrap();
            assert_eq!(rustix::process::setpriority_process(parent, 0), Err(Errno::PERM));
            let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
            rustix::process::setrlimit(rustix::process::Resource::Nofile, own).unwrap();
        }
    };
    confined(Needs::nothing(), run);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o644);
}

#[test]
fn who_makes_files_may_give_them_their_mode_and_no_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = TempDir::new();
    let directory = temp.path().to_owned();
    confined(Needs::of_fetching(&directory), move || {
        let file = File::create(directory.join("new")).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        let mode = fs::Permissions::from_mode(0o666);
        assert_eq!(refused(fs::set_permissions(directory.join("new"), mode)), ErrorKind::PermissionDenied);
    });
}

#[test]
fn no_datagram_goes_anywhere_unless_names_are_looked_up() {
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        confined(Needs::nothing(), move || {
            for kind in [SocketType::DGRAM, SocketType::RAW, SocketType::SEQPACKET] {
                assert_eq!(socket(family, kind, None).map(drop), Err(Errno::PERM), "{kind:?}");
            }
            let flags = rustix::net::SocketFlags::CLOEXEC;
            let with_flags = rustix::net::socket_with(family, SocketType::DGRAM, flags, None);
            assert_eq!(with_flags.map(drop), Err(Errno::PERM));
            assert_ne!(socket(family, SocketType::STREAM, None).map(drop), Err(Errno::PERM));
            assert_eq!(socket(AddressFamily::NETLINK, SocketType::RAW, None).map(drop), Err(Errno::PERM));
        });
    }
    let relay = r#"{"type": "stream.relay", "endpoint": {"type": "tcp", "port": 8080},
        "backends": [{"type": "tcp", "host": "localhost", "port": 80}]}"#;
    confined(needs_of(relay), || {
        socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
        assert_eq!(socket(AddressFamily::INET, SocketType::RAW, None).map(drop), Err(Errno::PERM));
    });
}

#[test]
fn programs_keep_their_files_and_leave_other_processes_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = TempDir::new();
    let path = temp.path().join("file");
    fs::write(&path, "text").unwrap();
    confined(Needs::of_programs(), move || {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let all = rustix::process::Rlimit { current: None, maximum: None };
        let limited = rustix::process::prlimit(getppid(), rustix::process::Resource::Nproc, all);
        assert_eq!(limited.map(drop), Err(Errno::PERM));
        assert_eq!(rustix::process::setpriority_process(getppid(), 0), Err(Errno::PERM));
        let cpus = rustix::thread::sched_getaffinity(None).unwrap();
        assert_eq!(rustix::thread::sched_setaffinity(getppid(), &cpus), Err(Errno::PERM));
    });
}

#[test]
fn root_keeps_the_right_to_files_and_no_other() {
    confined(Needs::nothing(), || {
        let files = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
        let held = capabilities(None).unwrap();
        for set in [held.effective, held.permitted, held.inheritable] {
            assert!(files.contains(set), "{set:?}");
        }
        assert!(rustix::thread::no_new_privs().unwrap());
    });
}

#[test]
fn what_is_switched_off_changes_nothing() {
    let run = || {
        confine(Sandbox::Off, &Needs::nothing()).unwrap();
        File::open("/etc/passwd").unwrap();
        assert!(!rustix::thread::no_new_privs().unwrap());
    };
    thread::spawn(run).join().unwrap();
}
