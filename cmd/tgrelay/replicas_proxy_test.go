package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Two relays on one database behind each proxy whose configuration for several is shipped: Telegram's webhook comes to either, and neither is missed when
// it is killed, or asked to end.
func TestReplicasBehindProxies(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	for i, name := range []string{"Caddyfile-replicas", "nginx-replicas.conf", "haproxy.cfg"} {
		notices := map[bool]time.Duration{true: 3 * time.Second, false: 200 * time.Millisecond}[i == 0] // Debian's Caddy sends nothing elsewhere that has a body
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := fmt.Sprintf("relay%d", i)
			if out, err := server.Exec("CREATE SCHEMA " + schema); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			f := newFront(t)
			f.extra += fast + fmt.Sprintf("[storage]\nurl = %q\n", server.URL(schema))
			second := f.second()
			f.serve()
			second.serve()
			f.before(name)
			f.check()
			bob := f.user("Bob")
			f.open(bob, f.linked("bob"))
			f.messages(bob, 1)
			f.process.kill()
			time.Sleep(notices)
			f.goesOn(bob, "killed")
			f.serve()
			time.Sleep(6 * time.Second) // the proxies ask it again
			second.process.stop(t)
			time.Sleep(notices)
			f.goesOn(bob, "ended")
		})
	}
}

// second is another relay beside that of a front, with the same configuration.
func (f *front) second() *world {
	f.t.Helper()
	w := &world{t: f.t, dir: f.t.TempDir(), sim: f.sim, relay: "http://" + f.other, extra: f.extra, server: f.server}
	for _, name := range []string{"bot-token", "relay.crt"} {
		text, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			f.t.Fatal(err)
		}
		w.write(name, string(text))
	}
	return w
}

// linked makes a link through the proxy.
func (f *front) linked(recipient string) string {
	f.t.Helper()
	status, answer := f.ask("POST", f.url+"/api/v1/links", proxied, fmt.Sprintf(`{"recipient":%q}`, recipient))
	_, link, _ := strings.Cut(answer, `"url":"`)
	link, _, found := strings.Cut(link, `"`)
	if status != http.StatusCreated || !found {
		f.t.Fatalf("no link: %d %s", status, answer)
	}
	return link
}

// goesOn holds that messages are taken and arrive, and that the bot answers, through the proxy, while one of two relays is away.
func (f *front) goesOn(chat int64, why string) {
	f.t.Helper()
	const many = 20
	before := len(f.texts(chat))
	for n := range many {
		if status, answer := f.ask("POST", f.url+"/api/v1/messages", proxied, fmt.Sprintf(`{"to":"bob","text":"%s %d"}`, why, n)); status != http.StatusAccepted {
			f.t.Errorf("one is %s: %d %s", why, status, answer)
		}
	}
	f.say(chat, chat, "/status")
	f.eventually(func() bool { return len(f.texts(chat)) >= before+many+1 })
	said := strings.Join(f.texts(chat)[before:], "\n")
	if !strings.Contains(said, "Connected as bob") || !strings.Contains(said, fmt.Sprintf("%s %d", why, many-1)) {
		f.t.Errorf("one is %s: %s", why, said)
	}
}
