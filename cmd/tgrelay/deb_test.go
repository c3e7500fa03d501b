package main_test

import (
	"context"
	"database/sql"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// packages makes this machine's packages of a version and returns their names without the extension.
func packages(t *testing.T, version, formats string) string {
	t.Helper()
	dist := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "../../packaging/package", runtime.GOARCH)
	cmd.Env = append(os.Environ(), "DIST="+dist, "VERSION="+version, "COMMIT=0123abc", "SOURCE_DATE_EPOCH=1767225600", "FORMATS="+formats)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make packages: %v\n%s", err, out)
	}
	return filepath.Join(dist, "tgrelay_"+version+"_"+runtime.GOARCH)
}

// debian is a machine of its own: a root with nothing but the distribution's essential packages and apt, something that stands in for systemd, and
// OpenRC, to try what Alpine has.
type debian struct {
	*world
	root string
}

// withRoots ends a test where its process may not make roots of its own.
func withRoots(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		without(t, "root", os.ErrPermission)
	}
	if err := exec.Command("unshare", "--mount", "--pid", "--fork", "true").Run(); err != nil {
		without(t, "the right to mount", err)
	}
}

// newDebian makes a root from the mirror that apt has.
func newDebian(t *testing.T) *debian {
	t.Helper()
	withRoots(t)
	for _, tool := range []string{"mmdebstrap", "lintian", "rpm"} {
		if _, err := exec.LookPath(tool); err != nil {
			without(t, tool, err)
		}
	}
	const mirror = `. /etc/os-release; exec apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" "Component: main"`
	out, err := exec.Command("sh", "-c", mirror).Output()
	source, _, _ := strings.Cut(string(out), "\n")
	if err != nil || source == "" {
		without(t, "a Debian mirror in apt's configuration", err)
	}
	d := &debian{&world{t: t, dir: t.TempDir()}, filepath.Join(t.TempDir(), "root")}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=apt", "--include=openrc", strings.Fields(source)[1], d.root, "deb "+source).CombinedOutput(); err != nil {
		t.Fatalf("mmdebstrap: %v\n%s", err, out)
	}
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken)
	d.sim, d.relay, d.process = sim.await(t, `serves (http://\S+)`), "http://127.0.0.1:"+freePort(t), sim
	systemctl, err := os.ReadFile("testdata/systemctl")
	if err != nil {
		t.Fatal(err)
	}
	d.put("usr/bin/systemctl", string(systemctl), 0o755)
	if err := os.MkdirAll(filepath.Join(d.root, "run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.try("systemctl stop tgrelay")
		if said, err := d.try("tail -n 50 /var/log/tgrelay.log"); t.Failed() {
			t.Logf("the relay said: %s %v", said, err)
		}
	})
	return d
}

func (d *debian) put(path, text string, mode os.FileMode) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.root, path), []byte(text), mode); err != nil {
		d.t.Fatal(err)
	}
}

