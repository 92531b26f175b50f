//! Which system calls a process may make: seccomp(2).
//!
//! A list of what is refused, not of what is allowed: which calls the C library makes for a name lookup or a thread
//! differs between its versions, and a process that stops working after an upgrade of the system would be worse than
//! the few harmless calls left. What is refused answers EPERM.

use super::needs::Needs;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, sock_filter,
};
use std::collections::BTreeMap;

/// The rules of a system call: none refuses it always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What no worker has a use for: other processes, other users, the system itself, the young and powerful interfaces
/// that most faults of the kernel are reached by.
const NEVER: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_listen,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_settimeofday,
    libc::SYS_setuid,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// What starts and steers other programs.
const PROGRAMS: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_rt_sigqueueinfo,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// What changes files by their names, or what else there is to say of them: landlock(7) holds none of that back. Whoever
/// makes files gives them their mode when they are made.
const ATTRIBUTES: &[i64] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    SYS_FILE_SETATTR,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    SYS_REMOVEXATTRAT,
    libc::SYS_setxattr,
    SYS_SETXATTRAT,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
];

/// Calls that the C library's table may not have yet; from 424 on, numbers are the same everywhere.
const SYS_FCHMODAT2: i64 = 452;
const SYS_SETXATTRAT: i64 = 463;
const SYS_REMOVEXATTRAT: i64 = 466;
const SYS_FILE_SETATTR: i64 = 469;

/// What gives a process, which need not be the caller, another share of the machine, or a signal.
const SHARES: &[i64] = &[
    libc::SYS_ioprio_set,
    libc::SYS_process_mrelease,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_setpgid,
    libc::SYS_setpriority,
    libc::SYS_tkill,
];

/// The kinds of sockets there is a use for.
const FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// The versions of IP, and the types of their sockets that are not TCP's; names are looked up by the first.
const IP: [i32; 2] = [libc::AF_INET, libc::AF_INET6];
const NOT_TCP: [i32; 5] =
    [libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_RDM, libc::SOCK_SEQPACKET, libc::SOCK_DCCP];
/// Where the type of a socket stands beside its flags.
const TYPE: u64 = 0xf;

pub(super) fn restrict(needs: &Needs) -> Result<(), String> {
    let fail = |e: seccompiler::Error| e.to_string();
    let mut filters = Vec::new();
    #[cfg(target_arch = "x86_64")]
    filters.push(without_x32());
    if !needs.programs {
        // Its flags are in memory, where no filter can look: without it the C library uses clone(2).
        filters.push(filter(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS).map_err(fail)?);
    }
    filters.push(refused(needs).and_then(|rules| filter(rules, libc::EPERM)).map_err(fail)?);
    filters.iter().try_for_each(|filter| apply_filter(filter)).map_err(fail)
}

fn refused(needs: &Needs) -> seccompiler::Result<Rules> {
    let always = NEVER.iter();
    let unless_programs = PROGRAMS.iter().chain(ATTRIBUTES).chain(SHARES).filter(|_| !needs.programs);
    let mut rules: Rules = always.chain(unless_programs).map(|&call| (call, Vec::new())).collect();
    if needs.times {
        rules.remove(&libc::SYS_utimensat);
    }
    // Whoever makes files may still give one its mode, by a descriptor.
    if !needs.programs && needs.write.is_empty() {
        rules.insert(libc::SYS_fchmod, Vec::new());
    }
    rules.insert(libc::SYS_socket, sockets(needs)?);
    rules.insert(libc::SYS_prlimit64, vec![unless_zero(0)?]);
    rules.insert(libc::SYS_sched_setaffinity, vec![unless_zero(0)?]);
    if needs.programs {
        // PRIO_PROCESS is 0: neither groups, nor users, nor others.
        rules.insert(libc::SYS_setpriority, vec![unless_zero(0)?, unless_zero(1)?]);
    } else {
        // To one of its own threads only: abort(3).
        let own = std::process::id().into();
        rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![condition(0, SeccompCmpOp::Ne, own)?])?]);
    }
    // Typing for the user of a terminal.
    rules.insert(
        libc::SYS_ioctl,
        vec![SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, libc::TIOCSTI)?])?],
    );
    if !needs.programs {
        let thread = libc::CLONE_THREAD.unsigned_abs().into();
        let process = condition(0, SeccompCmpOp::MaskedEq(thread), 0)?;
        rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![process])?]);
    }
    Ok(rules)
}

/// Matches where the argument is not 0: where it names a process, one that is not the caller itself.
fn unless_zero(argument: u8) -> seccompiler::Result<SeccompRule> {
    Ok(SeccompRule::new(vec![condition(argument, SeccompCmpOp::Ne, 0)?])?)
}

/// Which sockets are refused.
fn sockets(needs: &Needs) -> seccompiler::Result<Vec<SeccompRule>> {
    let is = |argument, operator, value: i32| condition(argument, operator, value.unsigned_abs().into());
    // The C library's, for a name lookup.
    let netlink = (needs.names || needs.programs).then_some(libc::AF_NETLINK);
    let others = FAMILIES.into_iter().chain(netlink).map(|family| is(0, SeccompCmpOp::Ne, family));
    let mut rules = vec![SeccompRule::new(others.collect::<Result<_, _>>()?)?];
    if needs.programs {
        return Ok(rules);
    }
    for family in IP {
        for kind in NOT_TCP.into_iter().skip(usize::from(needs.names)) {
            let (family, kind) =
                (is(0, SeccompCmpOp::Eq, family)?, is(1, SeccompCmpOp::MaskedEq(TYPE), kind)?);
            rules.push(SeccompRule::new(vec![family, kind])?);
        }
        let (family, protocol) =
            (is(0, SeccompCmpOp::Eq, family)?, is(2, SeccompCmpOp::Eq, libc::IPPROTO_SCTP)?);
        rules.push(SeccompRule::new(vec![family, protocol])?);
    }
    Ok(rules)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> seccompiler::Result<SeccompCondition> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?)
}

/// A program that answers calls which match a rule with an error.
fn filter(rules: Rules, error: i32) -> seccompiler::Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into()?;
    let answer = SeccompAction::Errno(error.unsigned_abs());
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)?.try_into()?)
}

/// x86-64 kernels may know each call by a second number, for the x32 ABI, which the rules do not name.
#[cfg(target_arch = "x86_64")]
fn without_x32() -> BpfProgram {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const X32: u32 = 0x4000_0000;
    let step = |code, jt, k| sock_filter { code, jt, jf: 0, k };
    vec![
        step(LOAD_NUMBER, 0, 0),
        step(AT_LEAST, 1, X32),
        step(ANSWER, 0, libc::SECCOMP_RET_ALLOW),
        step(ANSWER, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()),
    ]
}
