package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/daemon"
	"github.com/tgrelay/tgrelay/relay/render"
)

// toml loads a piece of relay.toml: with a bot's token, where it names none, and with the files that it names.
func (s *session) toml(b *block) {
	s.t.Helper()
	text := strings.ReplaceAll(b.text, "/etc/tgrelay/", s.dir+"/")
	s.filesOf(text)
	has := func(table string) bool { return regexp.MustCompile(`(?m)^\[` + table + `\]`).MatchString(text) }
	if !has("telegram") {
		text = "[telegram]\ntoken_file = \"bot-token\"\n" + text
	}
	if !has("templates") {
		text += "\n[templates]\nfiles = [\"templates/*.tmpl\"]\n"
	}
	c, err := config.Parse(filepath.Join(s.dir, "relay.toml"), []byte(text))
	if err == nil {
		_, err = daemon.Rules(c)
	}
	if err != nil {
		b.errorf(s.t, "%v\n%s", err, b.text)
	}
}

// fileKey is a key that names a file.
var fileKey = regexp.MustCompile(`(?m)^\s*(\w+_file|inlets|files)\s*=\s*\[?"([^"]+)"`)

// filesOf makes the files that a piece of relay.toml names, unless the page made them.
func (s *session) filesOf(text string) {
	s.t.Helper()
	for _, found := range fileKey.FindAllStringSubmatch(text, -1) {
		name := strings.TrimPrefix(found[2], s.dir+"/")
		if _, err := os.Stat(filepath.Join(s.dir, name)); err == nil || found[1] == "files" {
			continue
		}
		switch {
		case strings.Contains(name, "bot-token-"):
			s.write(name, teamToken+"\n")
		case strings.Contains(name, "bot-token"):
			s.write(name, botToken+"\n")
		case found[1] == "web_config_file":
			s.write(name, "{}\n")
		case found[1] == "inlets":
			s.write(strings.ReplaceAll(name, "*", "one"), "name: one\ntemplate: '{{ .Message.text }}'\n")
		case strings.Contains(name, "cert"):
			s.write(name, "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
		case found[1] == "secret_file":
			s.write(name, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
		default:
			s.write(name, "a-secret-of-the-docs\n")
		}
	}
}

// fragments is relay.toml as the page writes it piece by piece; where two say another thing, the later one holds. What is for the daemon's
// own surroundings is left out: this one has some already, and asks for no token.
func (s *session) fragments() string {
	s.t.Helper()
	all := map[string]any{}
	for _, b := range s.page.of("toml") {
		text := s.here(b.text)
		s.filesOf(text)
		var some map[string]any
		if _, err := toml.Decode(text, &some); err != nil {
			b.errorf(s.t, "%v", err)
		}
		merge(all, some)
	}
	for _, own := range []string{"telegram", "server", "storage", "auth", "delivery"} {
		delete(all, own)
	}
	merge(all, map[string]any{"templates": map[string]any{"files": []string{"templates/*.tmpl"}}})
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(all); err != nil {
		s.t.Fatal(err)
	}
	return text.String()
}

func merge(into, from map[string]any) {
	for key, value := range from {
		table, isTable := value.(map[string]any)
		there, wasTable := into[key].(map[string]any)
		if isTable && wasTable {
			merge(there, table)
		} else {
			into[key] = value
		}
	}
}

// templates makes a file of the page's templates, and of those that its receivers name and it does not show.
func (s *session) templates() {
	s.t.Helper()
	var own strings.Builder
	for _, b := range s.page.of("gotmpl") {
		own.WriteString(b.text + "\n")
	}
	builtin, err := render.New(render.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, b := range s.page.of("toml", "json") {
		for _, found := range regexp.MustCompile(`"?template"?\s*[=:]\s*"([^"]+)"`).FindAllStringSubmatch(b.text, -1) {
			if define := fmt.Sprintf("{{ define %q }}", found[1]); !builtin.Has(found[1]) && !strings.Contains(own.String(), define) {
				own.WriteString(define + "{{ . }}{{ end }}\n")
			}
		}
	}
	s.write("templates/page.tmpl", own.String())
}

// gotmpl renders each template that a block defines, with all the fields that it asks for. It may not surprise.
func (s *session) gotmpl(b *block) {
	s.t.Helper()
	set, err := render.New(render.Options{Files: []render.File{{Name: b.page.name, Text: b.text}}, MaxTime: patience})
	if err != nil {
		b.errorf(s.t, "%v", err)
		return
	}
	for _, name := range set.Names() {
		if !set.Own(name) {
			continue
		}
		if warnings, err := set.Lint(name, "MarkdownV2", set.Sample(name)); err != nil || len(warnings) > 0 {
			b.errorf(s.t, "%s: %v %v", name, err, warnings)
		}
	}
}

// yaml hands a file to the program that it is for.
func (s *session) yaml(b *block) {
	s.t.Helper()
	text := s.here(b.text)
	var file map[string]any
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		b.errorf(s.t, "%v", err)
		return
	}
	has := func(key string) bool { return file[key] != nil }
	switch {
	case has("contactPoints") || has("policies"):
		s.grafana(b, text)
	case has("groups"):
		s.tool(b, text, "promtool", "check", "rules")
	case has("scrape_configs"):
		s.tool(b, text, "promtool", "check", "config", "--syntax-only")
	case has("route") || has("receivers"):
		s.tool(b, wholeAlertmanager(file, text), "amtool", "check-config")
	case has("tls_server_config"):
		s.webConfig(b, text)
	default:
		b.errorf(s.t, "nothing here reads this YAML; say why with <!-- not run: … -->")
	}
}

// tool checks a file with a program.
func (s *session) tool(b *block, text, name string, args ...string) {
	s.t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		without(s.t, name, err)
	}
	s.write("checked.yml", text)
	if out, err := exec.Command(name, append(args, filepath.Join(s.dir, "checked.yml"))...).CombinedOutput(); err != nil {
		b.errorf(s.t, "%s: %v\n%s", name, err, out)
	}
}

// wholeAlertmanager adds what a piece of alertmanager.yml leaves to the reader's own: the route, and receivers that routes name.
func wholeAlertmanager(file map[string]any, text string) string {
	if file["route"] == nil {
		file["route"] = map[string]any{"receiver": "telegram"}
	}
	receivers, _ := file["receivers"].([]any)
	known := func(name string) bool {
		return slices.ContainsFunc(receivers, func(r any) bool { return r.(map[string]any)["name"] == name })
	}
	for _, found := range regexp.MustCompile(`(?m)^[ -]*receiver: ([\w-]+)`).FindAllStringSubmatch(text+"\nreceiver: telegram", -1) {
		if !known(found[1]) {
			receivers = append(receivers, map[string]any{"name": found[1]})
		}
	}
	file["receivers"] = receivers
	whole, err := yaml.Marshal(file)
	if err != nil {
		return err.Error() // which amtool refuses
	}
	return string(whole)
}

// provisioning is what Grafana reads of a contact point's file, as far as the documentation has it
// (https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/).
type provisioning struct {
	APIVersion    int `yaml:"apiVersion"`
	ContactPoints []struct {
		OrgID     int    `yaml:"orgId"`
		Name      string `yaml:"name"`
		Receivers []struct {
			UID      string `yaml:"uid"`
			Type     string `yaml:"type"`
			Settings struct {
				URL        string `yaml:"url"`
				HTTPMethod string `yaml:"httpMethod"`
				Scheme     string `yaml:"authorization_scheme"`
				Token      string `yaml:"authorization_credentials"`
				MaxAlerts  int    `yaml:"maxAlerts"`
				HMAC       struct {
					Secret          string `yaml:"secret"`
					Header          string `yaml:"header"`
					TimestampHeader string `yaml:"timestampHeader"`
				} `yaml:"hmacConfig"`
			} `yaml:"settings"`
			DisableResolveMessage bool `yaml:"disableResolveMessage"`
		} `yaml:"receivers"`
	} `yaml:"contactPoints"`
	Policies []struct {
		OrgID          int      `yaml:"orgId"`
		Receiver       string   `yaml:"receiver"`
		GroupBy        []string `yaml:"group_by"`
		GroupWait      string   `yaml:"group_wait"`
		GroupInterval  string   `yaml:"group_interval"`
		RepeatInterval string   `yaml:"repeat_interval"`
	} `yaml:"policies"`
}

func (s *session) grafana(b *block, text string) {
	s.t.Helper()
	var file provisioning
	reader := yaml.NewDecoder(strings.NewReader(text))
	reader.KnownFields(true)
	if err := reader.Decode(&file); err != nil || file.APIVersion != 1 {
		b.errorf(s.t, "apiVersion %d: %v", file.APIVersion, err)
	}
	w := s.running()
	for _, point := range file.ContactPoints {
		for _, r := range point.Receivers {
			status, answer := w.call("POST", r.Settings.URL, payload(s.t, "grafana/firing.json"))
			unsigned := strings.Contains(answer, "invalid_signature") && strings.Contains(string(b.page.source), "hmac_secret")
			if r.Type != "webhook" || r.UID == "" || status != 202 && !unsigned {
				b.errorf(s.t, "%+v: %d %s", r, status, answer)
			}
		}
	}
}

func (s *session) webConfig(b *block, text string) {
	s.t.Helper()
	w := &world{t: s.t, dir: s.dir}
	for _, found := range regexp.MustCompile(`_file: (\S+)\.crt`).FindAllStringSubmatch(text, -1) {
		w.certify(found[1])
	}
	s.write("web.yml", text)
	if err := web.Validate(filepath.Join(s.dir, "web.yml")); err != nil {
		b.errorf(s.t, "%v", err)
	}
}