func (d *debian) get(path string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.root, path))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// try runs a line of shell as root of that machine.
func (d *debian) try(line string) (string, error) {
	cmd := exec.Command("chroot", d.root, "sh", "-c", line)
	cmd.Env = []string{"TGRELAY_SERVER=" + d.relay, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// documented runs what docs/install.md says under a name, but for making the link, with the token as what is pasted.
func (d *debian) documented(name string) string {
	d.t.Helper()
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		d.t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- not run: [^>]*: " + name + " -->\n```sh\n(.*?)```").FindSubmatch(page)
	if block == nil {
		d.t.Fatalf("docs/install.md has no block named %s", name)
	}
	lines := strings.ReplaceAll(string(block[1]), "amd64", runtime.GOARCH)
	lines = strings.Replace(lines, "\n(umask", "\n"+d.configuration()+"\n(umask", 1)
	return d.run("cd /root && set -e && exec 2>&1 <<'PASTED'\n" + botToken + "\nPASTED\n" + strings.ReplaceAll(lines, "\ntgrelay link ops\n", "\n"))
}

// run runs a line that succeeds, and returns what it says.
func (d *debian) run(line string) string {
	d.t.Helper()
	out, err := d.try(line)
	if err != nil {
		log, _ := d.try("cat /var/log/tgrelay.log")
		d.t.Fatalf("%s: %v\n%s%s", line, err, out, log)
	}
	return out
}

// take copies a file there, under the same name.
func (d *debian) take(file string) string {
	d.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	d.put("root/"+filepath.Base(file), string(text), 0o644)
	return "/root/" + filepath.Base(file)
}

// configuration points relay.toml at the simulator and at a free port, as its administrator would change it.
func (d *debian) configuration() string {
	listen := strings.TrimPrefix(d.relay, "http://")
	return `sed -i -e '0,/^# api_url = /s|^# api_url = .*|api_url = "` + d.sim + `"|' -e 's|^# listen = .*|listen = ["` + listen + `"]|' /etc/tgrelay/relay.toml`
}

// linked makes a link as the documentation does, and opens it.
func (d *debian) linked(name string) (chat int64) {
	d.t.Helper()
	var link string
	d.eventually(func() bool { // the bot's name is known a moment after the start
		out, err := d.try("tgrelay link ops 2>/dev/null")
		link = strings.TrimSpace(out)
		return err == nil
	})
	chat = d.user(name)
	d.open(chat, link)
	d.messages(chat, 1)
	return chat
}

func (d *debian) ready() {
	d.t.Helper()
	d.eventually(func() bool {
		_, err := d.try("tgrelay health --ready")
		return err == nil
	})
}

// files are all files but what apt, dpkg and the test itself write.
func (d *debian) files() []string {
	return strings.Fields(d.run(`find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /var/cache -o -path /var/log -o -path /var/lib/apt -o -path /root -o -path /run/systemctl.log -o -path /run/lock \) -prune -o -print | sort`))
}

// same holds that what is there is what was there.
func (d *debian) same(before []string) {
	d.t.Helper()
	for _, file := range d.files() {
		if !slices.Contains(before, file) && file != "/var/lib/private" { // systemd's own
			d.t.Errorf("%s is left", file)
		}
	}
}

// A Debian machine gets the package, with a storage of the oldest schema; it is told what to do, does it, sends, takes a new version while it
// runs, and gets rid of all of it. Then the rpm does the same by its own scripts, the tarball by what its user is told, and the apk's service by OpenRC.
func TestPackagesOnAMachine(t *testing.T) {
	t.Parallel()
	d := newDebian(t)
	before := d.files()
	older, newer := packages(t, "0.9.0", "deb rpm"), packages(t, "1.0.0", "deb rpm apk")
	if out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", newer+".deb").CombinedOutput(); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	d.debianPackage(older, newer)
	d.same(before)
	d.rpm(older, newer)
	d.tarball(newer)
	d.run("systemctl stop tgrelay; rm -r /etc/tgrelay /var/lib/tgrelay /var/lib/private/tgrelay")
	d.linkedStatically(filepath.Join(filepath.Dir(newer), "bin", runtime.GOARCH, "tgrelay"))
	d.take("testdata/openrc")
	d.alpine(newer + ".apk")
}

func (d *debian) debianPackage(older, newer string) {
	t := d.t
	d.take(older + ".deb")
	d.fixture("var/lib/private/tgrelay")
	if told := d.documented("install"); !strings.Contains(told, "systemctl start tgrelay\n") {
		t.Errorf("the installation does not say what is next:\n%s", told)
	}
	if log := d.get("run/systemctl.log"); strings.Count(log, "start") != 1 {
		t.Errorf("it was started without a token:\n%s", log)
	}
	d.ready()
	d.run("tgrelay check")
	if out := d.run("tgrelay recipients"); !strings.Contains(out, "alice") {
		t.Errorf("the storage of the oldest schema was not taken over: %q", out)
	}
	ada := d.linked("Ada")
	d.send("ops", "before the upgrade")
	d.send("later", "held over the upgrade")
	d.messages(ada, 2)

	pid, said := d.get("run/tgrelay.pid"), d.run("apt-get install -y "+d.take(newer+".deb"))
	if pid == d.get("run/tgrelay.pid") || strings.Contains(said, "waits for its bot's token") {
		t.Errorf("the upgrade did not restart it, or tells an administrator of years how to begin:\n%s", said)
	}
	d.ready()
	if out := d.run("tgrelay version"); !strings.Contains(out, "tgrelay 1.0.0 (commit 0123abc, ") {
		t.Errorf("after the upgrade: %s", out)
	}
	if !strings.Contains(d.get("etc/tgrelay/relay.toml"), d.sim) {
		t.Error("the upgrade changed relay.toml")
	}
	if bob := d.messages(d.connect("Bob", "later"), 2); bob[1].Text != "held over the upgrade" {
		t.Errorf("after the upgrade: %+v", bob)
	}
	d.send("ops", "after the upgrade")
	if got := d.messages(ada, 3); got[2].Text != "after the upgrade" {
		t.Errorf("after the upgrade: %+v", got)
	}
	d.run("systemctl stop tgrelay")
	d.run("dpkg -i " + "/root/" + filepath.Base(newer) + ".deb")
	if _, err := d.try("systemctl is-active tgrelay"); err == nil {
		t.Error("an upgrade started what its administrator had stopped")
	}
	d.run("systemctl start tgrelay")
	d.run("apt-get remove -y tgrelay")
	if _, err := d.try("systemctl is-active tgrelay"); err == nil {
		t.Error("it runs on after its removal")
	}
	if d.get("etc/tgrelay/bot-token") == "" || d.get("var/lib/private/tgrelay/relay.db") == "" {
		t.Error("the removal took what is the administrator's")
	}
	d.run("apt-get purge -y tgrelay")
}

// fixture puts a storage there as the first version left it.
func (d *debian) fixture(dir string) {
	d.t.Helper()
	schema, err := os.ReadFile("../../relay/store/testdata/schema/0001.sql")
	if err != nil {
		d.t.Fatal(err)
	}
	d.run("mkdir -p /" + dir)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(d.root, dir, "relay.db")+"?_auto_vacuum=incremental&_journal_mode=WAL")
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := db.Exec(string(schema)); err != nil {
		d.t.Error(err)
	}
	if err := db.Close(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *debian) rpm(older, newer string) {
	t := d.t
	rpm := func(args ...string) string {
		out, err := exec.Command("rpm", append([]string{"--root", d.root, "--nodeps"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if told := rpm("-i", older+".rpm"); !strings.Contains(told, "systemctl enable --now tgrelay\n") {
		t.Errorf("the installation does not say what is next:\n%s", told)
	}
	d.run(d.configuration() + "; echo " + botToken + " > /etc/tgrelay/bot-token; systemctl start tgrelay")
	d.ready()
	pid := d.get("run/tgrelay.pid")
	rpm("-U", newer+".rpm")
	d.ready()
	if pid == d.get("run/tgrelay.pid") || !strings.Contains(d.run("tgrelay version"), "tgrelay 1.0.0 ") || !strings.Contains(d.get("etc/tgrelay/relay.toml"), d.sim) {
		t.Error("the upgrade did not restart it, or changed relay.toml")
	}
	rpm("-e", "tgrelay")
	if !strings.Contains(d.get("run/systemctl.log"), "disable --now tgrelay.service") {
		t.Errorf("the removal did not stop it: %s", d.get("run/systemctl.log"))
	}
	d.run("test ! -e /usr/bin/tgrelay && test -e /etc/tgrelay/bot-token && rm -r /etc/tgrelay /var/lib/tgrelay /var/lib/private/tgrelay")
}

// tarball installs by hand.
func (d *debian) tarball(newer string) {
	d.take(newer + ".tar.gz")
	d.documented("tarball")
	d.ready()
	eve := d.linked("Eve")
	d.send("ops", "from a tarball")
	if got := d.messages(eve, 2); got[1].Text != "from a tarball" {
		d.t.Errorf("%+v", got)
	}
	d.take(filepath.Join(filepath.Dir(newer), "SHA256SUMS"))
	if out := d.documented("verify"); !strings.Contains(out, filepath.Base(newer)+".tar.gz: OK\n") || strings.Contains(out, "FAILED") {
		d.t.Errorf("verify: %s", out)
	}
}

// linkedStatically holds that a binary needs nothing of the system, so that one is right for glibc and for musl.
func (d *debian) linkedStatically(file string) {
	d.t.Helper()
	binary, err := elf.Open(file)
	if err != nil {
		d.t.Fatal(err)
	}
	defer binary.Close()
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		d.t.Errorf("it needs %v, %v", libraries, err)
	}
	for _, part := range binary.Progs {
		if part.Type == elf.PT_INTERP {
			d.t.Error("it needs a dynamic linker")
		}
	}
}
