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

/// The kinds of sockets there is a use for; AF_NETLINK is the C library's, for a name lookup.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

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
    let always = NEVER.iter().chain(PROGRAMS.iter().filter(|_| !needs.programs));
    let mut rules: Rules = always.map(|&call| (call, Vec::new())).collect();
    let family = |&family: &i32| condition(0, SeccompCmpOp::Ne, family.unsigned_abs().into());
    let families = FAMILIES.iter().map(family).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(families)?]);
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
