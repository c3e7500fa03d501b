package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// built is what the Containerfile builds, laid out in a directory.
type built struct {
	*world
	root                   string
	env                    []string
	uid                    string
	entry, command, health []string
}

// newImage does what the Containerfile says from the build on, but for what needs a container runtime and its registry.
func newImage(t *testing.T) *built {
	t.Helper()
	text, err := os.ReadFile("../../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	file := strings.ReplaceAll(string(text), "\\\n", "")
	i := &built{world: &world{t: t, dir: t.TempDir()}, root: t.TempDir()}
	build, final, found := strings.Cut(file, "\nFROM scratch\n")
	if !found || !strings.Contains(final, "\nCOPY --from=build /out /\n") {
		t.Fatal("the image is no longer what this test takes it for")
	}
	runs := regexp.MustCompile(`(?m)^RUN (.*/out.*)$`).FindAllStringSubmatch(build, -1)
	if len(runs) != 2 {
		t.Fatalf("the Containerfile has %d lines that make the image", len(runs))
	}
	for _, run := range runs {
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(run[1], "/out", i.root))
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "TARGETARCH="+runtime.GOARCH, "VERSION=1.0.0", "COMMIT=0123abc")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", run[1], err, out)
		}
	}
	one := func(pattern string) string {
		found := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringSubmatch(final)
		if found == nil {
			t.Fatalf("the Containerfile has no %s", pattern)
		}
		return found[1]
	}
	list := func(pattern string) (words []string) {
		if err := json.Unmarshal([]byte(one(pattern)), &words); err != nil {
			t.Fatal(err)
		}
		return words
	}
	i.env, i.uid = strings.Fields(one(`ENV (.*)`)), one(`USER (.*)`)
	i.entry, i.command, i.health = list(`ENTRYPOINT (.*)`), list(`CMD (.*)`), list(`HEALTHCHECK .* CMD (.*)`)
	return i
}

// inside is a command of the image as a runtime starts it: in its root, which cannot be written but for the volume, as its user.
func (i *built) inside(command []string) *exec.Cmd {
	const enclose = `set -e; root=$1 user=$2; shift 2
		mount --bind "$root" "$root"; mount --bind "$root/var/lib/tgrelay" "$root/var/lib/tgrelay"; mount -o remount,bind,ro "$root"
		exec env -i $ENVIRONMENT /usr/sbin/chroot --userspec="$user" "$root" "$@"`
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", enclose, "sh", i.root, i.uid}, command...)...)
	cmd.Env = append(os.Environ(), "ENVIRONMENT="+strings.Join(i.env, " "))
	return cmd
}

// The image holds all that the daemon needs, as its user, with nothing to write to but the volume.
func TestContainer(t *testing.T) {
	t.Parallel()
	withRoots(t)
	i := newImage(t)
	sim := start(t, "simulator", "--listen", "127.0.0.1:0", "--token", botToken)
	i.sim, i.relay, i.process = sim.await(t, `serves (http://\S+)`), "http://127.0.0.1:"+freePort(t), sim
	i.secrets()
	i.serve()
	t.Cleanup(i.noSecrets)

	check := i.inside(i.health)
	if out, err := check.CombinedOutput(); err != nil || string(out) != "healthy\n" {
		t.Errorf("health: %v %s", err, out)
	}
	if status, answer := i.call("POST", i.relay+"/api/v1/messages", `{"to":"ops","text":"hello"}`); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", status, answer)
	}
	var link struct{ URL string }
	i.eventually(func() bool { // the bot's name is known a moment after the start
		out, err := i.inside(append(i.entry, "link", "ops", "--json", "--server", i.relay, "--token-file", "/run/secrets/sender-token")).Output()
		return err == nil && json.Unmarshal(out, &link) == nil
	})
	ada := i.user("Ada")
	i.open(ada, link.URL)
	i.messages(ada, 1)
	response, answer := i.exchange("POST", i.relay+"/api/v1/messages", `{"to":"ops","text":"hello"}`, "Content-Type", "application/json", "Authorization", "Bearer sender")
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("with a token: %d %s", response.StatusCode, answer)
	}
	if got := i.messages(ada, 2); got[1].Text != "hello" {
		t.Errorf("arrived: %+v", got)
	}
	if status := i.process.stop(t); status != 0 {
		t.Errorf("status %d:\n%s", status, i.process.text())
	}
	if err := i.inside(i.health).Run(); err == nil {
		t.Error("it is healthy when it is not there")
	}
}

// secrets puts the secrets where a runtime mounts them, and points the image's configuration at the simulator and at a free port of loopback.
func (i *built) secrets() {
	i.t.Helper()
	dir := filepath.Join(i.root, "run/secrets")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		i.t.Fatal(err)
	}
	for name, secret := range map[string]string{"bot-token": botToken, "sender-token": "sender"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(secret), 0o400); err != nil {
			i.t.Fatal(err)
		}
		if err := os.Chown(file, 65532, 65532); err != nil {
			i.t.Fatal(err)
		}
	}
	file := filepath.Join(i.root, "etc/tgrelay/relay.toml")
	config, err := os.ReadFile(file)
	if err != nil {
		i.t.Fatal(err)
	}
	listen := strings.TrimPrefix(i.relay, "http://")
	text := strings.Replace(string(config), "0.0.0.0:9786", listen, 1) + fmt.Sprintf("[telegram]\napi_url = %q\n", i.sim)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		i.t.Fatal(err)
	}
}

func (i *built) serve() {
	i.t.Helper()
	i.process = startAs(i.t, i.inside(append(i.entry, i.command...)))
	i.logs = append(i.logs, i.process)
	i.process.await(i.t, `msg=listening address=(\S+)`)
}
