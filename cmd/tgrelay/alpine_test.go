package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// alpine looks at what Alpine's apk reads of a package, which is a tarball, and has its service run by OpenRC.
func (d *debian) alpine(file string) {
	t := d.t
	t.Helper()
	tar := func(args ...string) string {
		out, err := exec.Command("tar", append([]string{"--warning=no-unknown-keyword", "-C", d.root, "-f", file}, args...)...).Output()
		if err != nil {
			t.Fatalf("tar %s: %v", args, err)
		}
		return string(out)
	}
	info := tar("-xzO", ".PKGINFO")
	for _, want := range []string{"pkgname = tgrelay\n", "pkgver = 1.0.0-r0\n", fmt.Sprintf("arch = %s\n", map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH])} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in\n%s", want, info)
		}
	}
	for _, script := range []string{".pre-install", ".post-install", ".post-upgrade", ".pre-deinstall"} {
		d.put("root/script", tar("-xzO", script), 0o755)
		d.run("sh -n /root/script")
	}
	tar("-xz", "etc", "usr")
	// The user, as the script before the installation makes it with busybox.
	d.run("echo tgrelay:x:999: >> /etc/group; echo tgrelay:x:999:999:tgrelay:/var/lib/tgrelay:/sbin/nologin >> /etc/passwd; echo 'tgrelay:!:20000::::::' >> /etc/shadow")
	d.run(d.configuration() + "; umask 077; echo " + botToken + " > /etc/tgrelay/bot-token")
	out, err := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc="+filepath.Join(d.root, "proc"), "chroot", d.root, "sh", "/root/openrc").CombinedOutput()
	if err != nil {
		t.Fatalf("OpenRC: %v\n%s", err, out)
	}
	for _, want := range []string{"tgrelay 700 /var/lib/tgrelay\n", "tgrelay 600 /var/lib/tgrelay/relay.db\n", "tgrelay 400 /run/tgrelay/bot-token\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("OpenRC: no %q in\n%s", want, out)
		}
	}
}
