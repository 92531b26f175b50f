use super::*;
use jackfield_tests::TempDir;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

fn tcp(interface: &str, port: u16, shared: bool) -> ListeningEndpoint {
    ListeningEndpoint::Tcp(TcpListening { shared, ..TcpListening::at(interface, port) })
}

/// A port of this address that nobody has.
fn free_port(ip: &str) -> u16 {
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port()
}

fn wanted<'a>(worker: &'a str, endpoint: &'a ListeningEndpoint, processes: usize) -> Wanted<'a> {
    Wanted { worker, transport: "transport001", endpoint, processes }
}

fn bind(former: &[Bound], all: &[Wanted<'_>]) -> (Vec<Bound>, Vec<Adjustment>) {
    let names = Names::default();
    let mut binder = Binder::new(former.iter().collect(), &[], "/nowhere".into(), &names);
    all.iter().for_each(|wanted| binder.reserve(wanted));
    let mut bounds: Vec<_> = all.iter().map(|wanted| binder.bind(wanted).unwrap()).collect();
    let adjustments = binder.finish(&mut bounds.iter_mut().collect::<Vec<_>>());
    (bounds, adjustments)
}

fn inodes(bound: &Bound) -> Vec<(u64, Option<u16>)> {
    bound.listeners().map(|(socket, index)| (socket.inode, index)).collect()
}

#[test]
fn sockets_are_kept_when_processes_come_and_go() {
    let endpoint = tcp("127.0.0.1", free_port("127.0.0.1"), true);
    let (two, _) = bind(&[], &[wanted("a", &endpoint, 2)]);
    let before = inodes(&two[0]);
    assert_eq!(before.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [Some(0), Some(1)]);
    let (three, _) = bind(&two, &[wanted("a", &endpoint, 3)]);
    assert_eq!(inodes(&three[0])[..2], before);
    let (one, _) = bind(&three, &[wanted("a", &endpoint, 1)]);
    let expected: Vec<_> = inodes(&three[0]).iter().map(|(i, p)| (*i, p.filter(|p| *p == 0))).collect();
    assert_eq!(inodes(&one[0]), expected, "the queues of those that went belong to all");
    let (again, _) = bind(&one, &[wanted("a", &endpoint, 3)]);
    assert_eq!(inodes(&again[0]), inodes(&three[0]));
}

#[test]
fn a_socket_moves_along_with_its_transport() {
    let endpoint = tcp("127.0.0.1", free_port("127.0.0.1"), false);
    let (first, _) = bind(&[], &[wanted("a", &endpoint, 1)]);
    let (second, _) = bind(&first, &[wanted("b", &endpoint, 4)]);
    assert_eq!((inodes(&first[0]), &*second[0].worker), (inodes(&second[0]), "b"));
}

#[test]
fn sharing_begins_and_ends_on_a_socket_that_listens() {
    let port = free_port("127.0.0.1");
    let (alone, shared) = (tcp("127.0.0.1", port, false), tcp("127.0.0.1", port, true));
    let (first, _) = bind(&[], &[wanted("a", &alone, 2)]);
    let (second, adjustments) = bind(&first, &[wanted("a", &shared, 2), wanted("b", &shared, 1)]);
    assert_eq!(inodes(&second[0])[0], (first[0].common[0].inode, Some(0)));
    assert_eq!(adjustments.len(), 1);
    let (third, _) = bind(&second, &[wanted("a", &alone, 2)]);
    let mut kept: Vec<_> = second.iter().flat_map(inodes).map(|(inode, _)| (inode, None)).collect();
    kept.sort();
    let mut now = inodes(&third[0]);
    now.sort();
    assert_eq!(now, kept, "no queue is lost, not even that of the worker that is gone");
    adjustments.into_iter().for_each(Adjustment::undo);
    assert!(!SockRef::from(&first[0].common[0].fd()).reuse_port().unwrap());
}

#[test]
fn one_address_can_be_had_beside_all_of_them() {
    let port = free_port("127.0.0.1");
    let (all, one) = (tcp("0.0.0.0", port, false), tcp("127.0.0.1", port, false));
    let (first, _) = bind(&[], &[wanted("a", &all, 1)]);
    let (second, _) = bind(&first, &[wanted("a", &one, 1)]);
    assert_ne!(first[0].common[0].inode, second[0].common[0].inode);
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    for bound in first.iter().chain(&second) {
        assert!(!SockRef::from(&bound.common[0].fd()).reuse_port().unwrap());
    }
}

#[test]
fn a_port_that_another_program_has_is_an_error_and_what_was_changed_is_undone() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free_port("127.0.0.1");
    let (alone, shared) = (tcp("127.0.0.1", own, false), tcp("127.0.0.1", own, true));
    let (first, _) = bind(&[], &[wanted("a", &alone, 1)]);
    let names = Names::default();
    let mut binder = Binder::new(first.iter().collect(), &[], "/nowhere".into(), &names);
    let kept = binder.bind(&wanted("a", &shared, 2)).unwrap();
    let other = tcp("127.0.0.1", taken.local_addr().unwrap().port(), false);
    assert!(binder.bind(&wanted("b", &other, 1)).unwrap_err().in_use);
    drop(kept);
    binder.give_up();
    assert!(!SockRef::from(&first[0].common[0].fd()).reuse_port().unwrap());
    TcpStream::connect(("127.0.0.1", own)).unwrap();
}

#[test]
fn a_unix_socket_changes_its_mode_and_keeps_its_name() {
    let temp = TempDir::new();
    let path = temp.path().join("s");
    let unix = |mode| ListeningEndpoint::Unix(UnixListening { mode, ..UnixListening::at(&path) });
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let (before, after) = (unix(0o660), unix(0o600));
    let (first, _) = bind(&[], &[wanted("a", &before, 1)]);
    let (second, adjustments) = bind(&first, &[wanted("b", &after, 1)]);
    assert_eq!((mode(), inodes(&second[0])), (0o600, inodes(&first[0])));
    adjustments.into_iter().for_each(Adjustment::undo);
    assert_eq!(mode(), 0o660);
    drop(first);
    assert!(path.exists(), "the second still has the name");
    drop(second);
    assert!(!path.exists());
}
