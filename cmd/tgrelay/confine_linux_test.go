package main_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// confinedBy has the test program lock itself up as systemd does with a service, and become what its arguments say. It holds the system
// calls that are let through, a blank, and the folders that may be written to, with colons.
const confinedBy = "TGRELAY_TEST_CONFINED"

func init() {
	if how := os.Getenv(confinedBy); how != "" {
		confine(how, os.Args[1:])
	}
}

// nobodyID is whom the program becomes when root runs the tests.
const nobodyID = 65534

// confine does not return.
func confine(how string, command []string) {
	runtime.LockOSThread()
	calls, folders, _ := strings.Cut(how, " ")
	if os.Geteuid() == 0 {
		if err := readOnly(strings.Split(folders, ":")); err != nil && !errors.Is(err, unix.EPERM) { // a container may not let us
			panic(err)
		}
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobodyID), syscall.Setuid(nobodyID)); err != nil {
			panic(err)
		}
	}
	os.Unsetenv(confinedBy)
	_ = unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) // MemoryDenyWriteExecute=, from Linux 6.3 on
	if err := seccomp.LoadFilter(filterOf(strings.Split(calls, ","))); err != nil {
		panic(err)
	}
	panic(fmt.Sprint(syscall.Exec(command[0], command, os.Environ())))
}

// filterOf lets calls through and answers all others with EPERM, as the unit's SystemCallErrorNumber= says.
func filterOf(calls []string) seccomp.Filter {
	here, err := arch.GetInfo("")
	if err != nil {
		panic(err)
	}
	var known []string
	for _, name := range calls {
		if _, is := here.SyscallNames[name]; is { // systemd names those of all machines
			known = append(known, name)
		}
	}
	return seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{{Action: seccomp.ActionAllow, Names: known}},
	}}
}

// readOnly leaves nothing to be written but folders, in a view of the files of our own: ProtectSystem=strict.
func readOnly(folders []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := unix.Mount(folder, folder, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := unix.MountSetattr(unix.AT_FDCWD, folder, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
	}
	return nil
}
